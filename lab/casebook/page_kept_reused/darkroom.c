// SPDX-License-Identifier: GPL-2.0
/* A darkroom: trays of plates in whole pages, and strips of exposure values in pages too; a worker develops plate by plate. */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define PLATES 64

struct bath {
	u32 minutes;
	u32 used;
	char name[16];
};

struct plate {
	struct bath *bath;
	u32 number;
	u32 grain;
	u8 label[48];
};

struct tray {
	u32 number;
	u32 count;
	struct plate *plates;
	u64 developed;
};

struct strip {
	u16 *values;
	u32 count;
	struct strip *next;
};

static struct tray trays[4];
static struct strip *strips;
static struct bath baths[2] = { { 4, 0, "soft" }, { 9, 0, "hard" } };

static noinline void plate_develop(struct tray *tray, struct plate *plate)
{
	struct bath *bath = plate->bath;

	tray->developed += bath->minutes; /* guilty */
	bath->used++;
}

static int developer(void *data)
{
	unsigned int tray, round;

	for (round = 0; !kthread_should_stop(); round++) {
		for (tray = 0; tray < ARRAY_SIZE(trays); tray++)
			if (trays[tray].count)
				plate_develop(&trays[tray], &trays[tray].plates[round % trays[tray].count]);
		msleep(30);
	}
	return 0;
}

static noinline int tray_fill(struct tray *tray, unsigned int number)
{
	unsigned int at;

	tray->plates = (struct plate *)get_zeroed_page(GFP_KERNEL);
	if (!tray->plates)
		return -ENOMEM;
	tray->number = number;
	for (at = 0; at < PLATES; at++) {
		tray->plates[at].bath = &baths[(at + number) % 2];
		tray->plates[at].number = at;
		tray->plates[at].grain = 100 + at;
	}
	tray->count = PLATES;
	return 0;
}

static noinline void tray_empty(struct tray *tray)
{
	free_page((unsigned long)tray->plates); /* guilty */
	tray->number = 0;
}

static noinline int strip_expose(u32 seed)
{
	struct strip *strip = kzalloc(sizeof(*strip), GFP_KERNEL);

	if (!strip)
		return -ENOMEM;
	strip->values = (u16 *)__get_free_page(GFP_KERNEL);
	if (!strip->values) {
		kfree(strip);
		return -ENOMEM;
	}
	for (strip->count = 0; strip->count < PAGE_SIZE / 2; strip->count++) {
		seed = seed * 1103515245 + 12345;
		strip->values[strip->count] = 0x2100 + (seed >> 16) % 800;
	}
	strip->next = strips;
	strips = strip;
	return 0;
}

static int assistant(void *data)
{
	unsigned int at;

	msleep(400);
	lab_address("page", trays[2].plates);
	lab_number("tasks", lab_count_tasks());
	tray_empty(&trays[2]);
	for (at = 0; at < 6; at++)
		strip_expose(at + 1);
	while (!kthread_should_stop())
		msleep(500);
	return 0;
}

static int __init darkroom_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(trays); at++)
		if (tray_fill(&trays[at], at))
			return -ENOMEM;
	lab_watch_panic();
	kthread_run(developer, NULL, "developer");
	return PTR_ERR_OR_ZERO(kthread_run(assistant, NULL, "assistant"));
}
module_init(darkroom_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("darkroom");
