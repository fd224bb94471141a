// SPDX-License-Identifier: GPL-2.0
/*
 * Two mutexes taken in both orders. A harbour's shuttles carry containers between berths; each shuttle closes the gate
 * of the berth it comes from, then that of the berth it goes to. Two shuttles that run towards each other wait for ever.
 * The surveyor, started long before them, only counts containers, and is the first task the watchdog complains of.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define BERTHS 4
#define SETTLE_MS 30

struct crane {
	char name[12];
	unsigned int moves;
	unsigned int load;
};

struct berth {
	struct list_head link;
	u32 number;
	u32 containers;
	struct mutex gate;
	u64 moved;
	struct crane *crane;
};

struct shuttle {
	struct berth *from;
	struct berth *to;
	unsigned int batch;
	unsigned long rounds;
	struct task_struct *task;
};

struct harbour {
	struct list_head berths;
	u32 count;
	u64 surveyed;
	struct kmem_cache *cache;
	struct task_struct *surveyor;
	struct shuttle shuttles[2];
};

static struct harbour *harbour;

static inline void crane_lift(struct crane *crane, unsigned int containers)
{
	crane->load = containers;
	crane->moves++;
	msleep(SETTLE_MS); /* until the load no longer swings */
}

static inline void berth_close(struct berth *berth)
{
	mutex_lock(&berth->gate);
}

static inline void berth_open(struct berth *berth)
{
	mutex_unlock(&berth->gate);
}

static noinline unsigned int shuttle_load(struct shuttle *shuttle)
{
	struct berth *berth = shuttle->from;
	unsigned int taken = min(shuttle->batch, berth->containers);

	crane_lift(berth->crane, taken);
	berth->containers -= taken;
	return taken;
}

static noinline void shuttle_deliver(struct shuttle *shuttle)
{
	unsigned int taken;

	berth_close(shuttle->from);
	taken = shuttle_load(shuttle);
	berth_close(shuttle->to); /* guilty */
	shuttle->to->containers += taken;
	shuttle->to->moved += taken;
	berth_open(shuttle->to);
	berth_open(shuttle->from);
	shuttle->rounds++;
}

static int shuttle_run(void *data)
{
	struct shuttle *shuttle = data;

	while (!kthread_should_stop()) {
		shuttle_deliver(shuttle);
		msleep(10);
	}
	return 0;
}

static noinline u64 harbour_survey(struct harbour *owner)
{
	struct berth *berth;
	u64 total = 0;

	list_for_each_entry(berth, &owner->berths, link) {
		berth_close(berth);
		total += berth->containers;
		berth_open(berth);
	}
	return total;
}

static int surveyor_run(void *data)
{
	struct harbour *owner = data;

	while (!kthread_should_stop()) {
		owner->surveyed = harbour_survey(owner);
		msleep(50);
	}
	return 0;
}

static struct berth *berth_create(struct harbour *owner, u32 number)
{
	struct berth *berth = kmem_cache_zalloc(owner->cache, GFP_KERNEL);

	if (!berth)
		return NULL;
	berth->crane = kzalloc(sizeof(*berth->crane), GFP_KERNEL);
	if (!berth->crane) {
		kmem_cache_free(owner->cache, berth);
		return NULL;
	}
	snprintf(berth->crane->name, sizeof(berth->crane->name), "crane%u", number);
	berth->number = number;
	berth->containers = 100;
	mutex_init(&berth->gate);
	list_add_tail(&berth->link, &owner->berths);
	owner->count++;
	return berth;
}

static int shuttle_start(struct shuttle *shuttle, struct berth *from, struct berth *to, int number)
{
	shuttle->from = from;
	shuttle->to = to;
	shuttle->batch = 4 + number;
	shuttle->task = kthread_run(shuttle_run, shuttle, "shuttle/%d", number);
	return PTR_ERR_OR_ZERO(shuttle->task);
}

static int __init harbour_init(void)
{
	struct berth *berths[BERTHS];
	u32 number;
	int status;

	harbour = kzalloc(sizeof(*harbour), GFP_KERNEL);
	if (!harbour)
		return -ENOMEM;
	INIT_LIST_HEAD(&harbour->berths);
	harbour->cache = kmem_cache_create("harbour_berth", sizeof(struct berth), 0, SLAB_HWCACHE_ALIGN, NULL);
	if (!harbour->cache)
		return -ENOMEM;
	for (number = 0; number < BERTHS; number++) {
		berths[number] = berth_create(harbour, number);
		if (!berths[number])
			return -ENOMEM;
	}
	lab_address("first", berths[1]);
	lab_address("second", berths[2]);
	lab_number("gate_offset", offsetof(struct berth, gate));
	lab_watch_panic();

	harbour->surveyor = kthread_run(surveyor_run, harbour, "surveyor");
	if (IS_ERR(harbour->surveyor))
		return PTR_ERR(harbour->surveyor);
	status = shuttle_start(&harbour->shuttles[0], berths[1], berths[2], 0);
	if (!status)
		status = shuttle_start(&harbour->shuttles[1], berths[2], berths[1], 1);
	lab_number("tasks", lab_count_tasks());
	return status;
}
module_init(harbour_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: shuttles of a harbour");
