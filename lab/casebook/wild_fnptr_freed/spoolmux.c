// SPDX-License-Identifier: GPL-2.0
/*
 * Channels push what a pump thread brings into their sinks. Closing a sink frees it; the channel is meant to have been
 * moved to another before, and one is not. A recorder takes blocks from the same pool in the meantime.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define CHANNELS 3
#define BLOCK 192

struct spool_sink {
	u64 received;
	u32 credit;
	u32 id;
	int (*deliver)(struct spool_sink *sink, u32 word);
	u32 window[32];
};

struct spool_block {
	u64 sequence;
	u16 samples[(BLOCK - sizeof(u64)) / sizeof(u16)];
};

struct spool_channel {
	char name[12];
	u32 pushed;
	struct spool_sink *sink;
};

struct spool_mux {
	struct spool_channel channels[CHANNELS];
	struct task_struct *pump;
	struct task_struct *recorder;
	atomic_t closed;
	struct spool_block *blocks[64];
};

static struct spool_mux *mux;

static int sink_deliver(struct spool_sink *sink, u32 word)
{
	sink->window[sink->received++ % ARRAY_SIZE(sink->window)] = word;
	return 0;
}

static noinline void *spool_alloc(void)
{
	return kzalloc(BLOCK, GFP_KERNEL);
}

static noinline int channel_push(struct spool_channel *channel, u32 word)
{
	int status = channel->sink->deliver(channel->sink, word); /* guilty */

	channel->pushed++;
	return status;
}

static int pump_thread(void *data)
{
	struct spool_mux *own = data;
	u32 word = 0;
	int index;

	while (!kthread_should_stop()) {
		if (atomic_read(&own->closed) == 2)
			lab_number("tasks", lab_count_tasks());
		if (atomic_read(&own->closed) != 1)
			for (index = 0; index < CHANNELS; index++)
				channel_push(&own->channels[index], word++);
		msleep(20);
	}
	return 0;
}

static noinline void sink_detach(struct spool_sink *sink)
{
	sink->credit = 0;
	kfree(sink); /* guilty */
}

static noinline void recorder_store(struct spool_mux *own, int slot)
{
	struct spool_block *block = spool_alloc();
	int at;

	if (!block)
		return;
	block->sequence = slot;
	for (at = 0; at < ARRAY_SIZE(block->samples); at++)
		block->samples[at] = 0x3000 + 37 * at + slot;
	own->blocks[slot] = block;
}

static int recorder_thread(void *data)
{
	struct spool_mux *own = data;
	int slot;

	msleep(100);
	atomic_set(&own->closed, 1);
	msleep(40); /* the pump has seen it */
	sink_detach(own->channels[1].sink);
	for (slot = 0; slot < ARRAY_SIZE(own->blocks); slot++)
		recorder_store(own, slot);
	atomic_set(&own->closed, 2);
	while (!kthread_should_stop())
		msleep(1000);
	return 0;
}

static int __init spoolmux_init(void)
{
	int index, cpu = raw_smp_processor_id();

	mux = kzalloc(sizeof(*mux), GFP_KERNEL);
	if (!mux)
		return -ENOMEM;
	for (index = 0; index < CHANNELS; index++) {
		struct spool_sink *sink = spool_alloc();

		if (!sink)
			return -ENOMEM;
		sink->id = index;
		sink->deliver = sink_deliver;
		snprintf(mux->channels[index].name, sizeof(mux->channels[index].name), "channel%d", index);
		mux->channels[index].sink = sink;
	}
	lab_address("sink", mux->channels[1].sink);
	lab_address("channel", &mux->channels[1]);
	lab_watch_panic();
	mux->pump = kthread_run(pump_thread, mux, "spool-pump");
	mux->recorder = kthread_create(recorder_thread, mux, "spool-record");
	if (IS_ERR(mux->recorder))
		return PTR_ERR(mux->recorder);
	kthread_bind(mux->recorder, cpu); /* where the pool's memory is */
	wake_up_process(mux->recorder);
	return 0;
}
module_init(spoolmux_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("sample spool multiplexer");
