// SPDX-License-Identifier: GPL-2.0
/*
 * A task dies of an oops with a mutex held, and those that want it hang. The machine is told to go on after an oops. A
 * tank whose pump was taken out for cleaning is still fed; the feeder reads the pump's flow through NULL, with the tank
 * locked. Seconds later the watchdog finds the visitors, who only look, waiting for a task that is no more.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define TANKS 3

struct pump {
	u32 serial;
	u32 hours;
	u32 flow;
};

struct tank {
	u32 litres;
	u32 fish;
	struct mutex glass;
	struct pump *pump;
	u64 grams;
};

struct aquarium {
	struct tank *tanks[TANKS];
	u32 looks;
	u32 rounds;
};

static struct aquarium *aquarium;

static inline u32 pump_flow(const struct pump *pump)
{
	return READ_ONCE(pump->flow); /* guilty */
}

static noinline u32 tank_ration(const struct tank *tank)
{
	return tank->fish * 3 + tank->litres / (10 + pump_flow(tank->pump)); /* guilty */
}

static noinline void tank_feed(struct tank *tank)
{
	mutex_lock(&tank->glass);
	tank->grams += tank_ration(tank); /* guilty */
	mutex_unlock(&tank->glass);
}

static noinline void tank_clean(struct tank *tank)
{
	mutex_lock(&tank->glass);
	kfree(tank->pump);
	tank->pump = NULL; /* guilty */
	mutex_unlock(&tank->glass);
}

static int feeder_run(void *data)
{
	struct aquarium *own = data;
	int index;

	while (!kthread_should_stop()) {
		if (own->rounds++ == 5)
			tank_clean(own->tanks[1]);
		for (index = 0; index < TANKS; index++)
			tank_feed(own->tanks[index]);
		msleep(40);
	}
	return 0;
}

static noinline u32 tank_look(struct tank *tank)
{
	u32 fish;

	mutex_lock(&tank->glass);
	fish = tank->fish;
	mutex_unlock(&tank->glass);
	return fish;
}

static int visitor_run(void *data)
{
	struct aquarium *own = data;
	int index;

	while (!kthread_should_stop()) {
		for (index = 0; index < TANKS; index++)
			own->looks += tank_look(own->tanks[index]);
		msleep(30);
	}
	return 0;
}

static struct tank *tank_create(int index)
{
	struct tank *tank = kzalloc(sizeof(*tank), GFP_KERNEL);

	if (!tank)
		return NULL;
	tank->pump = kzalloc(sizeof(*tank->pump), GFP_KERNEL);
	if (!tank->pump)
		return NULL;
	tank->pump->serial = 9000 + index;
	tank->pump->flow = 4 * (index + 1);
	tank->litres = 300 + 50 * index;
	tank->fish = 7 + index;
	mutex_init(&tank->glass);
	return tank;
}

static int __init aquarium_init(void)
{
	struct task_struct *task;
	int index;

	aquarium = kzalloc(sizeof(*aquarium), GFP_KERNEL);
	if (!aquarium)
		return -ENOMEM;
	for (index = 0; index < TANKS; index++) {
		aquarium->tanks[index] = tank_create(index);
		if (!aquarium->tanks[index])
			return -ENOMEM;
	}
	lab_address("tank", aquarium->tanks[1]);
	lab_number("glass_offset", offsetof(struct tank, glass));
	lab_number("fault_address", offsetof(struct pump, flow));
	lab_watch_panic();
	task = kthread_run(visitor_run, aquarium, "visitor/0");
	if (!IS_ERR(task))
		task = kthread_run(visitor_run, aquarium, "visitor/1");
	if (!IS_ERR(task))
		task = kthread_run(feeder_run, aquarium, "feeder");
	lab_number("tasks", lab_count_tasks() - 1);
	return PTR_ERR_OR_ZERO(task);
}
module_init(aquarium_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: tanks of an aquarium");
