// SPDX-License-Identifier: GPL-2.0
/*
 * Clock gates. /proc/clockgate takes the name of the clock whose gate is to be opened.
 */
#include <linux/err.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct gate_clock {
	u64 rate;
	u32 flags;
	u32 users;
	const char *name;
	struct gate_clock *parent;
};

struct gate_block {
	struct gate_clock clocks[2];
	u64 total_rate;
	u32 opened;
};

static struct gate_block *block;

static noinline struct gate_clock *clock_find(struct gate_block *in, const char *name)
{
	int at;

	for (at = 0; at < ARRAY_SIZE(in->clocks); at++)
		if (!strcmp(in->clocks[at].name, name))
			return &in->clocks[at];
	return ERR_PTR(-ENODEV); /* guilty */
}

static inline u64 clock_rate(const struct gate_clock *clock)
{
	return clock->rate >> (clock->flags & 3); /* guilty */
}

static noinline int gate_open(struct gate_block *in, const char *name)
{
	struct gate_clock *clock = clock_find(in, name);

	if (!clock)
		return -ENOENT;
	in->total_rate += clock_rate(clock); /* guilty */
	clock->users++;
	in->opened++;
	return 0;
}

static ssize_t gate_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[16];
	int status;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (!strcmp(strim(text), "usb"))
		lab_number("tasks", lab_count_tasks());
	status = gate_open(block, strim(text));
	return status ? status : size;
}

static const struct proc_ops gate_proc = { .proc_write = gate_write };

static int __init clockgate_init(void)
{
	block = kzalloc(sizeof(*block), GFP_KERNEL);
	if (!block || !proc_create("clockgate", 0200, NULL, &gate_proc))
		return -ENOMEM;
	block->clocks[0] = (struct gate_clock){ .name = "core", .rate = 800000000 };
	block->clocks[1] = (struct gate_clock){ .name = "bus", .rate = 200000000, .parent = &block->clocks[0] };
	lab_number("errno", ENODEV);
	lab_watch_panic();
	return 0;
}
module_init(clockgate_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("clock gates");
