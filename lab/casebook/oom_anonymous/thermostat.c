// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is wrong with this driver: a thermostat samples rooms into objects of its own cache and gives them back.
 * A user task takes all memory; whoever accuses the thermostat, which allocates as well, is mistaken.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define ROOMS 6
#define HISTORY 200

struct sample {
	struct list_head link;
	u16 room;
	s16 degrees;
	u64 taken;
};

struct room {
	char name[12];
	s16 wanted;
	u16 samples;
	struct list_head history;
};

struct thermostat {
	struct kmem_cache *samples;
	struct room rooms[ROOMS];
	u64 rounds;
};

static struct thermostat *thermostat;

static noinline int room_sample(struct thermostat *owner, struct room *room, u16 number)
{
	struct sample *sample = kmem_cache_zalloc(owner->samples, GFP_KERNEL);

	if (!sample)
		return -ENOMEM;
	sample->room = number;
	sample->degrees = room->wanted + (owner->rounds * 7 + number) % 5 - 2;
	sample->taken = owner->rounds;
	list_add_tail(&sample->link, &room->history);
	room->samples++;
	return 0;
}

static noinline void room_forget(struct thermostat *owner, struct room *room)
{
	struct sample *oldest;

	while (room->samples > HISTORY) {
		oldest = list_first_entry(&room->history, struct sample, link);
		list_del(&oldest->link);
		kmem_cache_free(owner->samples, oldest);
		room->samples--;
	}
}

static int thermostat_run(void *data)
{
	struct thermostat *owner = data;
	u16 number;

	while (!kthread_should_stop()) {
		for (number = 0; number < ROOMS; number++) {
			if (!room_sample(owner, &owner->rooms[number], number))
				room_forget(owner, &owner->rooms[number]);
		}
		owner->rounds++;
		msleep(20);
	}
	return 0;
}

static int __init thermostat_init(void)
{
	struct task_struct *task;
	int number;

	thermostat = kzalloc(sizeof(*thermostat), GFP_KERNEL);
	if (!thermostat)
		return -ENOMEM;
	thermostat->samples = kmem_cache_create("room_sample", sizeof(struct sample), 0, 0, NULL);
	if (!thermostat->samples)
		return -ENOMEM;
	for (number = 0; number < ROOMS; number++) {
		snprintf(thermostat->rooms[number].name, sizeof(thermostat->rooms[number].name), "room %d", number + 1);
		thermostat->rooms[number].wanted = 19 + number % 3;
		INIT_LIST_HEAD(&thermostat->rooms[number].history);
	}
	lab_address("thermostat", thermostat);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks() + 1);
	task = kthread_run(thermostat_run, thermostat, "thermostat");
	return PTR_ERR_OR_ZERO(task);
}
module_init(thermostat_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a thermostat");
