// SPDX-License-Identifier: GPL-2.0
/*
 * A server with a pool of 5,000 threads that wait: for work, for a lock, for a reply, for time to pass, each below some frames of its own. Nothing is
 * wrong with them. The operator crashes the machine through sysrq to have a look.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "../lab_truth.h"

#define THREADS 5000
#define DEEPEST 12

struct pool_server {
	struct mutex lock;
	struct completion reply;
	wait_queue_head_t work;
	unsigned int pending;
};

struct pool_worker {
	struct pool_server *server;
	unsigned int number;
	unsigned int depth;
};

static struct pool_server *server;

static noinline int worker_wait_for_work(struct pool_worker *worker)
{
	return wait_event_interruptible(worker->server->work, READ_ONCE(worker->server->pending) > worker->number || kthread_should_stop());
}

static noinline int worker_wait_for_lock(struct pool_worker *worker)
{
	if (mutex_lock_interruptible(&worker->server->lock))
		return -EINTR;
	worker->server->pending++;
	mutex_unlock(&worker->server->lock);
	return 0;
}

static noinline int worker_wait_for_reply(struct pool_worker *worker)
{
	return wait_for_completion_interruptible(&worker->server->reply) + worker->number;
}

static noinline int worker_rest(struct pool_worker *worker)
{
	msleep_interruptible(3600 * 1000);
	return worker->number;
}

static noinline int worker_serve(struct pool_worker *worker, unsigned int left)
{
	int result;

	if (left)
		return worker_serve(worker, left - 1) + 1;
	switch (worker->number % 4) {
	case 0:
		result = worker_wait_for_work(worker);
		break;
	case 1:
		result = worker_wait_for_lock(worker);
		break;
	case 2:
		result = worker_wait_for_reply(worker);
		break;
	default:
		result = worker_rest(worker);
		break;
	}
	return result + worker->number;
}

static int worker_main(void *data)
{
	struct pool_worker worker = *(struct pool_worker *)data;

	kfree(data);
	while (!kthread_should_stop())
		worker_serve(&worker, worker.depth);
	return 0;
}

static int pool_start(void)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		struct pool_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL);
		struct task_struct *task;

		if (!worker)
			return -ENOMEM;
		worker->server = server;
		worker->number = i;
		worker->depth = i % DEEPEST;
		task = kthread_run(worker_main, worker, "pool/%u", i);
		if (IS_ERR(task))
			return PTR_ERR(task);
	}
	ssleep(2);
	lab_number("threads", THREADS);
	lab_number("tasks", lab_count_tasks());
	return 0;
}

/* Started by a write, once the administrator has raised kernel.threads-max. */
static ssize_t pool_write(struct file *file, const char __user *text, size_t size, loff_t *at)
{
	int status = pool_start();

	return status ? status : size;
}

static const struct proc_ops pool_ops = { .proc_write = pool_write };

static int __init many_threads_init(void)
{
	server = kzalloc(sizeof(*server), GFP_KERNEL);
	if (!server)
		return -ENOMEM;
	mutex_init(&server->lock);
	init_completion(&server->reply);
	init_waitqueue_head(&server->work);
	mutex_lock(&server->lock);
	lab_watch_panic();
	return proc_create("pool", 0200, NULL, &pool_ops) ? 0 : -ENOMEM;
}
module_init(many_threads_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest lab: 5,000 waiting kernel threads");
