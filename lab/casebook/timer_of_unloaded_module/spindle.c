// SPDX-License-Identifier: GPL-2.0
/*
 * A drive whose spindle is watched by a timer.
 */
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct spindle_drive {
	u32 number;
	u32 speed;
	u64 turns;
	struct timer_list watch;
	u32 samples[16];
};

static struct spindle_drive *drive;

static noinline void drive_sample(struct spindle_drive *of)
{
	of->turns += of->speed / 10;
	of->samples[of->turns % ARRAY_SIZE(of->samples)] = of->speed;
}

static void drive_watch(struct timer_list *timer)
{
	struct spindle_drive *own = container_of(timer, struct spindle_drive, watch);

	drive_sample(own);
	mod_timer(timer, jiffies + HZ / 5);
}

static int __init spindle_init(void)
{
	drive = kzalloc(sizeof(*drive), GFP_KERNEL);
	if (!drive)
		return -ENOMEM;
	drive->speed = 7200;
	timer_setup(&drive->watch, drive_watch, 0);
	lab_address("drive", drive);
	mod_timer(&drive->watch, jiffies + HZ / 5);
	return 0;
}

static void __exit spindle_exit(void)
{
	drive->speed = 0;
	lab_number("tasks", lab_count_tasks());
}
module_init(spindle_init);
module_exit(spindle_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("drive spindle");
