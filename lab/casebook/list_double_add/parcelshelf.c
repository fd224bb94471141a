// SPDX-License-Identifier: GPL-2.0
/*
 * Parcels on a shelf. /proc/shelf takes one command a write: file N, fetch N, return N.
 */
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define PARCELS 8

struct shelf_parcel {
	u32 number;
	u32 weight;
	struct list_head node;
	u64 filed;
};

struct shelf {
	spinlock_t lock;
	struct list_head parcels;
	struct shelf_parcel *known[PARCELS];
	u32 count;
};

static struct shelf *shelf;

static noinline void shelf_file(struct shelf *on, struct shelf_parcel *parcel)
{
	spin_lock(&on->lock);
	list_add(&parcel->node, &on->parcels); /* guilty */
	on->count++;
	parcel->filed = jiffies;
	spin_unlock(&on->lock);
}

static noinline void shelf_fetch(struct shelf *from, struct shelf_parcel *parcel)
{
	spin_lock(&from->lock);
	list_del_init(&parcel->node);
	from->count--;
	spin_unlock(&from->lock);
}

static noinline void parcel_return(struct shelf *to, struct shelf_parcel *parcel)
{
	parcel->weight++;
	shelf_file(to, parcel); /* guilty */
}

static ssize_t shelf_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], command[16];
	unsigned int number;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%15s %u", command, &number) != 2 || number >= PARCELS)
		return -EINVAL;
	if (!strcmp(command, "file")) {
		shelf_file(shelf, shelf->known[number]);
	} else if (!strcmp(command, "fetch")) {
		shelf_fetch(shelf, shelf->known[number]);
	} else if (!strcmp(command, "return")) {
		lab_number("tasks", lab_count_tasks());
		parcel_return(shelf, shelf->known[number]);
	}
	return size;
}

static const struct proc_ops shelf_proc = { .proc_write = shelf_write };

static int __init parcelshelf_init(void)
{
	u32 number;

	shelf = kzalloc(sizeof(*shelf), GFP_KERNEL);
	if (!shelf || !proc_create("shelf", 0200, NULL, &shelf_proc))
		return -ENOMEM;
	spin_lock_init(&shelf->lock);
	INIT_LIST_HEAD(&shelf->parcels);
	for (number = 0; number < PARCELS; number++) {
		shelf->known[number] = kzalloc(sizeof(struct shelf_parcel), GFP_KERNEL);
		if (!shelf->known[number])
			return -ENOMEM;
		shelf->known[number]->number = number;
		INIT_LIST_HEAD(&shelf->known[number]->node);
	}
	lab_address("parcel", shelf->known[3]);
	lab_watch_panic();
	return 0;
}
module_init(parcelshelf_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("parcel shelf");
