// SPDX-License-Identifier: GPL-2.0
/* Orders of a kitchen wait in one queue; those in a hurry are put in a second one. /proc/kitchen takes "order N", "rush N", "serve N". */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct meal {
	u32 table;
	u32 courses;
	u64 placed;
	struct list_head queue;
	char dish[24];
};

struct kitchen {
	struct mutex busy;
	struct list_head waiting;
	struct list_head rushed;
	u32 served;
	struct meal *by_table[16];
};

static struct kitchen kitchen;

static noinline int kitchen_order(struct kitchen *own, u32 table)
{
	struct meal *meal = kzalloc(sizeof(*meal), GFP_KERNEL);

	if (!meal)
		return -ENOMEM;
	meal->table = table;
	meal->courses = 1 + table % 3;
	meal->placed = jiffies;
	snprintf(meal->dish, sizeof(meal->dish), "dish %u", table * 7);
	list_add_tail(&meal->queue, &own->waiting);
	own->by_table[table] = meal;
	return 0;
}

static noinline int kitchen_rush(struct kitchen *own, u32 table)
{
	struct meal *meal = own->by_table[table];

	if (!meal)
		return -ENOENT;
	meal->courses = 1;
	lab_address("meal", meal);
	list_add_tail(&meal->queue, &own->rushed); /* guilty */
	return 0;
}

static noinline int kitchen_serve(struct kitchen *own, u32 table)
{
	struct meal *meal = own->by_table[table];

	if (!meal)
		return -ENOENT;
	own->by_table[table] = NULL;
	lab_number("tasks", lab_count_tasks());
	list_del(&meal->queue);
	own->served++;
	kfree(meal);
	return 0;
}

static ssize_t kitchen_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], verb[8];
	u32 table;
	int status = -EINVAL;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "%7s %u", verb, &table) != 2 || table >= 16)
		return -EINVAL;
	mutex_lock(&kitchen.busy);
	if (!strcmp(verb, "order"))
		status = kitchen_order(&kitchen, table);
	else if (!strcmp(verb, "rush"))
		status = kitchen_rush(&kitchen, table);
	else if (!strcmp(verb, "serve"))
		status = kitchen_serve(&kitchen, table);
	mutex_unlock(&kitchen.busy);
	return status ? status : size;
}

static const struct proc_ops kitchen_ops = { .proc_write = kitchen_write };

static int __init kitchen_init(void)
{
	mutex_init(&kitchen.busy);
	INIT_LIST_HEAD(&kitchen.waiting);
	INIT_LIST_HEAD(&kitchen.rushed);
	lab_watch_panic();
	return proc_create("kitchen", 0200, NULL, &kitchen_ops) ? 0 : -ENOMEM;
}
module_init(kitchen_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("kitchen");
