// SPDX-License-Identifier: GPL-2.0
/*
 * Two CPUs crash over the same mistake at once. A signal box shows each track's block; when the line is closed all
 * blocks are taken away, and the watchers of both tracks, bound to a CPU each, look at their block in the same tick.
 *
 * Each watcher waits for a common beat, so that neither oops is over when the other begins.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../../cases/lab_truth.h"

#define TRACKS 2

struct block {
	u32 length;
	u32 axles_in;
	u32 axles_out;
	bool locked;
};

struct track {
	char name[8];
	u32 shown;
	spinlock_t lever;
	struct block *block;
	struct task_struct *watcher;
};

struct signal_box {
	atomic_t beat;
	atomic_t present;
	bool closed;
	struct track tracks[TRACKS];
};

static struct signal_box *box;

static inline bool block_is_occupied(const struct block *block)
{
	return READ_ONCE(block->axles_in) != READ_ONCE(block->axles_out); /* guilty */
}

static noinline void track_show(struct track *track)
{
	spin_lock(&track->lever);
	track->shown = block_is_occupied(track->block) ? 'R' : 'G'; /* guilty */
	spin_unlock(&track->lever);
}

static noinline void box_close(struct signal_box *owner)
{
	int index;

	for (index = 0; index < TRACKS; index++) {
		kfree(owner->tracks[index].block);
		owner->tracks[index].block = NULL;
	}
	owner->closed = true;
}

/* Both are here before either goes on. */
static noinline void box_meet(struct signal_box *owner, int beat)
{
	int want = TRACKS * (beat + 1);

	atomic_inc(&owner->present);
	while (atomic_read(&owner->present) < want)
		usleep_range(20, 60);
	if (beat < 8)
		return;
	atomic_inc(&owner->beat);
	while (atomic_read(&owner->beat) < TRACKS)
		cpu_relax();
}

static int watcher_run(void *data)
{
	struct track *track = data;
	int beat;

	for (beat = 0; !kthread_should_stop(); beat++) {
		if (beat == 8 && track == &box->tracks[0]) {
			box_close(box);
			lab_number("tasks", lab_count_tasks());
		}
		box_meet(box, beat);
		track_show(track);
		msleep(20);
	}
	return 0;
}

static int __init signalbox_init(void)
{
	struct track *track;
	int index;

	box = kzalloc(sizeof(*box), GFP_KERNEL);
	if (!box)
		return -ENOMEM;
	for (index = 0; index < TRACKS; index++) {
		track = &box->tracks[index];
		snprintf(track->name, sizeof(track->name), "track%d", index);
		spin_lock_init(&track->lever);
		track->block = kzalloc(sizeof(*track->block), GFP_KERNEL);
		if (!track->block)
			return -ENOMEM;
		track->block->length = 800 + 50 * index;
		track->watcher = kthread_create(watcher_run, track, "watcher/%d", index);
		if (IS_ERR(track->watcher))
			return PTR_ERR(track->watcher);
		kthread_bind(track->watcher, index);
	}
	lab_address("track0", &box->tracks[0]);
	lab_address("track1", &box->tracks[1]);
	lab_number("block_offset", offsetof(struct track, block));
	lab_watch_panic();
	for (index = 0; index < TRACKS; index++)
		wake_up_process(box->tracks[index].watcher);
	return 0;
}
module_init(signalbox_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a signal box and its tracks");
