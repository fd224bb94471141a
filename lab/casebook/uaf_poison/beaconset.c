// SPDX-License-Identifier: GPL-2.0
/*
 * A set of beacons in kmalloc's memory. The walker reports on each and sleeps between two; the retirement of a beacon
 * takes it out of the list under the lock and frees it at once.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define BEACONS 5

struct beacon_owner {
	char name[16];
	u32 id;
	u32 beacons;
};

struct beacon {
	struct list_head node;
	u32 number;
	u32 reports;
	struct beacon_owner *owner;
	s32 position[3];
	u8 history[80];
};

struct beacon_set {
	spinlock_t lock;
	struct list_head beacons;
	struct beacon_owner owner;
	struct delayed_work retire;
	u64 sum;
};

static struct beacon_set *set;

static inline u32 beacon_owner_id(const struct beacon *beacon)
{
	return beacon->owner->id; /* guilty */
}

static noinline void beacon_report(struct beacon_set *to, struct beacon *beacon)
{
	to->sum += beacon_owner_id(beacon); /* guilty */
	beacon->reports++;
}

static int beacon_walker(void *data)
{
	struct beacon_set *own = data;
	struct beacon *beacon;

	while (!kthread_should_stop()) {
		list_for_each_entry(beacon, &own->beacons, node) {
			beacon_report(own, beacon);
			if (beacon->number != 3)
				continue;
			msleep(150); /* the line is slow for this one */
			lab_number("tasks", lab_count_tasks());
			beacon_report(own, beacon);
		}
		msleep(10);
	}
	return 0;
}

static noinline void beacon_retire(struct beacon_set *from, struct beacon *beacon)
{
	spin_lock(&from->lock);
	list_del(&beacon->node);
	from->owner.beacons--;
	spin_unlock(&from->lock);
	kfree(beacon); /* guilty */
}

static void retire_work(struct work_struct *work)
{
	struct beacon_set *own = container_of(to_delayed_work(work), struct beacon_set, retire);
	struct beacon *beacon, *next;

	list_for_each_entry_safe(beacon, next, &own->beacons, node)
		if (beacon->number == 3 && beacon->reports)
			beacon_retire(own, beacon);
}

static int __init beaconset_init(void)
{
	int number;

	set = kzalloc(sizeof(*set), GFP_KERNEL);
	if (!set)
		return -ENOMEM;
	spin_lock_init(&set->lock);
	INIT_LIST_HEAD(&set->beacons);
	INIT_DELAYED_WORK(&set->retire, retire_work);
	strscpy(set->owner.name, "harbour", sizeof(set->owner.name));
	set->owner.id = 17;
	for (number = 0; number < BEACONS; number++) {
		struct beacon *beacon = kzalloc(sizeof(*beacon), GFP_KERNEL);

		if (!beacon)
			return -ENOMEM;
		beacon->number = number;
		beacon->owner = &set->owner;
		set->owner.beacons++;
		list_add_tail(&beacon->node, &set->beacons);
		if (number == 3)
			lab_address("beacon", beacon);
	}
	lab_watch_panic();
	kthread_run(beacon_walker, set, "beacon-walk");
	queue_delayed_work(system_wq, &set->retire, HZ / 16);
	return 0;
}
module_init(beaconset_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("beacon set");
