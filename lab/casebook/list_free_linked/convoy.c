// SPDX-License-Identifier: GPL-2.0
/*
 * Convoys of trucks. Trucks join at the end and leave at the head; one that breaks down is scrapped where it stands.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define TRUCKS 7

struct convoy;

struct truck {
	char plate[12];
	u32 load;
	struct convoy *convoy;
	u64 odometer;
	u64 fuel;
	u32 state;
	u32 crew;
	struct list_head node;
	u64 stops[4];
};

struct convoy {
	spinlock_t lock;
	struct list_head trucks;
	struct truck *yard[TRUCKS];
	struct work_struct breakdown;
	u32 length;
};

static struct convoy *convoy;
static struct kmem_cache *truck_cache;

static noinline void convoy_join(struct convoy *to, struct truck *truck)
{
	spin_lock(&to->lock);
	list_add_tail(&truck->node, &to->trucks); /* guilty */
	to->length++;
	spin_unlock(&to->lock);
}

static noinline void truck_scrap(struct truck *truck)
{
	truck->convoy->length--;
	kmem_cache_free(truck_cache, truck); /* guilty */
}

static void convoy_breakdown(struct work_struct *work)
{
	struct convoy *own = container_of(work, struct convoy, breakdown);
	struct truck *last = list_last_entry(&own->trucks, struct truck, node);

	if (last->state == 2)
		truck_scrap(last); /* guilty */
}

static int convoy_thread(void *data)
{
	struct convoy *own = data;
	u32 next;

	for (next = 0; next < TRUCKS - 1; next++) {
		convoy_join(own, own->yard[next]);
		own->yard[next]->odometer += 12;
		msleep(10);
	}
	own->yard[next - 1]->state = 2;
	schedule_work(&own->breakdown);
	flush_work(&own->breakdown);
	lab_number("tasks", lab_count_tasks());
	convoy_join(own, own->yard[next]);
	return 0;
}

static int __init convoy_init(void)
{
	u32 at;

	convoy = kzalloc(sizeof(*convoy), GFP_KERNEL);
	truck_cache = KMEM_CACHE(truck, 0);
	if (!convoy || !truck_cache)
		return -ENOMEM;
	spin_lock_init(&convoy->lock);
	INIT_LIST_HEAD(&convoy->trucks);
	INIT_WORK(&convoy->breakdown, convoy_breakdown);
	for (at = 0; at < TRUCKS; at++) {
		struct truck *truck = kmem_cache_zalloc(truck_cache, GFP_KERNEL);

		if (!truck)
			return -ENOMEM;
		snprintf(truck->plate, sizeof(truck->plate), "LK-%u", 4711 + at);
		truck->convoy = convoy;
		truck->state = 1;
		convoy->yard[at] = truck;
	}
	lab_address("truck", convoy->yard[TRUCKS - 2]);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(convoy_thread, convoy, "convoy"));
}
module_init(convoy_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("convoys");
