// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is wrong: a timer ticks, a kernel thread works through what the timer queues, and the guest is saved while
 * it runs. Whoever finds a cause here has invented it.
 */
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/wait.h>

#include "../lab_truth.h"

#define STEADY 100 /* ticks, after which the guest's last process has started */

struct metronome {
	struct timer_list timer;
	wait_queue_head_t beat;
	atomic_t pending;
	unsigned long played;
	bool counted;
};

static struct metronome *metronome;

static void metronome_tick(struct timer_list *timer)
{
	struct metronome *owner = container_of(timer, struct metronome, timer);

	atomic_inc(&owner->pending);
	wake_up(&owner->beat);
	mod_timer(timer, jiffies + HZ / 50);
}

static int metronome_play(void *data)
{
	struct metronome *own = data;

	while (!kthread_should_stop()) {
		wait_event_interruptible(own->beat, atomic_read(&own->pending) > 0);
		own->played += atomic_xchg(&own->pending, 0);
		if (!own->counted && own->played >= STEADY) {
			own->counted = true;
			lab_number("tasks", lab_count_tasks());
		}
	}
	return 0;
}

static int __init healthy_init(void)
{
	struct task_struct *player;

	metronome = kzalloc(sizeof(*metronome), GFP_KERNEL);
	if (!metronome)
		return -ENOMEM;
	init_waitqueue_head(&metronome->beat);
	timer_setup(&metronome->timer, metronome_tick, 0);
	lab_address("metronome", metronome);
	player = kthread_run(metronome_play, metronome, "metronome");
	if (IS_ERR(player))
		return PTR_ERR(player);
	mod_timer(&metronome->timer, jiffies + HZ / 50);
	return 0;
}
module_init(healthy_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest lab: a guest in good health");
