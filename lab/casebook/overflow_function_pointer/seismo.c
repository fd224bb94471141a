// SPDX-License-Identifier: GPL-2.0
/* A seismograph: windows of samples and the outlets that print them, small objects all. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define WINDOW 40
#define PAIRS 60

struct seis_outlet;

struct seis_outlet {
	int (*emit)(struct seis_outlet *outlet, u32 peak);
	u64 emitted;
	u32 channel;
	u32 gain;
	u64 peaks[8];
};

struct seis_window {
	u32 channel;
	u16 filled;
	u16 peak;
	u64 began;
	u16 samples[WINDOW];
};

static struct seis_window *windows[PAIRS];
static struct seis_outlet *outlets[PAIRS];

static int seis_print(struct seis_outlet *outlet, u32 peak)
{
	outlet->peaks[outlet->emitted++ % 8] = peak;
	return 0;
}

static noinline void window_take(struct seis_window *window, const u16 *raw, unsigned int count)
{
	unsigned int at;

	window->began = jiffies;
	for (at = 0; at < count; at++) {
		window->samples[at] = raw[at] ^ 0x4000; /* guilty */
		if (raw[at] > window->peak)
			window->peak = raw[at];
	}
	window->filled = count;
}

static noinline int outlet_flush(struct seis_outlet *outlet, struct seis_window *window)
{
	u32 peak = window->peak;

	window->peak = 0;
	return outlet->emit(outlet, peak * outlet->gain);
}

static int seis_pump(void *data)
{
	static u16 raw[WINDOW + 4];
	unsigned int pair, other, round;
	struct seis_window *window = NULL;

	for (pair = 0; pair < PAIRS; pair++)
		for (other = 0; other < PAIRS; other++)
			if ((u8 *)windows[pair] + 96 == (u8 *)outlets[other]) {
				window = windows[pair];
				lab_address("outlet", outlets[other]);
				goto found;
			}
	return -ENOENT;
found:
	for (pair = 0; pair < ARRAY_SIZE(raw); pair++)
		raw[pair] = 0x0a31 + pair * 0x0107;
	for (round = 0; ; round++) {
		if (round == 6)
			lab_number("tasks", lab_count_tasks());
		window_take(window, raw, round < 6 ? WINDOW : ARRAY_SIZE(raw));
		for (other = 0; other < PAIRS; other++)
			outlet_flush(outlets[other], windows[other]);
		msleep(30);
	}
	return 0;
}

static int __init seismo_init(void)
{
	unsigned int pair;

	BUILD_BUG_ON(sizeof(struct seis_window) != 96 || sizeof(struct seis_outlet) > 96);
	for (pair = 0; pair < PAIRS; pair++) {
		windows[pair] = kzalloc(sizeof(*windows[pair]), GFP_KERNEL);
		outlets[pair] = kzalloc(sizeof(*outlets[pair]), GFP_KERNEL);
		if (!windows[pair] || !outlets[pair])
			return -ENOMEM;
		windows[pair]->channel = outlets[pair]->channel = pair;
		outlets[pair]->emit = seis_print;
		outlets[pair]->gain = 3;
	}
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(seis_pump, NULL, "seis-pump"));
}
module_init(seismo_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("seismograph");
