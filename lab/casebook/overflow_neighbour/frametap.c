// SPDX-License-Identifier: GPL-2.0
/*
 * A tap copies frames into buffers and tells its listeners. Buffers and listeners come from the same pool of memory.
 * A frame's own length is believed, though buffers end before the largest frame does.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "../../cases/lab_truth.h"

#define UNIT 256
#define UNITS 48

struct tap_queue {
	u32 depth;
	u32 limit;
	u64 wakeups;
};

struct tap_listener {
	u64 seen;
	struct tap_queue *queue;
	char name[16];
	u32 mask;
	u32 filter[32];
};

struct frame_buffer {
	u32 length;
	u32 interface;
	u64 stamp;
	u8 payload[UNIT - 16];
};

struct tap {
	struct tap_queue queue;
	struct frame_buffer *buffers[UNITS];
	struct tap_listener *listeners[UNITS];
	unsigned int used;
	unsigned long frames;
};

static struct tap *tap;

static noinline void *tap_alloc(void)
{
	return kzalloc(UNIT, GFP_KERNEL);
}

static noinline void frame_fill(struct frame_buffer *buffer, const u8 *wire, u32 length)
{
	buffer->length = length;
	buffer->stamp = jiffies;
	memcpy(buffer->payload, wire, length); /* guilty */
}

static noinline void listener_notify(struct tap_listener *listener)
{
	listener->queue->wakeups++;
	listener->seen++;
}

/* The buffer that the next frame goes to: one with a listener behind it. */
static struct frame_buffer *tap_pick(struct tap *from)
{
	unsigned int buffer, listener;

	for (buffer = 0; buffer < from->used; buffer++)
		for (listener = 0; listener < from->used; listener++)
			if ((u8 *)from->buffers[buffer] + UNIT == (u8 *)from->listeners[listener]) {
				lab_address("listener", from->listeners[listener]);
				return from->buffers[buffer];
			}
	return NULL;
}

static int tap_run(void *data)
{
	struct tap *own = data;
	struct frame_buffer *next = tap_pick(own);
	u8 *wire = kmalloc(UNIT, GFP_KERNEL);
	unsigned int at;

	if (!next || !wire)
		return -ENOENT;
	for (at = 0; at < UNIT; at++)
		wire[at] = 0x40 + at % 61;
	while (!kthread_should_stop()) {
		frame_fill(next, wire, own->frames < 3 ? 64 * (own->frames + 1) : UNIT);
		own->frames++;
		if (own->frames == 4)
			lab_number("tasks", lab_count_tasks());
		for (at = 0; at < own->used; at++)
			listener_notify(own->listeners[at]);
		msleep(20);
	}
	return 0;
}

static int __init frametap_init(void)
{
	unsigned int at;

	tap = kzalloc(sizeof(*tap), GFP_KERNEL);
	if (!tap)
		return -ENOMEM;
	tap->queue.limit = 64;
	for (at = 0; at < UNITS; at++) {
		tap->buffers[at] = tap_alloc();
		tap->listeners[at] = tap_alloc();
		if (!tap->buffers[at] || !tap->listeners[at])
			return -ENOMEM;
		tap->buffers[at]->interface = 1 + at % 3;
		tap->listeners[at]->queue = &tap->queue;
		tap->listeners[at]->mask = 1u << at % 32;
		snprintf(tap->listeners[at]->name, sizeof(tap->listeners[at]->name), "listener%u", at);
		tap->used++;
	}
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(tap_run, tap, "frametap"));
}
module_init(frametap_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("frame tap");
