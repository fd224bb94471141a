// SPDX-License-Identifier: GPL-2.0
/*
 * Lamps follow modes out of a table and dim from one to the next.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct lamp_mode {
	char name[12];
	u32 level;
	u32 fade_ms;
};

struct lamp {
	u32 index;
	u32 current_level;
	struct lamp_mode *mode;
	u64 changes;
};

static const struct lamp_mode modes[] = {
	{ "off", 0, 400 }, { "night", 20, 800 }, { "day", 180, 200 }, { "alarm", 255, 0 },
};

static struct lamp *lamp;

static inline void mode_adjust(struct lamp_mode *mode, u32 level)
{
	mode->level = level; /* guilty */
}

static noinline void lamp_dim(struct lamp *of, u32 target)
{
	if (of->current_level == target)
		return;
	of->current_level = target;
	if (target < of->mode->level)
		mode_adjust(of->mode, target); /* guilty */
	of->changes++;
}

static noinline void lamp_select(struct lamp *of, u32 number)
{
	of->mode = (struct lamp_mode *)&modes[number % ARRAY_SIZE(modes)];
}

static int lamp_thread(void *data)
{
	struct lamp *own = data;
	u32 round;

	for (round = 0; !kthread_should_stop(); round++) {
		lamp_select(own, round);
		if (round == 2)
			lab_number("tasks", lab_count_tasks());
		lamp_dim(own, round < 2 ? own->mode->level : own->mode->level - 30);
		msleep(30);
	}
	return 0;
}

static int __init lampmodes_init(void)
{
	lamp = kzalloc(sizeof(*lamp), GFP_KERNEL);
	if (!lamp)
		return -ENOMEM;
	lab_address("mode", &modes[2]);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(lamp_thread, lamp, "lamp"));
}
module_init(lampmodes_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("lamp modes");
