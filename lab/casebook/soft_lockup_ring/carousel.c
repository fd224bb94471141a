// SPDX-License-Identifier: GPL-2.0
/* Carriages of a carousel in a ring of list_heads; those that are to be painted are moved to the shop and back. */
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define CARRIAGES 9

struct carriage {
	u32 number;
	u32 coats;
	u64 rides;
	struct list_head ring;
};

struct carousel {
	struct miscdevice device;
	spinlock_t lock;
	struct list_head ring;
	u32 turns;
	struct carriage *all[CARRIAGES];
};

static struct carousel *carousel;

static noinline u32 ring_ride(struct carousel *own)
{
	struct carriage *carriage;
	u32 riders = 0;

	list_for_each_entry(carriage, &own->ring, ring) { /* guilty */
		carriage->rides++;
		riders += carriage->number & 1;
	}
	own->turns++;
	return riders;
}

static noinline void ring_splice_back(struct carousel *own, struct list_head *first, struct list_head *last)
{
	last->next = first; /* guilty */
	first->prev = last;
}

static noinline void ring_paint(struct carousel *own, u32 from, u32 to)
{
	u32 at;

	for (at = from; at <= to; at++)
		own->all[at]->coats++;
	lab_address("carriage", own->all[from]);
	lab_number("tasks", lab_count_tasks());
	ring_splice_back(own, &own->all[from]->ring, &own->all[to]->ring);
}

static ssize_t carousel_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 from, to;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "paint %u %u", &from, &to) == 2) {
		if (from >= CARRIAGES || to >= CARRIAGES)
			return -ERANGE;
		ring_paint(carousel, from, to);
		return size;
	}
	spin_lock(&carousel->lock);
	ring_ride(carousel);
	spin_unlock(&carousel->lock);
	return size;
}

static const struct file_operations carousel_fops = { .owner = THIS_MODULE, .write = carousel_write };

static int __init carousel_init(void)
{
	u32 at;

	carousel = kzalloc(sizeof(*carousel), GFP_KERNEL);
	if (!carousel)
		return -ENOMEM;
	spin_lock_init(&carousel->lock);
	INIT_LIST_HEAD(&carousel->ring);
	for (at = 0; at < CARRIAGES; at++) {
		carousel->all[at] = kzalloc(sizeof(struct carriage), GFP_KERNEL);
		if (!carousel->all[at])
			return -ENOMEM;
		carousel->all[at]->number = at;
		list_add_tail(&carousel->all[at]->ring, &carousel->ring);
	}
	carousel->device.minor = MISC_DYNAMIC_MINOR;
	carousel->device.name = "carousel";
	carousel->device.fops = &carousel_fops;
	lab_address("carousel", carousel);
	lab_watch_panic();
	return misc_register(&carousel->device);
}
module_init(carousel_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("carousel");
