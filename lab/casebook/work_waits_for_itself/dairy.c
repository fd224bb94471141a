// SPDX-License-Identifier: GPL-2.0
/* A dairy: a churn is worked by a work item, which shuts the churn down when the butter has come; /dev/dairy fills and shuts. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct churn {
	u32 number;
	u32 litres;
	u32 strokes;
	u32 state;
	struct delayed_work stroke;
	u64 butter;
};

static struct churn *churns[3];

static noinline void churn_shut(struct churn *churn)
{
	churn->state = 0;
	cancel_delayed_work_sync(&churn->stroke); /* guilty */
	churn->butter += churn->litres / 20;
	churn->litres = 0;
}

static inline bool churn_done(const struct churn *churn)
{
	return churn->strokes >= churn->litres / 4;
}

static void churn_stroke(struct work_struct *work)
{
	struct churn *churn = container_of(work, struct churn, stroke.work);

	churn->strokes++;
	if (churn_done(churn)) {
		churn_shut(churn); /* guilty */
		return;
	}
	schedule_delayed_work(&churn->stroke, msecs_to_jiffies(50));
}

static ssize_t dairy_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 number, litres;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "fill %u %u", &number, &litres) == 2 && number < 3) {
		churns[number]->litres = litres;
		churns[number]->strokes = 0;
		churns[number]->state = 1;
		schedule_delayed_work(&churns[number]->stroke, msecs_to_jiffies(50));
	} else if (sscanf(text, "shut %u", &number) == 1 && number < 3) {
		churn_shut(churns[number]);
	} else {
		return -EINVAL;
	}
	return size;
}

static const struct file_operations dairy_fops = { .owner = THIS_MODULE, .write = dairy_write };
static struct miscdevice dairy_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "dairy", .fops = &dairy_fops };

static int __init dairy_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(churns); at++) {
		churns[at] = kzalloc(sizeof(*churns[at]), GFP_KERNEL);
		if (!churns[at])
			return -ENOMEM;
		churns[at]->number = at;
		INIT_DELAYED_WORK(&churns[at]->stroke, churn_stroke);
		lab_address("churn", churns[at]);
	}
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&dairy_misc);
}
module_init(dairy_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("dairy");
