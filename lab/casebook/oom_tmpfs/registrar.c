// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is wrong with this driver: a registrar stamps entries into pages that it keeps for a while. A user task fills
 * a tmpfs until no memory is left, whose pages belong to no task; whoever accuses the registrar is mistaken.
 */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define SHELVES 16

struct register_entry {
	u64 stamp;
	u32 serial;
	u32 clerk;
};

struct shelf {
	struct register_entry *entries;
	u32 used;
	u32 capacity;
};

struct registrar {
	struct delayed_work shift;
	spinlock_t lock;
	u32 serial;
	u32 current_shelf;
	struct shelf shelves[SHELVES];
};

static struct registrar *registrar;

static noinline bool shelf_renew(struct shelf *shelf)
{
	free_page((unsigned long)shelf->entries);
	shelf->entries = (struct register_entry *)get_zeroed_page(GFP_KERNEL);
	shelf->used = 0;
	shelf->capacity = shelf->entries ? PAGE_SIZE / sizeof(*shelf->entries) : 0;
	return shelf->entries;
}

static inline bool shelf_is_full(const struct shelf *shelf)
{
	return shelf->used >= shelf->capacity;
}

static noinline void registrar_stamp(struct registrar *owner, struct shelf *shelf)
{
	struct register_entry *entry;

	spin_lock(&owner->lock);
	entry = &shelf->entries[shelf->used++];
	entry->serial = owner->serial++;
	entry->stamp = jiffies;
	entry->clerk = entry->serial % 3;
	spin_unlock(&owner->lock);
}

static void registrar_shift(struct work_struct *work)
{
	struct registrar *owner = container_of(to_delayed_work(work), struct registrar, shift);
	struct shelf *shelf = &owner->shelves[owner->current_shelf];
	int count;

	if (shelf_is_full(shelf)) {
		owner->current_shelf = (owner->current_shelf + 1) % SHELVES;
		shelf = &owner->shelves[owner->current_shelf];
		if (!shelf_renew(shelf))
			goto again;
	}
	for (count = 0; count < 50 && !shelf_is_full(shelf); count++)
		registrar_stamp(owner, shelf);
again:
	schedule_delayed_work(&owner->shift, HZ / 50);
}

static int __init registrar_init(void)
{
	registrar = kzalloc(sizeof(*registrar), GFP_KERNEL);
	if (!registrar)
		return -ENOMEM;
	spin_lock_init(&registrar->lock);
	if (!shelf_renew(&registrar->shelves[0]))
		return -ENOMEM;
	lab_address("registrar", registrar);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	INIT_DELAYED_WORK(&registrar->shift, registrar_shift);
	schedule_delayed_work(&registrar->shift, HZ / 50);
	return 0;
}
module_init(registrar_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a registrar and its shelves");
