// SPDX-License-Identifier: GPL-2.0
/*
 * A watcher pings its clients in turn and lets go of the lock meanwhile. A client that is removed is kept in case it
 * comes back.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define CLIENTS 5

struct watch_client {
	u32 id;
	u32 pings;
	u64 last;
	struct list_head node;
	bool gone;
};

struct watch {
	struct mutex lock;
	struct list_head clients;
	struct watch_client *quitter;
	struct work_struct remove;
	u64 rounds;
};

static struct watch *watch;

static noinline void client_ping(struct watch *by, struct watch_client *client)
{
	client->pings++;
	client->last = jiffies;
	mutex_unlock(&by->lock);
	if (client == by->quitter && client->pings == 3) {
		schedule_work(&by->remove);
		msleep(60);
		lab_number("tasks", lab_count_tasks());
	}
	mutex_lock(&by->lock);
}

static noinline void watch_round(struct watch *own)
{
	struct watch_client *client;

	mutex_lock(&own->lock);
	list_for_each_entry(client, &own->clients, node) /* guilty */
		client_ping(own, client); /* guilty */
	own->rounds++;
	mutex_unlock(&own->lock);
}

static void client_remove(struct work_struct *work)
{
	struct watch *own = container_of(work, struct watch, remove);

	mutex_lock(&own->lock);
	list_del(&own->quitter->node); /* guilty */
	own->quitter->gone = true;
	mutex_unlock(&own->lock);
}

static int watch_thread(void *data)
{
	while (!kthread_should_stop()) {
		watch_round(data);
		msleep(20);
	}
	return 0;
}

static int __init watchlist_init(void)
{
	u32 id;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL);
	if (!watch)
		return -ENOMEM;
	mutex_init(&watch->lock);
	INIT_LIST_HEAD(&watch->clients);
	INIT_WORK(&watch->remove, client_remove);
	for (id = 0; id < CLIENTS; id++) {
		struct watch_client *client = kzalloc(sizeof(*client), GFP_KERNEL);

		if (!client)
			return -ENOMEM;
		client->id = id;
		list_add_tail(&client->node, &watch->clients);
		if (id == 2)
			watch->quitter = client;
	}
	lab_address("client", watch->quitter);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(watch_thread, watch, "watchlist"));
}
module_init(watchlist_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("watch list");
