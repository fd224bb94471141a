// SPDX-License-Identifier: GPL-2.0
/*
 * A scanner visits the stations of a base and adds up their rates. A station that has roamed away keeps its place in
 * the list but has no link any more; the scan asks it for its rate all the same.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define STATIONS 6

struct radio_link {
	u64 frames_sent;
	u64 frames_lost;
	u16 channel;
	u16 flags;
	u32 rate;
};

struct radio_station {
	struct list_head node;
	u8 address[6];
	u16 id;
	struct radio_link *link;
	u32 last_rate;
};

struct radio_base {
	struct mutex lock;
	struct list_head stations;
	unsigned int scans;
	u64 total_rate;
	struct kmem_cache *station_cache;
};

static struct radio_base base;

static inline u32 link_rate(const struct radio_link *link)
{
	return READ_ONCE(link->rate); /* guilty */
}

static inline u32 station_rate(const struct radio_station *station)
{
	return link_rate(station->link); /* guilty */
}

static noinline void scan_station(struct radio_base *of, struct radio_station *station)
{
	u32 rate = station_rate(station); /* guilty */

	of->total_rate += rate;
	if (rate != station->last_rate)
		pr_debug("station %u: %u kbit/s\n", station->id, rate);
	station->last_rate = rate;
}

static noinline void station_roam(struct radio_station *station)
{
	struct radio_link *link = station->link;

	station->link = NULL;
	kfree(link);
}

static int scan_thread(void *data)
{
	struct radio_base *own = data;
	struct radio_station *station;

	while (!kthread_should_stop()) {
		mutex_lock(&own->lock);
		if (own->scans == 3)
			lab_number("tasks", lab_count_tasks());
		list_for_each_entry(station, &own->stations, node) {
			if (own->scans == 2 && station->id == 4)
				station_roam(station);
			else
				scan_station(own, station);
		}
		own->scans++;
		mutex_unlock(&own->lock);
		msleep(20);
	}
	return 0;
}

static struct radio_station *station_add(struct radio_base *to, u16 id)
{
	struct radio_station *station = kmem_cache_zalloc(to->station_cache, GFP_KERNEL);

	if (!station)
		return NULL;
	station->link = kzalloc(sizeof(*station->link), GFP_KERNEL);
	if (!station->link) {
		kmem_cache_free(to->station_cache, station);
		return NULL;
	}
	station->id = id;
	station->link->rate = 54000 + 500 * id;
	station->link->channel = 1 + id % 11;
	list_add_tail(&station->node, &to->stations);
	return station;
}

static int __init radioscan_init(void)
{
	struct radio_station *station;
	u16 id;

	mutex_init(&base.lock);
	INIT_LIST_HEAD(&base.stations);
	base.station_cache = KMEM_CACHE(radio_station, 0);
	if (!base.station_cache)
		return -ENOMEM;
	for (id = 0; id < STATIONS; id++) {
		station = station_add(&base, id);
		if (!station)
			return -ENOMEM;
		if (id == 4)
			lab_address("station", station);
	}
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(scan_thread, &base, "radioscan"));
}
module_init(radioscan_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("radio base scanner");
