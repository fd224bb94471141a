// SPDX-License-Identifier: GPL-2.0
/*
 * A toll road: vehicles pass lanes and are billed later; tickets are printed for those that pay at once.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define LANES 4
#define RECORD 128

struct toll_owner {
	char name[24];
	u32 account;
	u32 trips;
	u64 owed;
};

struct toll_vehicle {
	char plate[16];
	u32 axles;
	u32 class;
	struct toll_owner *owner;
	u64 entered;
	u32 route[20];
};

struct toll_ticket {
	u64 number;
	u32 price;
	u32 lane;
	char text[RECORD - 16];
};

struct toll_lane {
	u32 index;
	u32 passed;
	struct toll_vehicle *vehicle;
};

struct toll_road {
	struct toll_lane lanes[LANES];
	struct toll_owner owner;
	struct completion closed;
	struct toll_ticket *tickets[64];
};

static struct toll_road *road;

static noinline void *record_alloc(void)
{
	return kzalloc(RECORD, GFP_KERNEL);
}

static noinline void lane_bill(struct toll_lane *lane)
{
	struct toll_owner *owner = lane->vehicle->owner;

	owner->owed += 250 * lane->vehicle->axles; /* guilty */
	owner->trips++; /* guilty */
	lane->passed++;
}

static noinline void vehicle_leave(struct toll_vehicle *vehicle)
{
	vehicle->axles = 0;
	kfree(vehicle); /* guilty */
}

static noinline struct toll_ticket *ticket_print(u64 number, u32 lane)
{
	struct toll_ticket *ticket = record_alloc();

	if (ticket) {
		ticket->number = number;
		ticket->lane = lane;
		snprintf(ticket->text, sizeof(ticket->text), "RECEIPT %llu, LANE %u, THANK YOU AND DRIVE SAFELY", number, lane);
	}
	return ticket;
}

static int billing_thread(void *data)
{
	struct toll_road *own = data;
	int at;

	for (at = 0; at < LANES; at++)
		lane_bill(&own->lanes[at]);
	wait_for_completion(&own->closed);
	lab_number("tasks", lab_count_tasks());
	for (at = 0; at < LANES; at++)
		lane_bill(&own->lanes[at]);
	return 0;
}

static int tollgate_thread(void *data)
{
	struct toll_road *own = data;
	u32 at;

	msleep(80);
	vehicle_leave(own->lanes[2].vehicle);
	for (at = 0; at < ARRAY_SIZE(own->tickets); at++)
		own->tickets[at] = ticket_print(8800 + at, at % LANES);
	complete(&own->closed);
	while (!kthread_should_stop())
		msleep(1000);
	return 0;
}

static int __init tollroad_init(void)
{
	int at, cpu = raw_smp_processor_id();
	struct task_struct *gate;

	road = kzalloc(sizeof(*road), GFP_KERNEL);
	if (!road)
		return -ENOMEM;
	init_completion(&road->closed);
	strscpy(road->owner.name, "haulage company", sizeof(road->owner.name));
	for (at = 0; at < LANES; at++) {
		struct toll_vehicle *vehicle = record_alloc();

		if (!vehicle)
			return -ENOMEM;
		snprintf(vehicle->plate, sizeof(vehicle->plate), "TR %d", 100 + at);
		vehicle->axles = 2 + at;
		vehicle->owner = &road->owner;
		road->lanes[at].index = at;
		road->lanes[at].vehicle = vehicle;
	}
	lab_address("vehicle", road->lanes[2].vehicle);
	lab_watch_panic();
	kthread_run(billing_thread, road, "toll-billing");
	gate = kthread_create(tollgate_thread, road, "toll-exit");
	if (IS_ERR(gate))
		return PTR_ERR(gate);
	kthread_bind(gate, cpu); /* where the records' memory is */
	wake_up_process(gate);
	return 0;
}
module_init(tollroad_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("toll road");
