// SPDX-License-Identifier: GPL-2.0
/* A herbarium: sheets under a semaphore for reading and writing; a look-up that misses makes the sheet. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct plant {
	struct list_head link;
	u32 family;
	u32 seen;
	char where[24];
};

struct herbarium {
	struct rw_semaphore sheets_sem;
	struct list_head sheets;
	u32 count;
	u32 looked;
};

static struct herbarium herb;

static noinline struct plant *herb_make(struct herbarium *own, u32 family)
{
	struct plant *plant = kzalloc(sizeof(*plant), GFP_KERNEL);

	if (!plant)
		return NULL;
	plant->family = family;
	snprintf(plant->where, sizeof(plant->where), "drawer %u", family / 10);
	down_write(&own->sheets_sem); /* guilty */
	list_add(&plant->link, &own->sheets);
	own->count++;
	up_write(&own->sheets_sem);
	return plant;
}

static inline struct plant *herb_find(struct herbarium *own, u32 family)
{
	struct plant *plant;

	list_for_each_entry(plant, &own->sheets, link)
		if (plant->family == family)
			return plant;
	return NULL;
}

static noinline int herb_look(struct herbarium *own, u32 family)
{
	struct plant *plant;

	down_read(&own->sheets_sem);
	plant = herb_find(own, family);
	if (!plant)
		plant = herb_make(own, family); /* guilty */
	if (plant)
		plant->seen++;
	up_read(&own->sheets_sem);
	return plant ? 0 : -ENOMEM;
}

static int herb_count(void *data)
{
	struct herbarium *own = data;
	struct plant *plant;

	while (!kthread_should_stop()) {
		down_read(&own->sheets_sem);
		list_for_each_entry(plant, &own->sheets, link)
			own->looked += plant->seen;
		up_read(&own->sheets_sem);
		msleep(70);
	}
	return 0;
}

static ssize_t herb_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 family;
	int status = -EINVAL;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "look %u", &family) == 1)
		status = herb_look(&herb, family);
	else if (sscanf(text, "make %u", &family) == 1)
		status = herb_make(&herb, family) ? 0 : -ENOMEM;
	return status ? status : size;
}

static const struct file_operations herb_fops = { .owner = THIS_MODULE, .write = herb_write };
static struct miscdevice herb_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "herbarium", .fops = &herb_fops };

static int __init herbarium_init(void)
{
	init_rwsem(&herb.sheets_sem);
	INIT_LIST_HEAD(&herb.sheets);
	lab_address("herbarium", &herb);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	kthread_run(herb_count, &herb, "herb-count");
	return misc_register(&herb_misc);
}
module_init(herbarium_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("herbarium");
