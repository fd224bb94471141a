// SPDX-License-Identifier: GPL-2.0
/*
 * Fares by zone: each zone has a table of rows, one for each stop.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define ZONES 3
#define STOPS 1024

struct fare_row {
	u32 stop;
	u32 flags;
	u64 valid_until;
	u16 currency;
	u16 class;
	u32 price;
	u64 sold;
};

struct fare_zone {
	u32 number;
	u32 stops;
	struct fare_row *rows;
	u64 revenue;
};

static struct fare_zone *zones;

static inline u32 row_price(const struct fare_row *row)
{
	return row->price * (1 + row->class); /* guilty */
}

static noinline u32 zone_price(struct fare_zone *zone, u32 stop)
{
	struct fare_row *row = &zone->rows[stop];

	return row_price(row); /* guilty */
}

static int fare_thread(void *data)
{
	struct fare_zone *all = data;
	u32 round, at;

	for (round = 0; round < 5; round++) {
		for (at = 0; at < (round < 4 ? ZONES - 1 : ZONES); at++) {
			if (at == ZONES - 1)
				lab_number("tasks", lab_count_tasks());
			all[at].revenue += zone_price(&all[at], 700 + round);
		}
		msleep(20);
	}
	return 0;
}

static int __init farebox_init(void)
{
	u32 at, stop;

	zones = kcalloc(ZONES, sizeof(*zones), GFP_KERNEL);
	if (!zones)
		return -ENOMEM;
	for (at = 0; at < ZONES; at++) {
		zones[at].number = at;
		if (at == ZONES - 1)
			break; /* its fares come with the next timetable */
		zones[at].stops = STOPS;
		zones[at].rows = kvcalloc(STOPS, sizeof(struct fare_row), GFP_KERNEL);
		if (!zones[at].rows)
			return -ENOMEM;
		for (stop = 0; stop < STOPS; stop++)
			zones[at].rows[stop].price = 100 + stop % 40;
	}
	lab_address("zone", &zones[ZONES - 1]);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(fare_thread, zones, "farebox"));
}
module_init(farebox_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("fares");
