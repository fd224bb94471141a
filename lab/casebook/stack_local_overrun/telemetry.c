// SPDX-License-Identifier: GPL-2.0
/* Telemetry frames of sensor nodes, decoded into a local state per frame; /proc/telemetry takes frames as hex digits. */
#include <linux/kernel.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct tele_node {
	u32 id;
	u32 frames;
	u64 sum;
	s32 last[8];
};

struct tele_decode {
	u8 channels[20];
	u8 used;
	u8 flags;
	u16 crc;
	struct tele_node *node;
	u32 consumed;
	u32 errors;
};

static struct tele_node *nodes[8];

static noinline void tele_fields(struct tele_decode *state, const u8 *bytes, unsigned int count)
{
	unsigned int at;

	for (at = 0; at < count; at++) {
		state->channels[at] = bytes[at] ^ 0x15; /* guilty */
		state->consumed++;
	}
}

static noinline void tele_account(const struct tele_decode *state)
{
	struct tele_node *node = state->node;

	node->sum += state->channels[0]; /* guilty */
	node->last[node->frames++ % 8] = state->channels[1];
}

static noinline int tele_frame(const u8 *frame, unsigned int size)
{
	struct tele_decode state = { .node = nodes[frame[0] % 8], .used = size };
	unsigned int count = frame[1];

	if (count > size - 2)
		return -EINVAL;
	tele_fields(&state, frame + 2, count); /* guilty */
	tele_account(&state);
	return state.errors ? -EIO : 0;
}

static ssize_t tele_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	u8 *text, *frame;
	int status = -EINVAL;

	if (size < 5 || size > 200)
		return -EINVAL;
	text = memdup_user_nul(user, size);
	if (IS_ERR(text))
		return PTR_ERR(text);
	frame = kzalloc(size / 2, GFP_KERNEL);
	if (frame && !hex2bin(frame, text, (size - 1) / 2))
		status = tele_frame(frame, (size - 1) / 2);
	kfree(frame);
	kfree(text);
	return status ? status : size;
}

static const struct proc_ops tele_proc = { .proc_write = tele_write };

static int __init telemetry_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(nodes); at++) {
		nodes[at] = kzalloc(sizeof(*nodes[at]), GFP_KERNEL);
		if (!nodes[at])
			return -ENOMEM;
		nodes[at]->id = at;
	}
	lab_address("node", nodes[3]);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return proc_create("telemetry", 0200, NULL, &tele_proc) ? 0 : -ENOMEM;
}
module_init(telemetry_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("telemetry");
