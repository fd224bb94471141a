// SPDX-License-Identifier: GPL-2.0
/*
 * A loop with interrupts off that waits for another CPU's answer. A gauge is asked for its level through a mailbox; the
 * pump that answers runs elsewhere, and has stopped answering since the channel was marked as spare. Whoever asks has
 * interrupts off, for the mailbox is used by interrupt handlers too.
 *
 * /proc/tide: "read CHANNEL", "spare CHANNEL".
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define CHANNELS 4

struct mailbox {
	spinlock_t lock;
	u32 request;
	u32 answer;
	s32 level;
	u64 exchanges;
};

struct channel {
	char name[8];
	bool spare;
	u16 offset;
	struct mailbox *box;
};

struct tide_gauge {
	struct channel channels[CHANNELS];
	struct task_struct *pump;
};

static struct tide_gauge *gauge;

static inline bool mailbox_answered(const struct mailbox *box)
{
	return READ_ONCE(box->answer) == READ_ONCE(box->request); /* guilty */
}

static noinline s32 mailbox_exchange(struct mailbox *box)
{
	unsigned long flags;
	s32 level;

	spin_lock_irqsave(&box->lock, flags);
	WRITE_ONCE(box->request, box->request + 1);
	while (!mailbox_answered(box)) /* guilty */
		cpu_relax(); /* guilty */
	level = box->level;
	box->exchanges++;
	spin_unlock_irqrestore(&box->lock, flags);
	return level;
}

static noinline s32 channel_read(struct channel *channel)
{
	return mailbox_exchange(channel->box) + channel->offset;
}

static noinline void channel_serve(struct channel *channel)
{
	struct mailbox *box = channel->box;

	if (channel->spare || mailbox_answered(box))
		return;
	box->level = 300 + box->exchanges % 40;
	smp_store_release(&box->answer, box->request);
}

static int pump_run(void *data)
{
	struct tide_gauge *own = data;
	int index;

	while (!kthread_should_stop()) {
		for (index = 0; index < CHANNELS; index++)
			channel_serve(&own->channels[index]);
		usleep_range(200, 400);
	}
	return 0;
}

static ssize_t tide_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24], verb[8];
	u32 index;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u", verb, &index) != 2 || index >= CHANNELS)
		return -EINVAL;
	lab_number("tasks", lab_count_tasks());
	if (!strcmp(verb, "spare"))
		gauge->channels[index].spare = true;
	else if (channel_read(&gauge->channels[index]) < 0)
		return -EIO;
	return size;
}

static const struct proc_ops tide_operations = { .proc_write = tide_write };

static int __init tidegauge_init(void)
{
	struct channel *channel;
	int index;

	gauge = kzalloc(sizeof(*gauge), GFP_KERNEL);
	if (!gauge)
		return -ENOMEM;
	for (index = 0; index < CHANNELS; index++) {
		channel = &gauge->channels[index];
		snprintf(channel->name, sizeof(channel->name), "tide%d", index);
		channel->offset = 10 * index;
		channel->box = kzalloc(sizeof(*channel->box), GFP_KERNEL);
		if (!channel->box)
			return -ENOMEM;
		spin_lock_init(&channel->box->lock);
	}
	lab_address("mailbox", gauge->channels[2].box);
	lab_watch_panic();
	gauge->pump = kthread_create(pump_run, gauge, "tide-pump");
	if (IS_ERR(gauge->pump))
		return PTR_ERR(gauge->pump);
	kthread_bind(gauge->pump, 0);
	wake_up_process(gauge->pump);
	return proc_create("tide", 0200, NULL, &tide_operations) ? 0 : -ENOMEM;
}
module_init(tidegauge_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a tide gauge");
