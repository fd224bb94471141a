// SPDX-License-Identifier: GPL-2.0
/* A cinema: posters with a title, and projectors with a timer, all of one size; titles are set over /dev/cinema. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define PAIRS 48

struct poster {
	u32 number;
	u32 shown;
	char title[88];
};

struct projector {
	struct timer_list reel;
	u32 number;
	u32 changes;
	u64 hours[5];
};

static struct poster *posters[PAIRS];
static struct projector *projectors[PAIRS];
static unsigned int front;

static void projector_reel(struct timer_list *timer)
{
	struct projector *projector = from_timer(projector, timer, reel);

	projector->hours[projector->changes++ % 5]++;
	mod_timer(&projector->reel, jiffies + msecs_to_jiffies(200));
}

static noinline void poster_title(struct poster *poster, const char *text, size_t size)
{
	size_t at;

	for (at = 0; at < size && text[at]; at++)
		poster->title[at] = text[at]; /* guilty */
	poster->shown++;
}

static ssize_t cinema_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char *text;

	if (!size || size > 500)
		return -EINVAL;
	text = memdup_user_nul(user, size);
	if (IS_ERR(text))
		return PTR_ERR(text);
	poster_title(posters[front], text, size); /* guilty */
	kfree(text);
	return size;
}

static const struct file_operations cinema_fops = { .owner = THIS_MODULE, .write = cinema_write };
static struct miscdevice cinema_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "cinema", .fops = &cinema_fops };

static int __init cinema_init(void)
{
	unsigned int at, other;

	BUILD_BUG_ON(sizeof(struct poster) != 96 || sizeof(struct projector) > 96 || sizeof(struct projector) <= 64);
	for (at = 0; at < PAIRS; at++) {
		posters[at] = kzalloc(sizeof(*posters[at]), GFP_KERNEL);
		projectors[at] = kzalloc(sizeof(*projectors[at]), GFP_KERNEL);
		if (!posters[at] || !projectors[at])
			return -ENOMEM;
		posters[at]->number = projectors[at]->number = at;
		timer_setup(&projectors[at]->reel, projector_reel, 0);
	}
	for (at = 0; at < PAIRS; at++)
		for (other = 0; other < PAIRS; other++)
			if ((u8 *)posters[at] + 96 == (u8 *)projectors[other]) {
				front = at;
				lab_address("projector", projectors[other]);
				mod_timer(&projectors[other]->reel, jiffies + 4 * HZ);
				lab_watch_panic();
				lab_number("tasks", lab_count_tasks());
				return misc_register(&cinema_misc);
			}
	return -ENOENT;
}
module_init(cinema_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("cinema");
