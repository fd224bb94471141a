// SPDX-License-Identifier: GPL-2.0
/*
 * A loop that cannot end while a spinlock is held. A toll plaza keeps the vehicles that wait for a booth. A work item
 * lets those through whose time has come, always looking at the first; when the first has been stopped by an officer
 * it looks at it again, and again. On the other CPU vehicles keep arriving and spin for the lock.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define VEHICLE_STOPPED 0x4

struct vehicle {
	struct list_head queue;
	u32 plate;
	u16 axles;
	u16 flags;
	unsigned long due;
};

struct booth {
	char label[8];
	u32 served;
	u64 income;
};

struct plaza {
	spinlock_t lock;
	u32 length;
	struct list_head waiting;
	struct booth booths[2];
	struct kmem_cache *vehicles;
	struct delayed_work service;
	struct task_struct *road;
};

static struct plaza *plaza;

static noinline void booth_charge(struct booth *booth, const struct vehicle *vehicle)
{
	booth->served++;
	booth->income += 3 * vehicle->axles;
}

static inline bool vehicle_may_pass(const struct vehicle *vehicle)
{
	return !(READ_ONCE(vehicle->flags) & VEHICLE_STOPPED);
}

static noinline void plaza_release(struct plaza *owner)
{
	struct vehicle *vehicle;

	spin_lock(&owner->lock);
	while (!list_empty(&owner->waiting)) { /* guilty */
		vehicle = list_first_entry(&owner->waiting, struct vehicle, queue); /* guilty */
		if (!vehicle_may_pass(vehicle)) /* guilty */
			continue; /* guilty */
		list_del(&vehicle->queue);
		owner->length--;
		booth_charge(&owner->booths[vehicle->plate % 2], vehicle);
		kmem_cache_free(owner->vehicles, vehicle);
	}
	spin_unlock(&owner->lock);
}

static void plaza_serve(struct work_struct *work)
{
	struct plaza *owner = container_of(to_delayed_work(work), struct plaza, service);

	plaza_release(owner);
	queue_delayed_work_on(0, system_wq, &owner->service, HZ / 10);
}

static noinline int plaza_arrive(struct plaza *owner, u32 plate)
{
	struct vehicle *vehicle = kmem_cache_zalloc(owner->vehicles, GFP_KERNEL);

	if (!vehicle)
		return -ENOMEM;
	vehicle->plate = plate;
	vehicle->axles = 2 + plate % 3;
	vehicle->due = jiffies + HZ;
	if (plate == 4031)
		vehicle->flags |= VEHICLE_STOPPED;
	spin_lock(&owner->lock);
	list_add_tail(&vehicle->queue, &owner->waiting);
	owner->length++;
	spin_unlock(&owner->lock);
	return 0;
}

static int road_run(void *data)
{
	struct plaza *owner = data;
	u32 plate = 4000;

	while (!kthread_should_stop()) {
		if (plate == 4030)
			lab_number("tasks", lab_count_tasks());
		if (plaza_arrive(owner, plate++))
			break;
		msleep(20);
	}
	return 0;
}

static int __init tollgate_init(void)
{
	plaza = kzalloc(sizeof(*plaza), GFP_KERNEL);
	if (!plaza)
		return -ENOMEM;
	spin_lock_init(&plaza->lock);
	INIT_LIST_HEAD(&plaza->waiting);
	strscpy(plaza->booths[0].label, "left", sizeof(plaza->booths[0].label));
	strscpy(plaza->booths[1].label, "right", sizeof(plaza->booths[1].label));
	plaza->vehicles = kmem_cache_create("toll_vehicle", sizeof(struct vehicle), 0, 0, NULL);
	if (!plaza->vehicles)
		return -ENOMEM;
	lab_address("plaza", plaza);
	lab_number("lock_offset", offsetof(struct plaza, lock));
	lab_watch_panic();
	plaza->road = kthread_create(road_run, plaza, "toll-road");
	if (IS_ERR(plaza->road))
		return PTR_ERR(plaza->road);
	kthread_bind(plaza->road, 1);
	INIT_DELAYED_WORK(&plaza->service, plaza_serve);
	queue_delayed_work_on(0, system_wq, &plaza->service, HZ / 10);
	wake_up_process(plaza->road);
	return 0;
}
module_init(tollgate_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a toll plaza");
