// SPDX-License-Identifier: GPL-2.0
/*
 * The crash of the seed, on purpose: a server's delegation is recalled, and the client shuts down while the recall
 * is in flight. Both paths release the same stateid. Each removes it from the client's IDR, each finds the last slot
 * of the same radix-tree node emptied, and each hands that node to call_rcu().
 *
 * In the wild the two removals overlap within a few instructions. Here the second one is shown the tree as it was
 * before the first, which is what a CPU without the lock may see, so that the crash comes at every run.
 */
#include <linux/idr.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "../lab_truth.h"

#define FIRST_STATEID 60

struct nfs_client {
	char name[24];
	struct idr stateids;
	spinlock_t lock;
	atomic_t references;
};

struct nfs_stateid {
	refcount_t references;
	int id;
	u32 generation;
	struct nfs_client *client;
};

struct nfs_callback {
	struct work_struct work;
	struct nfs_stateid *stateid;
	int status;
};

/* The order in which the two CPUs meet: recalled first, shut down second. */
enum { STAGE_START, STAGE_RECALLED, STAGE_SHUT_DOWN };

static struct nfs_client *client;
static struct nfs_callback recall;
static struct work_struct shutdown;
static struct workqueue_struct *callback_queue;
static atomic_t stage = ATOMIC_INIT(STAGE_START);

static void wait_for_stage(int wanted)
{
	unsigned long rounds = 0;

	while (atomic_read(&stage) < wanted && rounds++ < 400000000UL)
		cpu_relax();
}

static noinline void nfs_put_stateid(struct nfs_stateid *stateid)
{
	/* The lock that ought to be held here is client->lock. */
	idr_remove(&stateid->client->stateids, stateid->id);
	refcount_dec(&stateid->references);
}

static noinline void nfs_callback_release(struct nfs_callback *callback)
{
	nfs_put_stateid(callback->stateid);
	callback->status = 0;
}

static struct xa_node *node_of(void *entry)
{
	return (struct xa_node *)((unsigned long)entry & ~3UL);
}

/* CPU 1: the client goes away and takes its callbacks with it. */
static void nfs_client_shutdown(struct work_struct *work)
{
	rcu_read_lock();
	wait_for_stage(STAGE_RECALLED);
	nfs_callback_release(&recall);
	rcu_read_unlock();
	atomic_set(&stage, STAGE_SHUT_DOWN);
}

/* CPU 0: the client has answered the recall. Both removals lie in one read-side section, so no grace period ends
 * between them. */
static void nfs_recall_done(struct work_struct *work)
{
	struct nfs_callback *callback = container_of(work, struct nfs_callback, work);
	struct nfs_stateid *stateid = callback->stateid;
	void *head = stateid->client->stateids.idr_rt.xa_head;
	struct xa_node *node = node_of(head);

	rcu_read_lock();
	nfs_callback_release(callback);
	node->count = 1;
	rcu_assign_pointer(node->slots[stateid->id & XA_CHUNK_MASK], stateid);
	rcu_assign_pointer(stateid->client->stateids.idr_rt.xa_head, head);
	atomic_set(&stage, STAGE_RECALLED);
	wait_for_stage(STAGE_SHUT_DOWN);
	rcu_read_unlock();
}

static int __init stid_race_init(void)
{
	struct nfs_stateid *stateid;
	struct xa_node *node;

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	stateid = kzalloc(sizeof(*stateid), GFP_KERNEL);
	callback_queue = alloc_workqueue("nfs_callbacks", 0, 0);
	if (!client || !stateid || !callback_queue)
		return -ENOMEM;

	strscpy(client->name, "client.example", sizeof(client->name));
	idr_init(&client->stateids);
	spin_lock_init(&client->lock);
	atomic_set(&client->references, 1);

	refcount_set(&stateid->references, 3);
	stateid->client = client;
	idr_set_cursor(&client->stateids, FIRST_STATEID);
	stateid->id = idr_alloc_cyclic(&client->stateids, stateid, 0, 0, GFP_KERNEL);
	if (stateid->id < 0)
		return stateid->id;

	recall.stateid = stateid;
	INIT_WORK(&recall.work, nfs_recall_done);
	INIT_WORK(&shutdown, nfs_client_shutdown);

	node = node_of(client->stateids.idr_rt.xa_head);
	lab_address("client", client);
	lab_address("stateid", stateid);
	lab_address("callback", &recall);
	lab_address("node", node);
	lab_address("private_list", &node->private_list);
	lab_number("private_list_offset", offsetof(struct xa_node, private_list));
	lab_number("id", stateid->id);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());

	queue_work_on(1, callback_queue, &shutdown);
	queue_work_on(0, callback_queue, &recall.work);
	return 0;
}
module_init(stid_race_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest lab: one radix-tree node given to call_rcu() twice");
