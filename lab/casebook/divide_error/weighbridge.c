// SPDX-License-Identifier: GPL-2.0
/*
 * A division by a member that is zero. A weighbridge keeps a window of weights for each lane and a timer publishes the
 * means. A lane that was cleared has an empty window, but the timer asks only whether it ever saw a vehicle.
 *
 * /proc/weighbridge: "weigh LANE KG", "clear LANE".
 */
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define LANES 4

struct weight_window {
	u32 total;
	u32 count;
	u32 heaviest;
	u32 mean;
};

struct lane {
	u16 number;
	u16 flags;
	struct weight_window window;
	u64 vehicles;
};

struct weighbridge {
	struct timer_list publish;
	spinlock_t lock;
	u32 published;
	bool active;
	struct lane *lanes[LANES];
};

static struct weighbridge *bridge;

static inline u32 window_mean(const struct weight_window *window)
{
	return window->total / window->count; /* guilty */
}

static noinline void lane_publish(struct weighbridge *owner, struct lane *lane)
{
	struct weight_window *window = &lane->window;

	if (!lane->vehicles) /* the vehicles of all time, not those of the window */
		return;
	window->mean = window_mean(window);
	owner->published++;
}

static void weighbridge_tick(struct timer_list *timer)
{
	struct weighbridge *owner = container_of(timer, struct weighbridge, publish);
	int index;

	spin_lock(&owner->lock);
	for (index = 0; index < LANES; index++)
		lane_publish(owner, owner->lanes[index]);
	spin_unlock(&owner->lock);
	mod_timer(&owner->publish, jiffies + HZ / 10);
}

static noinline void lane_weigh(struct lane *lane, u32 weight)
{
	struct weight_window *window = &lane->window;

	window->total += weight;
	window->count++;
	if (weight > window->heaviest)
		window->heaviest = weight;
	lane->vehicles++;
}

static noinline void lane_clear(struct lane *lane)
{
	memset(&lane->window, 0, sizeof(lane->window));
	lane->flags |= 1;
}

static ssize_t weighbridge_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], verb[8];
	u32 number, weight = 0;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u %u", verb, &number, &weight) < 2 || number >= LANES)
		return -EINVAL;
	lab_number("tasks", lab_count_tasks());
	spin_lock_bh(&bridge->lock);
	if (!strcmp(verb, "weigh"))
		lane_weigh(bridge->lanes[number], weight);
	else
		lane_clear(bridge->lanes[number]);
	spin_unlock_bh(&bridge->lock);
	return size;
}

static const struct proc_ops weighbridge_operations = { .proc_write = weighbridge_write };

static int __init weighbridge_init(void)
{
	int index;

	bridge = kzalloc(sizeof(*bridge), GFP_KERNEL);
	if (!bridge)
		return -ENOMEM;
	spin_lock_init(&bridge->lock);
	for (index = 0; index < LANES; index++) {
		bridge->lanes[index] = kzalloc(sizeof(struct lane), GFP_KERNEL);
		if (!bridge->lanes[index])
			return -ENOMEM;
		bridge->lanes[index]->number = index;
	}
	if (!proc_create("weighbridge", 0200, NULL, &weighbridge_operations))
		return -ENOMEM;
	lab_address("lane", bridge->lanes[2]);
	lab_number("count_offset", offsetof(struct lane, window.count));
	lab_watch_panic();
	timer_setup(&bridge->publish, weighbridge_tick, 0);
	mod_timer(&bridge->publish, jiffies + HZ / 10);
	return 0;
}
module_init(weighbridge_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: lanes of a weighbridge");
