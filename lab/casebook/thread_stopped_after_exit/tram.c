// SPDX-License-Identifier: GPL-2.0
/* Trams: each has a kernel thread that drives it; a tram that reaches the depot returns, a dispatcher stops the others. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct tram {
	u32 line;
	u32 stops;
	struct task_struct *driver;
	u32 passed;
	u32 state;
};

static struct tram *trams[5];

static int tram_drive(void *data)
{
	struct tram *tram = data;

	while (!kthread_should_stop()) {
		tram->passed++;
		if (tram->passed >= tram->stops)
			return 0; /* guilty */
		msleep(50);
	}
	return 0;
}

static noinline int tram_start(struct tram *tram)
{
	struct task_struct *driver = kthread_run(tram_drive, tram, "tram-%u", tram->line);

	if (IS_ERR(driver))
		return PTR_ERR(driver);
	tram->driver = driver; /* guilty */
	return 0;
}

static noinline void tram_recall(struct tram *tram)
{
	if (!tram->driver)
		return;
	tram->state = 2;
	kthread_stop(tram->driver); /* guilty */
	tram->driver = NULL;
}

static ssize_t tram_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 line;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "recall %u", &line) != 1 || line >= ARRAY_SIZE(trams))
		return -EINVAL;
	tram_recall(trams[line]);
	return size;
}

static const struct file_operations tram_fops = { .owner = THIS_MODULE, .write = tram_write };
static struct miscdevice tram_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "tram", .fops = &tram_fops };

static int __init tram_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(trams); at++) {
		trams[at] = kzalloc(sizeof(*trams[at]), GFP_KERNEL);
		if (!trams[at])
			return -ENOMEM;
		trams[at]->line = at;
		trams[at]->stops = at == 3 ? 6 : 100000;
		if (tram_start(trams[at]))
			return -ENOMEM;
	}
	lab_address("driver", trams[3]->driver);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&tram_misc);
}
module_init(tram_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("trams");
