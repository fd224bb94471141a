// SPDX-License-Identifier: GPL-2.0
/* A tide mill: grists are asked for over /dev/tidemill and ground by a work item; who asks waits for a while only. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct grist {
	struct list_head link;
	u32 sacks;
	u32 flour;
	struct completion ground;
};

struct tidemill {
	spinlock_t lock;
	struct list_head queue;
	struct work_struct grind;
	u32 done;
};

static struct tidemill *mill;

static noinline void grist_finish(struct grist *grist)
{
	grist->flour = grist->sacks * 78 / 100;
	complete(&grist->ground); /* guilty */
}

static void mill_grind(struct work_struct *work)
{
	struct tidemill *own = container_of(work, struct tidemill, grind);
	struct grist *grist;

	for (;;) {
		spin_lock(&own->lock);
		grist = list_first_entry_or_null(&own->queue, struct grist, link);
		if (grist)
			list_del_init(&grist->link);
		spin_unlock(&own->lock);
		if (!grist)
			return;
		msleep(grist->sacks * 10);
		grist_finish(grist); /* guilty */
		own->done++;
	}
}

static noinline int mill_ask(struct tidemill *own, u32 sacks)
{
	struct grist grist = { .sacks = sacks };

	init_completion(&grist.ground);
	spin_lock(&own->lock);
	list_add_tail(&grist.link, &own->queue);
	spin_unlock(&own->lock);
	schedule_work_on(1, &own->grind);
	if (!wait_for_completion_timeout(&grist.ground, HZ / 2)) /* guilty */
		return -ETIMEDOUT; /* guilty */
	return grist.flour;
}

static noinline int mill_note(const char *text, u32 sacks)
{
	char note[160];
	unsigned int at;

	for (at = 0; at < sizeof(note) - 1; at++)
		note[at] = text[at % 4] | 0x20;
	note[at] = 0;
	msleep(sacks * 30);
	return strlen(note);
}

static ssize_t mill_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 sacks;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "grind %u", &sacks) != 1)
		return -EINVAL;
	if (mill_ask(mill, sacks) < 0)
		mill_note(text, sacks);
	return size;
}

static const struct file_operations mill_fops = { .owner = THIS_MODULE, .write = mill_write };
static struct miscdevice mill_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "tidemill", .fops = &mill_fops };

static int __init tidemill_init(void)
{
	mill = kzalloc(sizeof(*mill), GFP_KERNEL);
	if (!mill)
		return -ENOMEM;
	spin_lock_init(&mill->lock);
	INIT_LIST_HEAD(&mill->queue);
	INIT_WORK(&mill->grind, mill_grind);
	lab_address("mill", mill);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&mill_misc);
}
module_init(tidemill_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("tide mill");
