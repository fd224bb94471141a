// SPDX-License-Identifier: GPL-2.0
/* A printery: presses with a queue of sheets; each press is driven by a work item of its own on an ordered work queue. */
#include <linux/list.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/delay.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct sheet {
	struct list_head link;
	u32 copies;
	char title[28];
};

struct press {
	u32 number;
	u32 printed;
	spinlock_t lock;
	struct list_head sheets;
	struct work_struct roll;
	char model[16];
};

struct printery {
	struct workqueue_struct *floor;
	struct press *presses[4];
};

static struct printery house;

static void press_roll(struct work_struct *work)
{
	struct press *press = container_of(work, struct press, roll);
	struct sheet *sheet;

	spin_lock(&press->lock);
	sheet = list_first_entry_or_null(&press->sheets, struct sheet, link);
	if (sheet)
		list_del(&sheet->link);
	spin_unlock(&press->lock);
	if (!sheet)
		return;
	msleep(20 * sheet->copies);
	press->printed += sheet->copies;
	kfree(sheet);
}

static noinline void press_setup(struct press *press, unsigned int number)
{
	press->number = number;
	press->printed = 0;
	snprintf(press->model, sizeof(press->model), "mk%u", number + 3);
	INIT_WORK(&press->roll, press_roll); /* guilty */
}

static noinline int press_print(struct printery *own, struct press *press, u32 copies)
{
	struct sheet *sheet = kzalloc(sizeof(*sheet), GFP_KERNEL);

	if (!sheet)
		return -ENOMEM;
	sheet->copies = copies;
	snprintf(sheet->title, sizeof(sheet->title), "sheet %u", copies);
	spin_lock(&press->lock);
	list_add_tail(&sheet->link, &press->sheets);
	spin_unlock(&press->lock);
	queue_work(own->floor, &press->roll); /* guilty */
	return 0;
}

static noinline void press_reset(struct printery *own, struct press *press)
{
	spin_lock(&press->lock);
	press_setup(press, press->number); /* guilty */
	spin_unlock(&press->lock);
}

static ssize_t print_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32];
	u32 press, copies;
	int status = -EINVAL;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "print %u %u", &press, &copies) == 2 && press < 4)
		status = press_print(&house, house.presses[press], copies);
	else if (sscanf(text, "reset %u", &press) == 1 && press < 4) {
		press_reset(&house, house.presses[press]);
		status = 0;
	}
	return status ? status : size;
}

static const struct file_operations print_fops = { .owner = THIS_MODULE, .write = print_write };
static struct miscdevice print_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "printery", .fops = &print_fops };

static int __init printery_init(void)
{
	unsigned int at;

	house.floor = alloc_ordered_workqueue("printery", 0);
	if (!house.floor)
		return -ENOMEM;
	for (at = 0; at < 4; at++) {
		struct press *press = kzalloc(sizeof(*press), GFP_KERNEL);

		if (!press)
			return -ENOMEM;
		spin_lock_init(&press->lock);
		INIT_LIST_HEAD(&press->sheets);
		press_setup(press, at);
		house.presses[at] = press;
	}
	lab_address("press", house.presses[2]);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&print_misc);
}
module_init(printery_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("printery");
