// SPDX-License-Identifier: GPL-2.0
/* Couriers carry parcels of several clients; a client is shared by its parcels and counted. What they carry is signed for with a slip. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct client {
	u64 since;
	char mark[24];
	refcount_t users;
	u32 parcels;
	struct list_head link;
	u64 sums[6];
};

struct slip {
	u8 signature[112];
	u32 zone;
};

struct parcel {
	struct list_head link;
	struct client *client;
	u32 weight;
};

static LIST_HEAD(round);
static DEFINE_SPINLOCK(round_lock);
static struct slip *slips[48];

static inline void client_hold(struct client *client)
{
	refcount_inc(&client->users); /* guilty */
}

static noinline void client_drop(struct client *client)
{
	if (refcount_dec_and_test(&client->users))
		kfree(client); /* guilty */
}

static noinline struct parcel *parcel_make(struct client *client, u32 weight)
{
	struct parcel *parcel = kzalloc(sizeof(*parcel), GFP_KERNEL);

	if (!parcel)
		return NULL;
	parcel->client = client; /* guilty */
	parcel->weight = weight;
	spin_lock(&round_lock);
	list_add_tail(&parcel->link, &round);
	spin_unlock(&round_lock);
	return parcel;
}

static noinline void parcel_carry(struct parcel *parcel)
{
	struct client *client = parcel->client;

	client_hold(client); /* guilty */
	client->parcels++;
	client_drop(client);
}

static noinline int slip_write(unsigned int at)
{
	unsigned int byte, seed = at + 77;

	slips[at] = kzalloc(sizeof(*slips[at]), GFP_KERNEL);
	if (!slips[at])
		return -ENOMEM;
	for (byte = 0; byte < sizeof(slips[at]->signature); byte++) {
		seed = seed * 1103515245 + 12345;
		slips[at]->signature[byte] = 0x80 | seed >> 16;
	}
	slips[at]->zone = at % 9;
	return 0;
}

static int courier(void *data)
{
	struct parcel *parcel;

	while (!kthread_should_stop()) {
		spin_lock(&round_lock);
		list_for_each_entry(parcel, &round, link)
			parcel_carry(parcel);
		spin_unlock(&round_lock);
		msleep(100);
	}
	return 0;
}

static int office(void *data)
{
	struct client *clients[3];
	unsigned int at;

	for (at = 0; at < 3; at++) {
		clients[at] = kzalloc(sizeof(struct client), GFP_KERNEL);
		if (!clients[at])
			return -ENOMEM;
		clients[at]->since = jiffies;
		snprintf(clients[at]->mark, sizeof(clients[at]->mark), "client %u", at);
		refcount_set(&clients[at]->users, 1);
		INIT_LIST_HEAD(&clients[at]->link);
		parcel_make(clients[at], 3 + at);
		parcel_make(clients[at], 30 + at);
	}
	msleep(350);
	lab_address("client", clients[1]);
	lab_number("tasks", lab_count_tasks());
	spin_lock(&round_lock);
	client_drop(clients[1]);
	spin_unlock(&round_lock);
	for (at = 0; at < ARRAY_SIZE(slips); at++)
		slip_write(at);
	while (!kthread_should_stop())
		msleep(500);
	return 0;
}

static int __init courier_init(void)
{
	BUILD_BUG_ON(sizeof(struct client) <= 96 || sizeof(struct client) > 128);
	BUILD_BUG_ON(sizeof(struct slip) <= 96 || sizeof(struct slip) > 128);
	lab_watch_panic();
	kthread_run(courier, NULL, "courier");
	return PTR_ERR_OR_ZERO(kthread_run(office, NULL, "courier-office"));
}
module_init(courier_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("couriers");
