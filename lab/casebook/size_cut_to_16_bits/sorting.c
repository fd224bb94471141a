// SPDX-License-Identifier: GPL-2.0
/* A sorting table built from a firmware-like blob: entries of 24 bytes, as many as its header says; chutes take what is sorted. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct sort_head {
	u32 magic;
	u16 count;
	u16 flags;
};

struct sort_entry {
	u32 key;
	u32 chute;
	u64 weight;
	u32 low, high;
};

struct sort_table {
	u16 count;
	u16 bytes;
	struct sort_entry *entries;
};

struct chute_motor {
	u32 amps;
	u32 starts;
	u64 hours;
};

struct chute {
	u32 number;
	u32 open;
	struct chute_motor *motor;
	u64 taken;
	struct list_head link;
	char label[24];
};

static LIST_HEAD(chutes);
static struct sort_table table;
static struct chute_motor motors[4];

static noinline void table_fill(struct sort_table *own, u32 seed, unsigned int present)
{
	unsigned int at;

	for (at = 0; at < own->count && at < present; at++) {
		struct sort_entry *entry = &own->entries[at];

		seed = seed * 1664525 + 1013904223;
		entry->key = seed; /* guilty */
		entry->chute = seed >> 28;
		entry->weight = (u64)seed * 2654435761u;
		entry->low = seed >> 3;
		entry->high = entry->low + 5000;
	}
}

static noinline int table_load(struct sort_table *own, const struct sort_head *head, unsigned int present)
{
	own->count = head->count;
	own->bytes = head->count * sizeof(struct sort_entry); /* guilty */
	own->entries = kzalloc(own->bytes, GFP_KERNEL);
	if (!own->entries)
		return -ENOMEM;
	lab_address("entries", own->entries);
	table_fill(own, head->magic, present);
	return 0;
}

static inline void motor_start(struct chute_motor *motor)
{
	motor->starts++; /* guilty */
}

static noinline void chute_open(struct chute *chute)
{
	chute->open++;
	motor_start(chute->motor); /* guilty */
}

static int sorter(void *data)
{
	static const struct sort_head head = { 0x534f5254, 2733, 1 };
	static struct chute *all[256];
	unsigned int at, round;

	/* 2733 * 24 = 65592, in sixteen bits 56 */
	for (at = 0; at < ARRAY_SIZE(all); at++) {
		struct chute *chute = kzalloc(sizeof(*chute), GFP_KERNEL);

		if (!chute)
			return -ENOMEM;
		chute->number = at;
		chute->motor = &motors[at % 4];
		snprintf(chute->label, sizeof(chute->label), "chute %u", at);
		list_add_tail(&chute->link, &chutes);
		all[at] = chute;
	}
	for (at = 0; at < 96; at += 2) {
		list_del(&all[at]->link);
		kfree(all[at]);
		all[at] = NULL;
	}
	for (round = 0; ; round++) {
		if (round == 4) {
			lab_number("tasks", lab_count_tasks());
			if (table_load(&table, &head, 14))
				return -ENOMEM;
		}
		for (at = 0; at < ARRAY_SIZE(all); at++)
			if (all[at])
				chute_open(all[at]);
		msleep(30);
	}
	return 0;
}

static int __init sorting_init(void)
{
	BUILD_BUG_ON(sizeof(struct sort_entry) != 24);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(sorter, NULL, "sorter"));
}
module_init(sorting_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("sorting table");
