// SPDX-License-Identifier: GPL-2.0
/*
 * An assertion that fails: a pool lends buffers and counts those at home. The worker's error path gives its buffers
 * back although its cleanup does so as well, and the pool finds that more are at home than it ever had.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../lab_truth.h"

#define POOL_SIZE 8
#define BATCH 3

struct buffer_pool {
	const char *name;
	spinlock_t lock;
	unsigned int total;
	unsigned int available;
	unsigned long lent;
	unsigned long failures;
};

struct transfer {
	struct buffer_pool *pool;
	unsigned int buffers;
	unsigned int sequence;
	int status;
};

static struct buffer_pool *pool;

static noinline int pool_take(struct buffer_pool *from, unsigned int count)
{
	int status = -EBUSY;

	spin_lock(&from->lock);
	if (from->available >= count) {
		from->available -= count;
		from->lent += count;
		status = 0;
	}
	spin_unlock(&from->lock);
	return status;
}

static noinline void pool_give(struct buffer_pool *to, unsigned int count)
{
	spin_lock(&to->lock);
	to->available += count;
	BUG_ON(to->available > to->total);
	spin_unlock(&to->lock);
}

/* Every fourth transfer meets an error on the line. */
static noinline int transfer_send(struct transfer *transfer)
{
	if (transfer->sequence % 4 != 3)
		return 0;
	transfer->pool->failures++;
	pool_give(transfer->pool, transfer->buffers); /* transfer_finish() gives them back too */
	return -EIO;
}

static noinline void transfer_finish(struct transfer *transfer)
{
	pool_give(transfer->pool, transfer->buffers);
	transfer->buffers = 0;
}

static int transfer_worker(void *data)
{
	struct transfer transfer = { .pool = data };

	while (!kthread_should_stop()) {
		transfer.buffers = BATCH;
		transfer.status = pool_take(transfer.pool, transfer.buffers);
		if (!transfer.status) {
			if (transfer.sequence % 4 == 3)
				lab_number("tasks", lab_count_tasks());
			transfer.status = transfer_send(&transfer);
			transfer_finish(&transfer);
		}
		transfer.sequence++;
		msleep(20);
	}
	return 0;
}

static int __init bug_on_init(void)
{
	struct task_struct *worker;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return -ENOMEM;
	pool->name = "transfers";
	spin_lock_init(&pool->lock);
	pool->total = pool->available = POOL_SIZE;

	lab_address("pool", pool);
	lab_number("total", POOL_SIZE);
	lab_number("available", POOL_SIZE + BATCH);
	lab_watch_panic();
	worker = kthread_run(transfer_worker, pool, "transfers");
	return PTR_ERR_OR_ZERO(worker);
}
module_init(bug_on_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest lab: an assertion over two counters fails");
