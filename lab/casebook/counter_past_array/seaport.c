// SPDX-License-Identifier: GPL-2.0
/* A port counts its arrivals in bins by size; a kernel thread brings ships, another reports what berth is the busiest. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../../cases/lab_truth.h"

#define BINS 12

struct port_agent {
	void (*greet)(struct port_agent *agent, u32 tons);
	u64 greeted;
	u32 language;
	u32 shift;
	char name[40];
};

struct berth {
	struct list_head link;
	u32 number;
	u32 depth;
	u32 mooring;
	spinlock_t lock;
	u32 bins[BINS];
	struct port_agent *agent;
	u64 tons;
	char pier[24];
};

static LIST_HEAD(berths);
static DEFINE_MUTEX(berths_lock);

static void agent_greet(struct port_agent *agent, u32 tons)
{
	agent->greeted++;
	agent->shift = tons % 3;
}

static inline unsigned int tons_bin(u32 tons)
{
	return min_t(u32, tons / 5000, BINS); /* guilty */
}

static noinline void berth_count(struct berth *berth, u32 tons)
{
	spin_lock(&berth->lock);
	berth->bins[tons_bin(tons)]++; /* guilty */
	berth->tons += tons;
	spin_unlock(&berth->lock);
}

static noinline void berth_greet(struct berth *berth, u32 tons)
{
	struct port_agent *agent = berth->agent;

	agent->greet(agent, tons);
}

static int port_pilot(void *data)
{
	u32 tons = 900;
	struct berth *berth;
	unsigned int round;

	for (round = 0; !kthread_should_stop(); round++) {
		if (round == 9) {
			lab_number("tasks", lab_count_tasks());
			tons = 61000;
		}
		mutex_lock(&berths_lock);
		list_for_each_entry(berth, &berths, link) {
			if (berth->number != round % 5)
				continue;
			berth_greet(berth, tons);
			berth_count(berth, tons);
		}
		mutex_unlock(&berths_lock);
		tons = (tons * 7 + 131) % 59000;
		msleep(40);
	}
	return 0;
}

static int __init seaport_init(void)
{
	unsigned int at;

	for (at = 0; at < 5; at++) {
		struct berth *berth = kzalloc(sizeof(*berth), GFP_KERNEL);
		struct port_agent *agent = kzalloc(sizeof(*agent), GFP_KERNEL);

		if (!berth || !agent)
			return -ENOMEM;
		agent->greet = agent_greet;
		snprintf(agent->name, sizeof(agent->name), "agent %u", at);
		spin_lock_init(&berth->lock);
		berth->number = at;
		berth->depth = 9 + at;
		berth->agent = agent;
		snprintf(berth->pier, sizeof(berth->pier), "pier %u", at);
		list_add_tail(&berth->link, &berths);
		if (at == 4)
			lab_address("berth", berth);
	}
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(port_pilot, NULL, "port-pilot"));
}
module_init(seaport_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("port");
