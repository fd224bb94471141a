// SPDX-License-Identifier: GPL-2.0
/* A switchboard: lines, the calls on them with a meter each, and per-line short cut to the last call. */
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/kthread.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct sb_band {
	u32 rate;
	u32 users;
	u64 seconds;
};

struct sb_meter {
	u64 began;
	u64 ticks;
	u32 marks[28];
	struct sb_band *band;
	u64 spare[16];
};

struct sb_call {
	struct hlist_node node;
	u32 from, to;
	u64 opened;
	struct sb_meter *meter;
	char note[104];
	u64 words[7];
};

struct sb_line {
	u32 number;
	u32 calls;
	struct sb_call *recent;
	struct delayed_work tally;
	u64 tallied;
};

static DEFINE_HASHTABLE(calls, 4);
static DEFINE_SPINLOCK(calls_lock);
static struct kmem_cache *call_cache, *meter_cache;
static struct sb_line lines[6];
static struct sb_band bands[3] = { { 10 }, { 25 }, { 60 } };

static inline struct sb_band *call_band(struct sb_call *call)
{
	return call->meter->band;
}

static noinline void line_tally(struct sb_line *line)
{
	struct sb_call *call = line->recent; /* guilty */

	if (call)
		line->tallied += call_band(call)->rate; /* guilty */
}

static void line_tally_work(struct work_struct *work)
{
	struct sb_line *line = container_of(work, struct sb_line, tally.work);

	line_tally(line);
	schedule_delayed_work(&line->tally, msecs_to_jiffies(50));
}

static noinline int call_open(u32 from, u32 to)
{
	struct sb_call *call = kmem_cache_zalloc(call_cache, GFP_KERNEL);

	if (!call)
		return -ENOMEM;
	call->meter = kmem_cache_zalloc(meter_cache, GFP_KERNEL);
	if (!call->meter) {
		kmem_cache_free(call_cache, call);
		return -ENOMEM;
	}
	call->meter->band = &bands[(from + to) % 3];
	call->meter->began = call->opened = jiffies;
	call->from = from;
	call->to = to;
	snprintf(call->note, sizeof(call->note), "%u to %u", from, to);
	spin_lock(&calls_lock);
	hash_add(calls, &call->node, from * 16 + to);
	lines[from].recent = call;
	lines[to].recent = call;
	lines[from].calls++;
	spin_unlock(&calls_lock);
	return 0;
}

static noinline void call_release(struct sb_call *call)
{
	kmem_cache_free(meter_cache, call->meter); /* guilty */
	kmem_cache_free(call_cache, call); /* guilty */
}

static noinline int call_hang_up(u32 from, u32 to)
{
	struct sb_call *call;

	spin_lock(&calls_lock);
	hash_for_each_possible(calls, call, node, from * 16 + to)
		if (call->from == from && call->to == to)
			break;
	if (!call) {
		spin_unlock(&calls_lock);
		return -ENOENT;
	}
	hash_del(&call->node);
	if (lines[from].recent == call)
		lines[from].recent = NULL;
	spin_unlock(&calls_lock);
	call_release(call); /* guilty */
	return 0;
}

static ssize_t sb_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32];
	u32 from, to;
	int status = -EINVAL;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "call %u %u", &from, &to) == 2 && from < 6 && to < 6)
		status = call_open(from, to);
	else if (sscanf(text, "hang %u %u", &from, &to) == 2 && from < 6 && to < 6)
		status = call_hang_up(from, to);
	return status ? status : size;
}

static const struct file_operations sb_fops = { .owner = THIS_MODULE, .write = sb_write };
static struct miscdevice sb_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "switchboard", .fops = &sb_fops };

static int __init switchboard_init(void)
{
	unsigned int at;

	call_cache = kmem_cache_create("sb_call", sizeof(struct sb_call), 0, SLAB_ACCOUNT, NULL);
	meter_cache = KMEM_CACHE(sb_meter, SLAB_ACCOUNT);
	if (!call_cache || !meter_cache)
		return -ENOMEM;
	for (at = 0; at < 6; at++) {
		lines[at].number = at;
		INIT_DELAYED_WORK(&lines[at].tally, line_tally_work);
		schedule_delayed_work(&lines[at].tally, HZ);
	}
	lab_address("lines", lines);
	lab_number("meter_size", sizeof(struct sb_meter));
	lab_number("band_offset", offsetof(struct sb_meter, band));
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&sb_misc);
}
module_init(switchboard_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("switchboard");
