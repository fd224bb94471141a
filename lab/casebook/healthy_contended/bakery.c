// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is wrong: bakers share one oven and wait for each other, a courier sleeps uninterruptibly until the next
 * delivery, and the guest is saved while all that goes on. Whoever finds a deadlock or a guilty holder has invented it.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define BAKERS 3
#define STEADY 96 /* loaves, after which the guest's last process has started */

struct oven {
	struct mutex door;
	u32 degrees;
	u64 loaves;
};

struct basket {
	u32 loaves;
	struct completion full;
};

struct bakery {
	struct oven *oven;
	struct basket *basket;
	u32 deliveries;
	bool counted;
};

static struct bakery *bakery;

static noinline void oven_bake(struct bakery *own)
{
	mutex_lock(&own->oven->door);
	own->oven->degrees = 230;
	msleep(60);
	own->oven->loaves++;
	if (++own->basket->loaves % 8 == 0)
		complete(&own->basket->full);
	mutex_unlock(&own->oven->door);
}

static int baker_run(void *data)
{
	struct bakery *own = data;

	while (!kthread_should_stop()) {
		oven_bake(own);
		msleep(5);
	}
	return 0;
}

static int courier_run(void *data)
{
	struct bakery *own = data;

	while (!kthread_should_stop()) {
		wait_for_completion(&own->basket->full);
		own->deliveries++;
		if (!own->counted && own->oven->loaves >= STEADY) {
			own->counted = true;
			lab_number("tasks", lab_count_tasks());
		}
	}
	return 0;
}

static int __init bakery_init(void)
{
	struct task_struct *task;
	int number;

	bakery = kzalloc(sizeof(*bakery), GFP_KERNEL);
	if (!bakery)
		return -ENOMEM;
	bakery->oven = kzalloc(sizeof(*bakery->oven), GFP_KERNEL);
	bakery->basket = kzalloc(sizeof(*bakery->basket), GFP_KERNEL);
	if (!bakery->oven || !bakery->basket)
		return -ENOMEM;
	mutex_init(&bakery->oven->door);
	init_completion(&bakery->basket->full);
	lab_address("oven", bakery->oven);
	task = kthread_run(courier_run, bakery, "courier");
	for (number = 0; number < BAKERS && !IS_ERR(task); number++)
		task = kthread_run(baker_run, bakery, "baker/%d", number);
	return PTR_ERR_OR_ZERO(task);
}
module_init(bakery_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: bakers and their oven");
