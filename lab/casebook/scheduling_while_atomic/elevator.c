// SPDX-License-Identifier: GPL-2.0
/*
 * Sleeping with a spinlock held. An elevator's calls are served under its lock, bottom halves off because a timer rings
 * the bell. Moving is a matter of writing registers, and nobody saw that a car which has stood for long first releases
 * its brake, which takes a while and is slept through.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

#include "../../cases/lab_truth.h"

struct brake {
	bool set;
	u8 wear;
	u16 releases;
};

struct car {
	spinlock_t lock;
	u16 floor;
	u16 idle_rounds;
	u32 calls;
	u32 rings;
	struct brake *brake;
	struct timer_list bell;
};

static struct car *car;

static void bell_ring(struct timer_list *timer)
{
	struct car *own = container_of(timer, struct car, bell);

	spin_lock(&own->lock);
	own->rings++;
	spin_unlock(&own->lock);
	mod_timer(timer, jiffies + HZ / 20);
}

static noinline void brake_release(struct brake *brake)
{
	brake->releases++;
	brake->wear += 3;
	msleep(25); /* guilty */
	brake->set = false;
}

static noinline void car_move(struct car *own, u16 floor)
{
	if (own->brake->set)
		brake_release(own->brake); /* guilty */
	own->floor = floor;
	own->idle_rounds = 0;
}

static inline void car_rest(struct car *own)
{
	if (++own->idle_rounds >= 5)
		own->brake->set = true;
}

static noinline void car_serve(struct car *own, u16 floor)
{
	spin_lock_bh(&own->lock);
	own->calls++;
	if (floor == own->floor)
		car_rest(own);
	else
		car_move(own, floor); /* guilty */
	spin_unlock_bh(&own->lock);
}

static int lift_run(void *data)
{
	static const u16 calls[] = { 1, 4, 2, 2, 2, 2, 7, 7, 3, 3, 3, 3, 3, 3, 3, 8 };
	unsigned int next = 0;

	while (!kthread_should_stop()) {
		if (next % ARRAY_SIZE(calls) == ARRAY_SIZE(calls) - 1)
			lab_number("tasks", lab_count_tasks());
		car_serve(data, calls[next++ % ARRAY_SIZE(calls)]);
		msleep(60);
	}
	return 0;
}

static int __init elevator_init(void)
{
	struct task_struct *lift;

	car = kzalloc(sizeof(*car), GFP_KERNEL);
	if (!car)
		return -ENOMEM;
	car->brake = kzalloc(sizeof(*car->brake), GFP_KERNEL);
	if (!car->brake)
		return -ENOMEM;
	spin_lock_init(&car->lock);
	lab_address("car", car);
	lab_number("lock_offset", offsetof(struct car, lock));
	lab_watch_panic();
	timer_setup(&car->bell, bell_ring, 0);
	mod_timer(&car->bell, jiffies + HZ / 20);
	lift = kthread_run(lift_run, car, "lift");
	return PTR_ERR_OR_ZERO(lift);
}
module_init(elevator_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: an elevator");
