// SPDX-License-Identifier: GPL-2.0
/* A postbox: letters and their routes come from one pool. A letter that cannot be delivered is dropped with its route. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct pb_office {
	u32 code;
	u32 letters;
	u64 weight;
};

struct pb_route {
	u32 hops;
	u32 cost;
	u64 stamped;
	struct pb_office *via;
	u64 legs[23];
};

struct pb_letter {
	u32 number;
	u32 grams;
	u64 from, to;
	char address[160];
	struct pb_route *route;
};

static struct kmem_cache *sorted;
static struct pb_office office = { .code = 77 };

static noinline struct pb_route *route_make(u32 hops)
{
	struct pb_route *route = kmem_cache_zalloc(sorted, GFP_KERNEL);

	if (route) {
		route->hops = hops;
		route->via = &office;
		route->stamped = jiffies;
	}
	return route;
}

static noinline int route_check(struct pb_route *route, u32 limit)
{
	if (route->hops <= limit)
		return 0;
	kmem_cache_free(sorted, route); /* guilty */
	return -ELOOP;
}

static noinline struct pb_letter *letter_make(u32 number, u64 to)
{
	struct pb_letter *letter = kmem_cache_zalloc(sorted, GFP_KERNEL);

	if (letter) {
		letter->number = number;
		letter->grams = 20;
		letter->to = to;
		letter->from = 0x6e2065756c62206bULL;
	}
	return letter;
}

static noinline void letter_drop(struct pb_letter *letter)
{
	struct pb_route *route = letter->route;

	kmem_cache_free(sorted, letter);
	if (route)
		kmem_cache_free(sorted, route); /* guilty */
}

static noinline void route_travel(struct pb_route *route, u32 grams)
{
	route->via->letters++;
	route->via->weight += grams;
}

static int carrier(void *data)
{
	struct pb_letter *letter, *kept;
	struct pb_route *route;
	u32 number;

	for (number = 1; ; number++) {
		letter = letter_make(number, number * 100);
		letter->route = route_make(number % 8);
		if (number == 6)
			lab_address("route", letter->route);
		if (route_check(letter->route, 5)) {
			letter_drop(letter);
			if (number == 6)
				lab_number("tasks", lab_count_tasks());
			route = route_make(2);
			kept = letter_make(number, 5);
			letter = letter_make(number + 1000, 0x67616c6620656874ULL);
			letter->route = route;
			strscpy(letter->address, "the lighthouse at the end of the quay", sizeof(letter->address));
			memset(kept->address, 0x42, 12);
			route_travel(route, letter->grams);
			kmem_cache_free(sorted, kept);
		} else {
			route_travel(letter->route, letter->grams);
			kmem_cache_free(sorted, letter->route);
			kmem_cache_free(sorted, letter);
		}
		msleep(10);
	}
	return 0;
}

static int __init postbox_init(void)
{
	sorted = kmem_cache_create("pb_mail", 208, 0, SLAB_HWCACHE_ALIGN, NULL);
	if (!sorted)
		return -ENOMEM;
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(carrier, NULL, "pb-carrier"));
}
module_init(postbox_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("postbox");
