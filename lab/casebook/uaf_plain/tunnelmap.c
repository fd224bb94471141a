// SPDX-License-Identifier: GPL-2.0
/*
 * A map of tunnels. One task sends through a tunnel that it has looked up once; another takes tunnels down, and does
 * not ask who still has one.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct tunnel_end {
	u32 address;
	u16 port;
	u16 flags;
	u64 bytes;
	unsigned long last_used;
};

struct tunnel {
	struct hlist_node node;
	u64 key;
	u32 mtu;
	u32 users;
	u64 sent;
	u64 dropped;
	struct tunnel_end *remote;
	struct tunnel_end local;
	char name[24];
};

struct tunnel_map {
	DECLARE_HASHTABLE(tunnels, 4);
	struct mutex lock;
	struct completion down;
	struct kmem_cache *cache;
};

static struct tunnel_map map;

static struct tunnel *tunnel_find(u64 key)
{
	struct tunnel *tunnel;

	hash_for_each_possible(map.tunnels, tunnel, node, key)
		if (tunnel->key == key)
			return tunnel;
	return NULL;
}

static inline void remote_account(struct tunnel_end *end, u32 length)
{
	end->bytes += length; /* guilty */
	end->last_used = jiffies; /* guilty */
}

static noinline int tunnel_send(struct tunnel *tunnel, u32 length)
{
	if (length > tunnel->mtu)
		return -EMSGSIZE;
	remote_account(tunnel->remote, length); /* guilty */
	tunnel->sent++;
	return 0;
}

static int sender_thread(void *data)
{
	struct tunnel *tunnel;
	u32 packet;

	mutex_lock(&map.lock);
	tunnel = tunnel_find(7);
	mutex_unlock(&map.lock);
	for (packet = 0; packet < 5; packet++)
		tunnel_send(tunnel, 64 + packet);
	wait_for_completion(&map.down);
	lab_number("tasks", lab_count_tasks());
	tunnel_send(tunnel, 0);
	return 0;
}

static noinline void tunnel_destroy(struct tunnel *tunnel)
{
	hash_del(&tunnel->node);
	kfree(tunnel->remote);
	kmem_cache_free(map.cache, tunnel); /* guilty */
}

static int teardown_thread(void *data)
{
	struct tunnel *tunnel;

	msleep(80);
	mutex_lock(&map.lock);
	tunnel = tunnel_find(7);
	if (tunnel)
		tunnel_destroy(tunnel);
	mutex_unlock(&map.lock);
	complete(&map.down);
	while (!kthread_should_stop())
		msleep(1000);
	return 0;
}

static int tunnel_create(u64 key)
{
	struct tunnel *tunnel = kmem_cache_zalloc(map.cache, GFP_KERNEL);

	if (!tunnel)
		return -ENOMEM;
	tunnel->key = key;
	tunnel->mtu = 1400;
	tunnel->remote = kzalloc(sizeof(*tunnel->remote), GFP_KERNEL);
	if (!tunnel->remote)
		return -ENOMEM;
	snprintf(tunnel->name, sizeof(tunnel->name), "tun%llu", key);
	hash_add(map.tunnels, &tunnel->node, key);
	if (key == 7)
		lab_address("tunnel", tunnel);
	return 0;
}

static int __init tunnelmap_init(void)
{
	u64 key;

	hash_init(map.tunnels);
	mutex_init(&map.lock);
	init_completion(&map.down);
	map.cache = KMEM_CACHE(tunnel, 0);
	for (key = 1; map.cache && key <= 12; key++)
		if (tunnel_create(key))
			return -ENOMEM;
	lab_watch_panic();
	kthread_run(sender_thread, NULL, "tunnel-send");
	kthread_run(teardown_thread, NULL, "tunnel-down");
	return 0;
}
module_init(tunnelmap_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("tunnel map");
