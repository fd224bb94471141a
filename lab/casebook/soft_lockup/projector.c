// SPDX-License-Identifier: GPL-2.0
/*
 * A loop that cannot end, on a CPU that may not be preempted. A reel of frames has a read index kept below its size and
 * a write index that only grows; the drain waits for the two to be equal, which holds until the write index has passed
 * the size once.
 *
 * /dev/reel: a write of N appends N frames and plays them.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define REEL_SIZE 32

struct frame {
	u32 number;
	u16 width;
	u16 height;
	u64 checksum;
};

struct reel_stats {
	u64 played;
	u64 skipped;
};

struct reel {
	const char *title;
	u32 size;
	u32 write;
	u32 read;
	struct frame *frames;
	struct reel_stats __percpu *stats;
};

struct projector {
	struct miscdevice device;
	struct mutex shutter;
	struct reel *reel;
	unsigned int shows;
};

static struct projector *projector;

static inline struct frame *reel_slot(struct reel *reel, u32 index)
{
	return &reel->frames[index % reel->size];
}

static noinline void frame_show(struct frame *frame, struct reel_stats *stats)
{
	frame->checksum = frame->checksum * 31 + frame->number + frame->width * frame->height;
	if (frame->width)
		stats->played++;
	else
		stats->skipped++;
}

static noinline void reel_drain(struct reel *reel)
{
	struct reel_stats *stats = get_cpu_ptr(reel->stats);

	while (reel->read != READ_ONCE(reel->write)) { /* guilty */
		frame_show(reel_slot(reel, reel->read), stats); /* guilty */
		reel->read = (reel->read + 1) % reel->size; /* guilty */
	}
	put_cpu_ptr(reel->stats);
}

static noinline void reel_append(struct reel *reel, unsigned int count)
{
	struct frame *frame;

	while (count--) {
		frame = reel_slot(reel, reel->write);
		frame->number = reel->write;
		frame->width = 64;
		frame->height = 48;
		reel->write++;
	}
}

static noinline int projector_show(struct projector *owner, unsigned int count)
{
	if (count >= owner->reel->size)
		return -EINVAL;
	reel_append(owner->reel, count);
	reel_drain(owner->reel);
	owner->shows++;
	return 0;
}

static ssize_t projector_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	unsigned int count;
	int status = kstrtouint_from_user(user, size, 10, &count);

	if (status)
		return status;
	mutex_lock(&projector->shutter);
	lab_number("tasks", lab_count_tasks());
	status = projector_show(projector, count);
	mutex_unlock(&projector->shutter);
	return status ? status : size;
}

static const struct file_operations projector_operations = {
	.owner = THIS_MODULE,
	.write = projector_write,
};

static struct reel *reel_create(const char *title)
{
	struct reel *reel = kzalloc(sizeof(*reel), GFP_KERNEL);

	if (!reel)
		return NULL;
	reel->title = title;
	reel->size = REEL_SIZE;
	reel->frames = kcalloc(REEL_SIZE, sizeof(*reel->frames), GFP_KERNEL);
	reel->stats = alloc_percpu(struct reel_stats);
	return reel->frames && reel->stats ? reel : NULL;
}

static int __init projector_init(void)
{
	projector = kzalloc(sizeof(*projector), GFP_KERNEL);
	if (!projector)
		return -ENOMEM;
	projector->reel = reel_create("newsreel");
	if (!projector->reel)
		return -ENOMEM;
	mutex_init(&projector->shutter);
	projector->device.minor = MISC_DYNAMIC_MINOR;
	projector->device.name = "reel";
	projector->device.fops = &projector_operations;
	lab_address("reel", projector->reel);
	lab_address("projector", projector);
	lab_watch_panic();
	return misc_register(&projector->device);
}
module_init(projector_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a projector and its reel");
