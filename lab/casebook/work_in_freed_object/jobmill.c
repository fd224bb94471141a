// SPDX-License-Identifier: GPL-2.0
/*
 * A mill grinds jobs one after the other on its own queue. Jobs can be cancelled until they are done.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define JOBS 5

struct mill_job {
	u64 id;
	u32 weight;
	u32 grade;
	u64 deadline;
	struct work_struct work;
	struct mill *mill;
	char customer[40];
};

struct mill {
	struct workqueue_struct *queue;
	struct kmem_cache *cache;
	struct mill_job *jobs[JOBS];
	u64 ground;
};

static struct mill mill;

static void job_grind(struct work_struct *work)
{
	struct mill_job *job = container_of(work, struct mill_job, work);

	msleep(job->weight);
	job->mill->ground += job->grade;
}

static inline void job_free(struct mill_job *job)
{
	kmem_cache_free(job->mill->cache, job); /* guilty */
}

static noinline void job_cancel(struct mill_job *job)
{
	job->mill->jobs[job->id] = NULL;
	job_free(job); /* guilty */
}

static int customer_thread(void *data)
{
	struct mill *own = data;

	msleep(60);
	lab_number("tasks", lab_count_tasks());
	job_cancel(own->jobs[3]);
	while (!kthread_should_stop())
		msleep(1000);
	return 0;
}

static int __init jobmill_init(void)
{
	u64 id;

	mill.queue = alloc_ordered_workqueue("mill", 0);
	mill.cache = KMEM_CACHE(mill_job, 0);
	if (!mill.queue || !mill.cache)
		return -ENOMEM;
	for (id = 0; id < JOBS; id++) {
		struct mill_job *job = kmem_cache_zalloc(mill.cache, GFP_KERNEL);

		if (!job)
			return -ENOMEM;
		job->id = id;
		job->mill = &mill;
		job->grade = 2;
		job->weight = 80;
		snprintf(job->customer, sizeof(job->customer), "customer %llu", id);
		INIT_WORK(&job->work, job_grind);
		mill.jobs[id] = job;
		queue_work(mill.queue, &job->work);
	}
	lab_address("job", mill.jobs[3]);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(customer_thread, &mill, "mill-customer"));
}
module_init(jobmill_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("job mill");
