// SPDX-License-Identifier: GPL-2.0
/* Ships wait at a lighthouse for the lamp to turn; the keeper turns it. A ship's log is written while it sails on. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "../../cases/lab_truth.h"

struct lh_lamp {
	u32 turns;
	bool fog;
	wait_queue_head_t watchers;
};

struct lh_ship {
	u32 number;
	u32 miles;
	struct lh_lamp *lamp;
	char name[24];
};

static struct lh_lamp *lamp;

static noinline int ship_watch(struct lh_ship *ship, long ticks)
{
	struct lh_lamp *at = ship->lamp;
	DEFINE_WAIT_FUNC(watch, woken_wake_function);
	u32 turns = at->turns;

	add_wait_queue(&at->watchers, &watch); /* guilty */
	if (ship->number == 3)
		lab_address("watch", &watch);
	while (at->turns == turns) {
		if (at->fog)
			return -EAGAIN; /* guilty */
		if (!ticks)
			break;
		ticks = wait_woken(&watch, TASK_UNINTERRUPTIBLE, ticks);
	}
	remove_wait_queue(&at->watchers, &watch);
	return 0;
}

static noinline u32 ship_log(struct lh_ship *ship)
{
	char page[320];
	u32 sum = 0, at;

	for (at = 0; at + 16 < sizeof(page); at += 16)
		snprintf(page + at, 17, "%s %05u;%-16s", ship->name, ship->miles % 100000, "calm");
	for (at = 0; at < sizeof(page) - 1; at++)
		sum += page[at];
	return sum;
}

static int ship_thread(void *data)
{
	struct lh_ship *ship = data;

	for (;;) {
		if (ship_watch(ship, HZ)) {
			unsigned long till = jiffies + HZ / 2;

			while (time_before(jiffies, till))
				ship->miles += ship_log(ship) & 7;
		}
		ship->miles++;
	}
	return 0;
}

static noinline void lamp_turn(struct lh_lamp *own)
{
	own->turns++;
	wake_up(&own->watchers);
}

static int keeper_thread(void *data)
{
	u32 turn;

	for (turn = 0; ; turn++) {
		msleep(50);
		if (turn == 6) {
			lamp->fog = true;
			lab_number("tasks", lab_count_tasks());
		}
		if (turn < 6 || turn > 7)
			lamp_turn(lamp);
		else if (turn == 6)
			wake_up(&lamp->watchers);
	}
	return 0;
}

static int __init lighthouse_init(void)
{
	u32 number;

	lamp = kzalloc(sizeof(*lamp), GFP_KERNEL);
	if (!lamp)
		return -ENOMEM;
	init_waitqueue_head(&lamp->watchers);
	lab_address("lamp", lamp);
	lab_watch_panic();
	for (number = 3; number <= 3; number++) {
		struct lh_ship *ship = kzalloc(sizeof(*ship), GFP_KERNEL);

		if (!ship)
			return -ENOMEM;
		ship->number = number;
		ship->lamp = lamp;
		snprintf(ship->name, sizeof(ship->name), "brig%u", number);
		kthread_run(ship_thread, ship, "ship-%u", number);
	}
	kthread_run(keeper_thread, NULL, "lamp-keeper");
	return 0;
}
module_init(lighthouse_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("lighthouse");
