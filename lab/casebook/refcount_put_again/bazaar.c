// SPDX-License-Identifier: GPL-2.0
/* A bazaar: a stall is held by the counter it stands at and by whoever haggles there. Haggling may be broken off. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct bz_trader {
	u32 id;
	u32 deals;
	u64 purse;
};

struct bz_stall {
	u32 number;
	refcount_t holders;
	struct bz_trader *trader;
	u64 opened;
	u64 takings[12];
	char sign[20];
};

struct bz_crate {
	u64 weight;
	u64 volume;
	u8 stamps[120];
};

static struct bz_stall *corner;
static struct bz_crate *crates[24];
static DECLARE_COMPLETION(broken_off);

static void stall_get(struct bz_stall *stall)
{
	refcount_inc(&stall->holders);
}

static noinline void stall_put(struct bz_stall *stall)
{
	if (refcount_dec_and_test(&stall->holders)) {
		kfree(stall->trader);
		kfree(stall);
	}
}

static noinline int stall_offer(struct bz_stall *stall, u64 price)
{
	if (price > 1000) {
		stall_put(stall); /* guilty */
		return -ERANGE;
	}
	stall->takings[price % 12] += price;
	return 0;
}

static noinline void stall_haggle(struct bz_stall *stall)
{
	u64 price;

	stall_get(stall);
	for (price = 100; price < 1500; price += 300)
		if (stall_offer(stall, price))
			break;
	stall_put(stall);
}

static noinline void stall_close_day(struct bz_stall *stall)
{
	stall_get(stall);
	stall->trader->deals++;
	stall_put(stall);
}

static int haggler(void *data)
{
	unsigned int at;

	msleep(60);
	stall_haggle(corner);
	for (at = 0; at < ARRAY_SIZE(crates); at++)
		crates[at] = kzalloc(sizeof(struct bz_crate), GFP_KERNEL);
	complete(&broken_off);
	while (!kthread_should_stop())
		msleep(1000);
	return 0;
}

static int keeper(void *data)
{
	stall_close_day(corner);
	wait_for_completion(&broken_off);
	msleep(20);
	lab_number("tasks", lab_count_tasks());
	stall_close_day(corner);
	return 0;
}

static int __init bazaar_init(void)
{
	corner = kzalloc(sizeof(*corner), GFP_KERNEL);
	if (!corner)
		return -ENOMEM;
	corner->trader = kzalloc(sizeof(*corner->trader), GFP_KERNEL);
	if (!corner->trader)
		return -ENOMEM;
	corner->number = 12;
	corner->opened = jiffies;
	strscpy(corner->sign, "copper and tin", sizeof(corner->sign));
	refcount_set(&corner->holders, 1);
	lab_address("stall", corner);
	lab_watch_panic();
	kthread_run(keeper, NULL, "bz-keeper");
	kthread_run(haggler, NULL, "bz-haggler");
	return 0;
}
module_init(bazaar_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("bazaar");
