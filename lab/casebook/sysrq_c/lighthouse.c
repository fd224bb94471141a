// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is wrong with this driver: a lighthouse turns its lamp. Somebody else stops the machine by `echo c` to
 * /proc/sysrq-trigger, and whoever accuses the lamp is mistaken.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct lamp {
	u16 angle;
	u16 step;
	u32 turns;
	bool lit;
};

struct lighthouse {
	struct hrtimer clock;
	struct work_struct report;
	ktime_t period;
	struct lamp *lamp;
	u32 reported;
};

static struct lighthouse *lighthouse;

static noinline void lamp_turn(struct lamp *lamp)
{
	lamp->angle += lamp->step;
	if (lamp->angle >= 360) {
		lamp->angle -= 360;
		lamp->turns++;
	}
	lamp->lit = lamp->angle < 180;
}

static enum hrtimer_restart lighthouse_tick(struct hrtimer *timer)
{
	struct lighthouse *owner = container_of(timer, struct lighthouse, clock);

	lamp_turn(owner->lamp);
	if (owner->lamp->turns != owner->reported)
		schedule_work(&owner->report);
	hrtimer_forward_now(timer, owner->period);
	return HRTIMER_RESTART;
}

static void lighthouse_report(struct work_struct *work)
{
	struct lighthouse *owner = container_of(work, struct lighthouse, report);

	owner->reported = owner->lamp->turns;
}

static int __init lighthouse_init(void)
{
	lighthouse = kzalloc(sizeof(*lighthouse), GFP_KERNEL);
	if (!lighthouse)
		return -ENOMEM;
	lighthouse->lamp = kzalloc(sizeof(*lighthouse->lamp), GFP_KERNEL);
	if (!lighthouse->lamp)
		return -ENOMEM;
	lighthouse->lamp->step = 40;
	lighthouse->period = ms_to_ktime(20);
	INIT_WORK(&lighthouse->report, lighthouse_report);
	hrtimer_init(&lighthouse->clock, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	lighthouse->clock.function = lighthouse_tick;
	lab_address("lighthouse", lighthouse);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	hrtimer_start(&lighthouse->clock, lighthouse->period, HRTIMER_MODE_REL);
	return 0;
}
module_init(lighthouse_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: the lamp of a lighthouse");
