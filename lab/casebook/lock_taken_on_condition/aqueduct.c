// SPDX-License-Identifier: GPL-2.0
/* An aqueduct: a map of its channels under a semaphore, its pumps under a mutex; surveys, repairs and tolls are threads. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct aqueduct {
	struct rw_semaphore map;
	struct mutex pumps;
	u32 channels[16];
	u32 pressure;
	u32 probe;
	bool share_map;
	u64 tolls;
};

static struct aqueduct *duct;

static noinline bool probe_ready(struct aqueduct *own)
{
	return READ_ONCE(own->probe) == 0x5a;
}

/* Waits for a probe that is broken, the map held for reading. */
static noinline void duct_survey(struct aqueduct *own)
{
	down_read(&own->map); /* guilty */
	while (!probe_ready(own))
		msleep(40); /* guilty */
	own->channels[0]++;
	up_read(&own->map);
}

static noinline void duct_repair(struct aqueduct *own)
{
	mutex_lock(&own->pumps);
	own->pressure /= 2;
	down_write(&own->map);
	own->channels[1] ^= 1;
	up_write(&own->map);
	mutex_unlock(&own->pumps);
}

static noinline void duct_toll(struct aqueduct *own)
{
	bool shared = own->share_map;

	if (shared)
		down_read(&own->map);
	mutex_lock(&own->pumps);
	own->tolls += own->channels[own->pressure % 16];
	mutex_unlock(&own->pumps);
	if (shared)
		up_read(&own->map);
}

static int survey_thread(void *data)
{
	duct_survey(data);
	while (!kthread_should_stop())
		msleep(100);
	return 0;
}

static int repair_thread(void *data)
{
	msleep(300);
	duct_repair(data);
	while (!kthread_should_stop())
		msleep(100);
	return 0;
}

static int toll_thread(void *data)
{
	while (!kthread_should_stop()) {
		duct_toll(data);
		msleep(50);
	}
	return 0;
}

static int __init aqueduct_init(void)
{
	duct = kzalloc(sizeof(*duct), GFP_KERNEL);
	if (!duct)
		return -ENOMEM;
	init_rwsem(&duct->map);
	mutex_init(&duct->pumps);
	duct->pressure = 70;
	lab_address("aqueduct", duct);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	kthread_run(toll_thread, duct, "duct-toll");
	kthread_run(survey_thread, duct, "duct-survey");
	return PTR_ERR_OR_ZERO(kthread_run(repair_thread, duct, "duct-repair"));
}
module_init(aqueduct_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("aqueduct");
