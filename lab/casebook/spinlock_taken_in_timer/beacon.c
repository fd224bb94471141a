// SPDX-License-Identifier: GPL-2.0
/*
 * A spinlock that a timer takes too, taken with the timer's softirq enabled. While a task writes a beacon's message the
 * timer that blinks it comes due on the same CPU and spins for the lock that the task under it holds.
 *
 * /proc/beacon: a write is the new message.
 */
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define PATTERN 512

struct message {
	u32 length;
	u32 position;
	u64 checksum;
	u8 pattern[PATTERN];
};

struct beacon {
	u32 blinks;
	u32 rewrites;
	struct message *message;
	spinlock_t light;
	struct timer_list blink;
};

static struct beacon *beacon;

static noinline void message_advance(struct message *message)
{
	if (message->length)
		message->position = (message->position + 1) % message->length;
}

static noinline void beacon_flash(struct beacon *owner)
{
	spin_lock(&owner->light); /* guilty */
	message_advance(owner->message);
	owner->blinks++;
	spin_unlock(&owner->light);
}

static void beacon_tick(struct timer_list *timer)
{
	struct beacon *owner = container_of(timer, struct beacon, blink);

	beacon_flash(owner);
	mod_timer(timer, jiffies + 1);
}

static inline u64 pattern_sum(const struct message *message)
{
	u64 sum = 0;
	u32 round, index;

	for (round = 0; round < 60000; round++)
		for (index = 0; index < message->length; index++)
			sum = sum * 31 + message->pattern[index] + round;
	return sum;
}

static noinline void message_encode(struct message *message, const char *text, size_t length)
{
	size_t index;

	for (index = 0; index < length && index < PATTERN; index++)
		message->pattern[index] = text[index] ^ 0x55;
	message->length = index;
	message->position = 0;
	message->checksum = pattern_sum(message);
}

static noinline void beacon_rewrite(struct beacon *owner, const char *text, size_t length)
{
	spin_lock(&owner->light); /* guilty */
	message_encode(owner->message, text, length); /* guilty */
	owner->rewrites++;
	spin_unlock(&owner->light);
}

static ssize_t beacon_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[64];

	if (!size || size > sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	lab_number("tasks", lab_count_tasks());
	beacon_rewrite(beacon, text, size);
	return size;
}

static const struct proc_ops beacon_operations = { .proc_write = beacon_write };

static int __init beacon_init(void)
{
	beacon = kzalloc(sizeof(*beacon), GFP_KERNEL);
	if (!beacon)
		return -ENOMEM;
	beacon->message = kzalloc(sizeof(*beacon->message), GFP_KERNEL);
	if (!beacon->message)
		return -ENOMEM;
	spin_lock_init(&beacon->light);
	lab_address("beacon", beacon);
	lab_number("light_offset", offsetof(struct beacon, light));
	lab_watch_panic();
	timer_setup(&beacon->blink, beacon_tick, TIMER_PINNED);
	beacon->blink.expires = jiffies + 1;
	add_timer_on(&beacon->blink, 1);
	return proc_create("beacon", 0200, NULL, &beacon_operations) ? 0 : -ENOMEM;
}
module_init(beacon_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a beacon and its message");
