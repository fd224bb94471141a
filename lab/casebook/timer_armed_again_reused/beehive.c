// SPDX-License-Identifier: GPL-2.0
/* Beehives on scales: each hive has a timer that asks for weighing, and a work item that weighs and arms the timer. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct hive {
	struct list_head link;
	u32 number;
	u32 grams;
	struct timer_list ask;
	struct work_struct weigh;
	u64 weighed;
	u32 history[12];
};

struct frame_note {
	struct list_head link;
	u32 hive;
	u32 cells[30];
	char keeper[24];
};

static LIST_HEAD(hives);
static LIST_HEAD(notes);
static DEFINE_MUTEX(yard_lock);

static void hive_ask(struct timer_list *timer)
{
	struct hive *hive = from_timer(hive, timer, ask);

	schedule_work(&hive->weigh);
}

static noinline u32 scale_settle(struct hive *hive)
{
	msleep(500);
	return hive->grams + hive->number;
}

static void hive_weigh(struct work_struct *work)
{
	struct hive *hive = container_of(work, struct hive, weigh);

	hive->history[hive->weighed++ % 12] = scale_settle(hive);
	mod_timer(&hive->ask, jiffies + msecs_to_jiffies(150)); /* guilty */
}

static noinline void hive_remove(struct hive *hive)
{
	mutex_lock(&yard_lock);
	list_del(&hive->link);
	mutex_unlock(&yard_lock);
	del_timer_sync(&hive->ask); /* guilty */
	cancel_work_sync(&hive->weigh);
	kfree(hive); /* guilty */
}

static noinline int note_write(u32 number)
{
	struct frame_note *note = kzalloc(sizeof(*note), GFP_KERNEL);

	if (!note)
		return -ENOMEM;
	note->hive = number;
	snprintf(note->keeper, sizeof(note->keeper), "keeper %u", number);
	mutex_lock(&yard_lock);
	list_add_tail(&note->link, &notes);
	mutex_unlock(&yard_lock);
	return 0;
}

static int keeper(void *data)
{
	struct hive *hive = list_first_entry(&hives, struct hive, link);
	unsigned int at;

	msleep(300);
	while (!work_busy(&hive->weigh))
		usleep_range(500, 900);
	msleep(10);
	lab_address("hive", hive);
	lab_number("tasks", lab_count_tasks());
	hive_remove(hive);
	for (at = 0; at < 3000; at++)
		note_write(at);
	while (!kthread_should_stop())
		msleep(500);
	return 0;
}

static int __init beehive_init(void)
{
	unsigned int at;

	BUILD_BUG_ON(sizeof(struct hive) <= 128 || sizeof(struct hive) > 192);
	BUILD_BUG_ON(sizeof(struct frame_note) <= 128 || sizeof(struct frame_note) > 192);
	for (at = 0; at < 3; at++) {
		struct hive *hive = kzalloc(sizeof(*hive), GFP_KERNEL);

		if (!hive)
			return -ENOMEM;
		hive->number = at;
		hive->grams = 31000 + 800 * at;
		timer_setup(&hive->ask, hive_ask, 0);
		INIT_WORK(&hive->weigh, hive_weigh);
		list_add_tail(&hive->link, &hives);
		mod_timer(&hive->ask, jiffies + msecs_to_jiffies(100));
	}
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(keeper, NULL, "bee-keeper"));
}
module_init(beehive_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("beehives");
