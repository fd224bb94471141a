// SPDX-License-Identifier: GPL-2.0
/* A brewery: vats with a thermostat each, brews that pass through them, and samples taken of the brews. All in kmalloc-192. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "../../cases/lab_truth.h"

#define VATS 8

struct brew_recipe {
	u32 target;
	u32 hops;
	char name[24];
};

struct brew {
	u64 began;
	char batch[24];
	u32 litres;
	u32 stage;
	struct brew_recipe *recipe;
	u32 readings[28];
};

struct brew_sample {
	u64 taken;
	u32 vat;
	u32 count;
	struct { u32 degrees; u32 gravity; } points[20];
};

struct vat {
	u32 number;
	u32 heat;
	struct brew *content;
	struct timer_list thermostat;
};

static struct brew_recipe recipes[3] = { { 65, 3, "pale" }, { 72, 5, "stout" }, { 60, 1, "wheat" } };
static struct vat vats[VATS];
static struct brew_sample *samples[64];

static inline u32 brew_target(const struct brew *brew)
{
	return brew->recipe->target + brew->stage; /* guilty */
}

static void vat_thermostat(struct timer_list *timer)
{
	struct vat *vat = from_timer(vat, timer, thermostat);

	if (vat->content)
		vat->heat = brew_target(vat->content) * 2; /* guilty */
	mod_timer(&vat->thermostat, jiffies + msecs_to_jiffies(60));
}

static noinline void vat_fill(struct vat *vat, struct brew *brew)
{
	brew->stage++;
	WRITE_ONCE(vat->content, brew);
}

static noinline void brew_move(struct vat *from, struct vat *to)
{
	vat_fill(to, from->content); /* guilty */
}

static noinline void vat_drain(struct vat *vat)
{
	struct brew *brew = vat->content;

	WRITE_ONCE(vat->content, NULL);
	kfree(brew); /* guilty */
}

static noinline struct brew_sample *sample_take(u32 number)
{
	struct brew_sample *sample = kzalloc(sizeof(*sample), GFP_KERNEL);
	unsigned int at;

	if (!sample)
		return NULL;
	sample->taken = jiffies;
	sample->vat = number;
	for (at = 0; at < ARRAY_SIZE(sample->points); at++) {
		sample->points[at].degrees = 600 + (number * 7 + at * 13) % 90;
		sample->points[at].gravity = 40 + (number * 3 + at * at) % 17;
	}
	sample->count = at;
	return sample;
}

static int brewer(void *data)
{
	unsigned int at;

	for (at = 0; at < VATS; at += 2) {
		struct brew *brew = kzalloc(sizeof(*brew), GFP_KERNEL);

		if (!brew)
			return -ENOMEM;
		brew->began = jiffies;
		brew->litres = 900 + at;
		brew->recipe = &recipes[at % 3];
		snprintf(brew->batch, sizeof(brew->batch), "batch %u", at);
		vat_fill(&vats[at], brew);
	}
	msleep(200);
	brew_move(&vats[2], &vats[3]);
	msleep(200);
	lab_address("brew", vats[2].content);
	lab_number("tasks", lab_count_tasks());
	vat_drain(&vats[2]);
	for (at = 0; at < ARRAY_SIZE(samples); at++)
		samples[at] = sample_take(at % VATS);
	while (!kthread_should_stop())
		msleep(400);
	return 0;
}

static int __init brewery_init(void)
{
	unsigned int at;

	BUILD_BUG_ON(sizeof(struct brew) <= 128 || sizeof(struct brew) > 192);
	BUILD_BUG_ON(sizeof(struct brew_sample) <= 128 || sizeof(struct brew_sample) > 192);
	for (at = 0; at < VATS; at++) {
		vats[at].number = at;
		timer_setup(&vats[at].thermostat, vat_thermostat, 0);
		mod_timer(&vats[at].thermostat, jiffies + msecs_to_jiffies(60));
	}
	lab_address("vats", vats);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(brewer, NULL, "brewer"));
}
module_init(brewery_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("brewery");
