// SPDX-License-Identifier: GPL-2.0
/* A weighbridge: lorries are weighed over /dev/weighbridge under the scale's spinlock; a kernel thread sets it to zero. */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct scale {
	u32 number;
	s32 zero;
	spinlock_t lock;
	u64 weighed;
	u32 last[8];
	u32 overloads;
};

static struct scale *scales[3];

static inline bool scale_bears(const struct scale *scale, u32 kilos)
{
	return kilos < 40000 + scale->number * 1000;
}

static noinline int scale_weigh(struct scale *scale, u32 kilos)
{
	spin_lock(&scale->lock); /* guilty */
	if (!scale_bears(scale, kilos)) {
		scale->overloads++;
		return -ERANGE; /* guilty */
	}
	scale->last[scale->weighed++ % 8] = kilos + scale->zero;
	spin_unlock(&scale->lock);
	return 0;
}

static noinline void scale_tare(struct scale *scale)
{
	spin_lock(&scale->lock);
	scale->zero = (scale->zero + 3) % 11;
	spin_unlock(&scale->lock);
}

static int scale_keeper(void *data)
{
	unsigned int at;

	while (!kthread_should_stop()) {
		for (at = 0; at < ARRAY_SIZE(scales); at++)
			scale_tare(scales[at]);
		msleep(700);
	}
	return 0;
}

static ssize_t bridge_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 scale, kilos;
	int status;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "weigh %u %u", &scale, &kilos) != 2 || scale > 2)
		return -EINVAL;
	status = scale_weigh(scales[scale], kilos);
	return status ? status : size;
}

static const struct file_operations bridge_fops = { .owner = THIS_MODULE, .write = bridge_write };
static struct miscdevice bridge_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "weighbridge", .fops = &bridge_fops };

static int __init weighbridge_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(scales); at++) {
		scales[at] = kzalloc(sizeof(*scales[at]), GFP_KERNEL);
		if (!scales[at])
			return -ENOMEM;
		spin_lock_init(&scales[at]->lock);
		scales[at]->number = at;
		lab_address("scale", scales[at]);
	}
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	kthread_run(scale_keeper, NULL, "scale-keeper");
	return misc_register(&bridge_misc);
}
module_init(weighbridge_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("weighbridge");
