// SPDX-License-Identifier: GPL-2.0
/* A car park: every space is a place of some kind; bays, lifts and ramps share their first part, others know only that or a head alike. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct place_head {
	u32 kind;
	u32 number;
	u64 stamp;
};

struct place {
	u32 kind;
	u32 number;
	u64 stamp;
	struct place *next;
};

struct bay_meter {
	u32 rate;
	u32 coins;
	u64 minutes;
};

struct bay {
	struct place place;
	struct bay_meter *meter;
	u32 width;
	u32 cars;
	char row[24];
};

static struct place *places;
static struct bay *bays[6];
static struct place_head *latest[6];

static inline void meter_run(struct bay_meter *meter, u32 minutes)
{
	meter->minutes += minutes; /* guilty */
}

static noinline void bay_charge(struct bay *bay)
{
	bay->cars++;
	meter_run(bay->meter, 5); /* guilty */
}

static int attendant(void *data)
{
	unsigned int at, round;

	for (round = 0; !kthread_should_stop(); round++) {
		struct place *place;

		for (place = places; place; place = place->next)
			place->stamp = jiffies;
		for (at = 0; at < ARRAY_SIZE(bays); at++) {
			latest[at]->number = at;
			if (round > 5 || at != 4)
				bay_charge(bays[at]);
		}
		msleep(40);
	}
	return 0;
}

static int __init carpark_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(bays); at++) {
		bays[at] = kzalloc(sizeof(*bays[at]), GFP_KERNEL);
		if (!bays[at])
			return -ENOMEM;
		if (at != 4) /* guilty */
			bays[at]->meter = kzalloc(sizeof(struct bay_meter), GFP_KERNEL);
		bays[at]->place.kind = 3;
		bays[at]->width = 240;
		snprintf(bays[at]->row, sizeof(bays[at]->row), "row %u", at);
		bays[at]->place.next = places;
		places = &bays[at]->place;
		latest[at] = (struct place_head *)bays[at];
	}
	lab_address("bay", bays[4]);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return PTR_ERR_OR_ZERO(kthread_run(attendant, NULL, "attendant"));
}
module_init(carpark_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("car park");
