// SPDX-License-Identifier: GPL-2.0
/*
 * A switchyard: trains stand on tracks, a dispatcher sends them off, and the yard clears tracks that it needs.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define TRACKS 4

struct yard_train {
	u32 number;
	u32 speed;
	u64 departed;
	u32 length;
	u32 cars;
};

struct yard_track {
	u32 index;
	u32 signals;
	struct mutex lock;
	struct yard_train *train;
	u64 dispatched;
};

struct yard {
	struct yard_track tracks[TRACKS];
	struct completion wanted;
	struct completion signalled;
	u64 cars;
};

static struct yard *yard;

static noinline void track_signal(struct yard *of, struct yard_track *track, u32 signals)
{
	track->signals = signals;
	if (track->index != 2)
		return;
	complete(&of->wanted); /* the yard is told which track is about to be used */
	wait_for_completion_timeout(&of->signalled, HZ);
}

static noinline int track_dispatch(struct yard *of, struct yard_track *track)
{
	if (!track->train) /* guilty */
		return -ENOENT;
	track_signal(of, track, 3);
	of->cars += track->train->cars; /* guilty */
	track->dispatched++;
	return 0;
}

static int dispatcher_thread(void *data)
{
	struct yard *own = data;
	u32 index;

	msleep(60);
	for (index = 0; index < TRACKS; index++)
		track_dispatch(own, &own->tracks[index]);
	return 0;
}

static noinline void track_clear(struct yard_track *track)
{
	mutex_lock(&track->lock);
	kfree(track->train);
	track->train = NULL; /* guilty */
	mutex_unlock(&track->lock);
}

static int yard_thread(void *data)
{
	struct yard *own = data;

	wait_for_completion(&own->wanted);
	track_clear(&own->tracks[2]);
	lab_number("tasks", lab_count_tasks());
	complete(&own->signalled);
	while (!kthread_should_stop())
		msleep(1000);
	return 0;
}

static int __init switchyard_init(void)
{
	u32 index;

	yard = kzalloc(sizeof(*yard), GFP_KERNEL);
	if (!yard)
		return -ENOMEM;
	init_completion(&yard->wanted);
	init_completion(&yard->signalled);
	for (index = 0; index < TRACKS; index++) {
		struct yard_track *track = &yard->tracks[index];

		track->index = index;
		mutex_init(&track->lock);
		track->train = kzalloc(sizeof(*track->train), GFP_KERNEL);
		if (!track->train)
			return -ENOMEM;
		track->train->number = 900 + index;
		track->train->cars = 12;
	}
	lab_address("track", &yard->tracks[2]);
	lab_watch_panic();
	kthread_run(yard_thread, yard, "yard");
	return PTR_ERR_OR_ZERO(kthread_run(dispatcher_thread, yard, "dispatcher"));
}
module_init(switchyard_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("switchyard");
