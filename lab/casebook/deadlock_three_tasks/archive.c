// SPDX-License-Identifier: GPL-2.0
/* An archive with a ledger, an index and a spool. Each of three tasks holds one of them when it wants another. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct ar_index {
	u32 generation;
	struct rw_semaphore shape;
	u64 keys[8];
};

struct ar_spool {
	u64 bytes;
	struct mutex drain;
};

struct ar_store {
	char name[16];
	struct mutex ledger;
	u64 entries;
	struct ar_index *index;
	struct ar_spool *spool;
};

static struct ar_store *store;

static inline void index_rebuild(struct ar_index *index)
{
	down_write(&index->shape); /* guilty */
	index->generation++;
	up_write(&index->shape);
}

static noinline void store_commit(struct ar_store *own, u64 entry)
{
	mutex_lock(&own->ledger);
	own->entries += entry;
	fsleep(12000);
	index_rebuild(own->index);
	mutex_unlock(&own->ledger);
}

static inline void spool_push(struct ar_spool *spool, u64 bytes)
{
	mutex_lock(&spool->drain); /* guilty */
	spool->bytes += bytes;
	mutex_unlock(&spool->drain);
}

static noinline void store_scan(struct ar_store *own)
{
	unsigned int at;

	down_read(&own->index->shape);
	fsleep(12000);
	for (at = 0; at < 8; at++)
		spool_push(own->spool, own->index->keys[at]);
	up_read(&own->index->shape);
}

static noinline void spool_drain(struct ar_store *own)
{
	mutex_lock(&own->spool->drain);
	own->spool->bytes = 0;
	fsleep(12000);
	if (!mutex_lock_killable(&own->ledger)) { /* guilty */
		own->entries = 0;
		mutex_unlock(&own->ledger);
	}
	mutex_unlock(&own->spool->drain);
}

static int committer(void *data)
{
	for (;; msleep(3))
		store_commit(store, 1);
	return 0;
}

static int scanner(void *data)
{
	for (;; msleep(4))
		store_scan(store);
	return 0;
}

static int drainer(void *data)
{
	for (;; msleep(5))
		spool_drain(store);
	return 0;
}

static int __init archive_init(void)
{
	store = kzalloc(sizeof(*store), GFP_KERNEL);
	if (!store)
		return -ENOMEM;
	store->index = kzalloc(sizeof(*store->index), GFP_KERNEL);
	store->spool = kzalloc(sizeof(*store->spool), GFP_KERNEL);
	if (!store->index || !store->spool)
		return -ENOMEM;
	strscpy(store->name, "main", sizeof(store->name));
	mutex_init(&store->ledger);
	init_rwsem(&store->index->shape);
	mutex_init(&store->spool->drain);
	lab_address("store", store);
	lab_watch_panic();
	kthread_run(committer, NULL, "ar-commit");
	kthread_run(scanner, NULL, "ar-scan");
	kthread_run(drainer, NULL, "ar-drain");
	lab_number("tasks", lab_count_tasks());
	return 0;
}
module_init(archive_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("archive");
