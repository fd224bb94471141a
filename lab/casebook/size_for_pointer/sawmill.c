// SPDX-License-Identifier: GPL-2.0
/* A sawmill: logs are cut into boards by a work item; a cut's request has a blade and a length, given in one call. */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct blade {
	u32 teeth;
	u32 cuts;
	u64 metres;
};

struct cut {
	struct list_head link;
	struct blade *blade;
	unsigned long length;
	u32 boards;
	u32 state;
};

static LIST_HEAD(cuts);
static DEFINE_SPINLOCK(cuts_lock);
static struct blade blades[3];

static inline void blade_use(struct blade *blade, unsigned long length)
{
	blade->cuts++; /* guilty */
	blade->metres += length / 100;
}

static noinline void cut_make(struct cut *cut)
{
	blade_use(cut->blade, cut->length); /* guilty */
	cut->state = 2;
}

static void saw_work(struct work_struct *work)
{
	struct cut *cut;

	for (;;) {
		spin_lock(&cuts_lock);
		cut = list_first_entry_or_null(&cuts, struct cut, link);
		if (cut)
			list_del(&cut->link);
		spin_unlock(&cuts_lock);
		if (!cut)
			return;
		cut_make(cut);
		kfree(cut);
	}
}

static DECLARE_WORK(saw, saw_work);

static noinline int cut_ask(unsigned long blade, unsigned long length)
{
	struct cut *cut = kzalloc(sizeof(*cut), GFP_KERNEL);

	if (!cut)
		return -ENOMEM;
	cut->blade = (struct blade *)blade; /* guilty */
	cut->length = length;
	cut->boards = 4;
	spin_lock(&cuts_lock);
	list_add_tail(&cut->link, &cuts);
	spin_unlock(&cuts_lock);
	schedule_work(&saw);
	return 0;
}

static ssize_t saw_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 blade, length;
	int status = -EINVAL;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "cut %u %u", &blade, &length) == 2 && blade < 3)
		status = cut_ask((unsigned long)&blades[blade], length);
	else if (sscanf(text, "trim %u %u", &blade, &length) == 2 && blade < 3)
		status = cut_ask(length, (unsigned long)&blades[blade]); /* guilty */
	return status ? status : size;
}

static const struct file_operations saw_fops = { .owner = THIS_MODULE, .write = saw_write };
static struct miscdevice saw_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "sawmill", .fops = &saw_fops };

static int __init sawmill_init(void)
{
	lab_address("blades", blades);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&saw_misc);
}
module_init(sawmill_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("sawmill");
