// SPDX-License-Identifier: GPL-2.0
/*
 * Peers are probed by a timer each until they have answered or are forgotten.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "../../cases/lab_truth.h"

#define PEERS 6

struct keepalive_peer {
	u64 id;
	u32 missed;
	u32 flags;
	u64 last_seen;
	struct timer_list probe;
	struct list_head node;
	char name[24];
};

struct keepalive {
	struct list_head peers;
	struct kmem_cache *cache;
	u32 count;
};

static struct keepalive table;

static void peer_probe(struct timer_list *timer)
{
	struct keepalive_peer *peer = container_of(timer, struct keepalive_peer, probe);

	peer->missed++;
	mod_timer(&peer->probe, jiffies + HZ / 8);
}

static noinline void peer_destroy(struct keepalive_peer *peer)
{
	table.count--;
	kmem_cache_free(table.cache, peer); /* guilty */
}

static noinline void peer_forget(struct keepalive_peer *peer)
{
	list_del(&peer->node);
	peer->flags |= 2;
	peer_destroy(peer); /* guilty */
}

static int janitor_thread(void *data)
{
	struct keepalive *own = data;
	struct keepalive_peer *peer, *next;

	while (!kthread_should_stop()) {
		list_for_each_entry_safe(peer, next, &own->peers, node) {
			if (peer->id != 3 || peer->missed < 2)
				continue;
			lab_number("tasks", lab_count_tasks());
			peer_forget(peer);
		}
		msleep(20);
	}
	return 0;
}

static int __init keepalive_init(void)
{
	u64 id;

	INIT_LIST_HEAD(&table.peers);
	table.cache = KMEM_CACHE(keepalive_peer, 0);
	for (id = 1; table.cache && id <= PEERS; id++) {
		struct keepalive_peer *peer = kmem_cache_zalloc(table.cache, GFP_KERNEL);

		if (!peer)
			return -ENOMEM;
		peer->id = id;
		snprintf(peer->name, sizeof(peer->name), "peer-%llu", id);
		timer_setup(&peer->probe, peer_probe, 0);
		list_add_tail(&peer->node, &table.peers);
		table.count++;
		mod_timer(&peer->probe, jiffies + HZ / 8);
		if (id == 3)
			lab_address("peer", peer);
	}
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(janitor_thread, &table, "keepalive"));
}
module_init(keepalive_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("keepalive of peers");
