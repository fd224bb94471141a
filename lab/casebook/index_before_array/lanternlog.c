// SPDX-License-Identifier: GPL-2.0
/* A lighthouse logs when its lamp was seen: by ships over /proc/lighthouse, kept for eight sightings; a thread turns the lamp. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define SIGHTINGS 8

struct lens {
	u32 order;
	u32 turns;
	u64 focal[4];
};

struct lighthouse {
	char name[24];
	u32 period;
	s32 last;
	struct lens *lens;
	u64 seen[SIGHTINGS];
	u32 ships;
	u32 fogged;
};

static struct lighthouse *houses[3];

static noinline void house_forget(struct lighthouse *house)
{
	house->last--; /* guilty */
}

static noinline void house_sight(struct lighthouse *house, u32 ship)
{
	house->seen[house->last] = ktime_get_ns(); /* guilty */
	house->last = (house->last + 1) % SIGHTINGS;
	house->ships += ship;
}

static inline void lens_turn(struct lens *lens)
{
	lens->turns++; /* guilty */
}

static noinline void house_turn(struct lighthouse *house)
{
	if (house->fogged < 5)
		lens_turn(house->lens); /* guilty */
}

static int keeper(void *data)
{
	unsigned int at;

	while (!kthread_should_stop()) {
		for (at = 0; at < ARRAY_SIZE(houses); at++)
			house_turn(houses[at]);
		msleep(30);
	}
	return 0;
}

static ssize_t light_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 house, ship;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "seen %u %u", &house, &ship) == 2 && house < 3)
		house_sight(houses[house], ship);
	else if (sscanf(text, "not %u", &house) == 1 && house < 3)
		house_forget(houses[house]);
	else
		return -EINVAL;
	return size;
}

static const struct proc_ops light_proc = { .proc_write = light_write };

static int __init lighthouse_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(houses); at++) {
		houses[at] = kzalloc(sizeof(*houses[at]), GFP_KERNEL);
		if (!houses[at])
			return -ENOMEM;
		houses[at]->lens = kzalloc(sizeof(struct lens), GFP_KERNEL);
		if (!houses[at]->lens)
			return -ENOMEM;
		houses[at]->lens->order = at + 1;
		houses[at]->period = 5 + at;
		snprintf(houses[at]->name, sizeof(houses[at]->name), "light %u", at);
		lab_address("house", houses[at]);
	}
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	proc_create("lighthouse", 0200, NULL, &light_proc);
	return PTR_ERR_OR_ZERO(kthread_run(keeper, NULL, "light-keeper"));
}
module_init(lighthouse_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("lighthouse");
