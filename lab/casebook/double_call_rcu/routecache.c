// SPDX-License-Identifier: GPL-2.0
/*
 * A cache of routes that readers walk under RCU. A route leaves it when it expires, and when its neighbour withdraws
 * it. The two do not exclude each other; here both meet on one route, each on its CPU.
 */
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define ROUTES 9

struct route {
	struct hlist_node node;
	u32 prefix;
	u16 length;
	u16 metric;
	unsigned long expires;
	u64 packets;
	u64 bytes;
	u32 gateway;
	u32 flags;
	struct rcu_head rcu;
	u32 tag[6];
};

struct route_cache {
	spinlock_t lock;
	struct hlist_head routes;
	struct route *oldest;
	struct work_struct expire;
	struct work_struct withdraw;
	atomic_t step;
	atomic_t freed;
};

static struct route_cache cache;
static struct kmem_cache *route_slab;

static void route_wait(int step)
{
	unsigned long rounds = 0;

	while (atomic_read(&cache.step) < step && rounds++ < 400000000UL)
		cpu_relax();
}

static void route_free(struct rcu_head *head)
{
	kmem_cache_free(route_slab, container_of(head, struct route, rcu));
	atomic_inc(&cache.freed);
}

static noinline void route_release(struct route *route)
{
	spin_lock(&cache.lock);
	hlist_del_init_rcu(&route->node);
	spin_unlock(&cache.lock);
	call_rcu(&route->rcu, route_free); /* guilty */
}

static void route_expire(struct work_struct *work)
{
	struct route *route = cache.oldest;

	rcu_read_lock();
	if (time_after(jiffies, route->expires))
		route_release(route); /* guilty */
	atomic_set(&cache.step, 1);
	route_wait(2);
	rcu_read_unlock();
}

static void route_withdraw(struct work_struct *work)
{
	rcu_read_lock();
	route_wait(1);
	route_release(cache.oldest); /* guilty */
	atomic_set(&cache.step, 2);
	rcu_read_unlock();
}

static int __init routecache_init(void)
{
	u32 number;

	route_slab = KMEM_CACHE(route, 0);
	spin_lock_init(&cache.lock);
	INIT_WORK(&cache.expire, route_expire);
	INIT_WORK(&cache.withdraw, route_withdraw);
	for (number = 0; route_slab && number < ROUTES; number++) {
		struct route *route = kmem_cache_zalloc(route_slab, GFP_KERNEL);

		if (!route)
			return -ENOMEM;
		route->prefix = 0x0a000000 + (number << 8);
		route->length = 24;
		route->gateway = 0x0a0000fe;
		route->expires = jiffies - 1;
		hlist_add_head_rcu(&route->node, &cache.routes);
		if (number == 4)
			cache.oldest = route;
	}
	lab_address("route", cache.oldest);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	queue_work_on(1, system_wq, &cache.withdraw);
	queue_work_on(0, system_wq, &cache.expire);
	return 0;
}
module_init(routecache_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("route cache");
