// SPDX-License-Identifier: GPL-2.0
/* Capture jobs of a camera link. A job names its stream, which names the link's lane, which names the clock it runs on. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct cam_clock {
	u32 id;
	u32 parents[3];
	u64 hertz;
	u32 divider;
};

struct cam_lane {
	u32 index;
	u32 errors;
	struct cam_clock *clock;
};

struct cam_stream {
	u16 width, height;
	u32 fourcc;
	u8 depth;
	struct cam_lane *lane;
	u64 frames;
};

struct cam_job {
	struct cam_stream *stream;
	u32 budget;
	struct delayed_work run;
	u64 done;
};

static struct cam_clock pixel_clock = { .id = 4, .hertz = 148500000, .divider = 2 };
static struct cam_job *job;

static inline u64 lane_rate(const struct cam_lane *lane)
{
	return lane->clock->hertz / lane->clock->divider; /* guilty */
}

static inline u64 stream_time(struct cam_stream *stream)
{
	u64 bits = (u64)stream->width * stream->height * stream->depth;

	return div64_u64(bits * 1000000, lane_rate(stream->lane));
}

static noinline void job_account(struct cam_job *own)
{
	own->stream->frames++;
	own->done += stream_time(own->stream);
}

static void job_work(struct work_struct *work)
{
	struct cam_job *own = container_of(to_delayed_work(work), struct cam_job, run);

	job_account(own);
	if (own->budget--)
		queue_delayed_work(system_wq, &own->run, msecs_to_jiffies(30));
}

static noinline void lane_power_down(struct cam_lane *lane)
{
	lane->errors = 0;
	lane->clock = NULL; /* guilty */
}

static int cam_idle_thread(void *data)
{
	msleep(400);
	lab_number("tasks", lab_count_tasks());
	lane_power_down(job->stream->lane);
	while (!kthread_should_stop())
		msleep(1000);
	return 0;
}

static int __init camlink_init(void)
{
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	job->stream = kzalloc(sizeof(*job->stream), GFP_KERNEL);
	if (!job->stream)
		return -ENOMEM;
	job->stream->lane = kzalloc(sizeof(*job->stream->lane), GFP_KERNEL);
	if (!job->stream->lane)
		return -ENOMEM;
	job->stream->lane->clock = &pixel_clock;
	job->stream->lane->index = 2;
	job->stream->width = 1920;
	job->stream->height = 1080;
	job->stream->depth = 12;
	job->stream->fourcc = 0x30314742;
	job->budget = 1000;
	INIT_DELAYED_WORK(&job->run, job_work);
	lab_address("lane", job->stream->lane);
	lab_watch_panic();
	queue_delayed_work(system_wq, &job->run, 1);
	return PTR_ERR_OR_ZERO(kthread_run(cam_idle_thread, NULL, "cam-idle"));
}
module_init(camlink_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("camera link");
