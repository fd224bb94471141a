// SPDX-License-Identifier: GPL-2.0
/*
 * A task that waits for itself. A choir's score is locked while it is sung; at the end of each verse the listeners'
 * callbacks run. One of them, the page turner, locks the score again. Those that want to change it wait behind.
 *
 * /dev/choir: "sing VERSES", "change NUMBER".
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct score {
	struct mutex open;
	u32 page;
	u32 pages;
	u32 number;
};

struct listener {
	struct list_head link;
	void (*verse_ended)(struct listener *listener, struct score *score);
	u32 heard;
	u32 every;
};

struct choir {
	struct miscdevice device;
	struct list_head listeners;
	struct score *score;
	u64 verses;
};

static struct choir *choir;

static void applaud(struct listener *listener, struct score *score)
{
	listener->heard += score->number % 2 + 1;
}

static noinline void score_turn(struct score *score)
{
	mutex_lock(&score->open); /* guilty */
	score->page = (score->page + 1) % score->pages;
	mutex_unlock(&score->open);
}

static void turn_page(struct listener *listener, struct score *score)
{
	if (++listener->heard % listener->every == 0)
		score_turn(score); /* guilty */
}

static noinline void choir_announce(struct choir *owner)
{
	struct listener *listener;

	list_for_each_entry(listener, &owner->listeners, link)
		listener->verse_ended(listener, owner->score); /* guilty */
}

static noinline int choir_sing(struct choir *owner, u32 verses)
{
	struct score *score = owner->score;

	mutex_lock(&score->open);
	while (verses--) {
		owner->verses++;
		choir_announce(owner); /* guilty */
	}
	mutex_unlock(&score->open);
	return 0;
}

static noinline int choir_change(struct choir *owner, u32 number)
{
	mutex_lock(&owner->score->open);
	owner->score->number = number;
	owner->score->page = 0;
	mutex_unlock(&owner->score->open);
	return 0;
}

static ssize_t choir_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], verb[8];
	u32 number;
	int status = -EINVAL;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u", verb, &number) != 2)
		return -EINVAL;
	if (!strcmp(verb, "sing"))
		status = choir_sing(choir, number);
	else if (!strcmp(verb, "change"))
		status = choir_change(choir, number);
	return status ? status : size;
}

static const struct file_operations choir_operations = {
	.owner = THIS_MODULE,
	.write = choir_write,
};

static int listener_add(struct choir *owner, void (*callback)(struct listener *, struct score *), u32 every)
{
	struct listener *listener = kzalloc(sizeof(*listener), GFP_KERNEL);

	if (!listener)
		return -ENOMEM;
	listener->verse_ended = callback;
	listener->every = every;
	list_add_tail(&listener->link, &owner->listeners);
	return 0;
}

static int __init choir_init(void)
{
	choir = kzalloc(sizeof(*choir), GFP_KERNEL);
	if (!choir)
		return -ENOMEM;
	choir->score = kzalloc(sizeof(*choir->score), GFP_KERNEL);
	if (!choir->score)
		return -ENOMEM;
	mutex_init(&choir->score->open);
	choir->score->pages = 6;
	choir->score->number = 140;
	INIT_LIST_HEAD(&choir->listeners);
	if (listener_add(choir, applaud, 1) || listener_add(choir, turn_page, 8))
		return -ENOMEM;
	choir->device.minor = MISC_DYNAMIC_MINOR;
	choir->device.name = "choir";
	choir->device.fops = &choir_operations;
	lab_address("score", choir->score);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&choir->device);
}
module_init(choir_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a choir and its listeners");
