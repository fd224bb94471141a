// SPDX-License-Identifier: GPL-2.0
/* A ropeway: cabins are sent over /dev/ropeway under the drive's mutex; a kernel thread keeps the log of the wind. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct cabin {
	u32 number;
	u32 weight;
	u32 rides;
};

struct ropeway {
	u32 speed;
	u32 wind;
	struct mutex drive;
	struct cabin *cabins[4];
	u64 log[8];
	u32 logged;
};

static struct ropeway *rope;

static inline int cabin_check(const struct cabin *cabin, u32 people)
{
	return cabin->weight + people * 80 > 2500 ? -EOVERFLOW : 0;
}

static noinline int rope_send(struct ropeway *own, u32 number, u32 people)
{
	struct cabin *cabin;
	int status;

	mutex_lock(&own->drive); /* guilty */
	cabin = own->cabins[number % 4];
	own->speed = 5;
	status = cabin_check(cabin, people);
	if (status)
		return status; /* guilty */
	cabin->rides++;
	own->speed = 0;
	mutex_unlock(&own->drive);
	return 0;
}

static noinline void rope_wind(struct ropeway *own)
{
	mutex_lock(&own->drive);
	own->wind = own->wind * 5 % 37 + 3;
	own->log[own->logged++ % 8] = own->wind;
	mutex_unlock(&own->drive);
}

static int rope_watch(void *data)
{
	while (!kthread_should_stop()) {
		rope_wind(rope);
		msleep(100);
	}
	return 0;
}

static ssize_t rope_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 number, people;
	int status;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "send %u %u", &number, &people) != 2)
		return -EINVAL;
	status = rope_send(rope, number, people);
	return status ? status : size;
}

static const struct file_operations rope_fops = { .owner = THIS_MODULE, .write = rope_write };
static struct miscdevice rope_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "ropeway", .fops = &rope_fops };

static int __init ropeway_init(void)
{
	unsigned int at;

	rope = kzalloc(sizeof(*rope), GFP_KERNEL);
	if (!rope)
		return -ENOMEM;
	mutex_init(&rope->drive);
	for (at = 0; at < 4; at++) {
		rope->cabins[at] = kzalloc(sizeof(struct cabin), GFP_KERNEL);
		if (!rope->cabins[at])
			return -ENOMEM;
		rope->cabins[at]->number = at;
		rope->cabins[at]->weight = 700;
	}
	lab_address("ropeway", rope);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	kthread_run(rope_watch, NULL, "rope-watch");
	return misc_register(&rope_misc);
}
module_init(ropeway_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("ropeway");
