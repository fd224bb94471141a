// SPDX-License-Identifier: GPL-2.0
/*
 * A completion that nobody completes. Who sends a telegram waits until it has been delivered. The operator takes
 * telegrams from the desk and routes them to an office; one for an office that has closed is put aside, and its sender
 * is forgotten.
 *
 * /dev/telegraph: "send OFFICE WORD", "close OFFICE".
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "../../cases/lab_truth.h"

#define OFFICES 5

struct telegram {
	struct list_head link;
	u32 office;
	int status;
	struct completion delivered;
	char word[16];
};

struct office {
	char town[12];
	bool closed;
	u32 received;
};

struct telegraph {
	struct miscdevice device;
	spinlock_t desk;
	struct list_head incoming;
	struct list_head aside;
	wait_queue_head_t bell;
	struct task_struct *operator;
	struct office offices[OFFICES];
};

static struct telegraph *telegraph;

static inline void telegram_finish(struct telegram *telegram, int status)
{
	telegram->status = status;
	complete(&telegram->delivered);
}

static noinline void office_receive(struct office *office, struct telegram *telegram)
{
	office->received++;
	telegram_finish(telegram, 0);
}

static noinline void telegram_route(struct telegraph *owner, struct telegram *telegram)
{
	struct office *office = &owner->offices[telegram->office];

	if (telegram->word[0] == '\0') {
		telegram_finish(telegram, -EINVAL);
		return;
	}
	if (office->closed) {
		spin_lock(&owner->desk);
		list_add_tail(&telegram->link, &owner->aside); /* guilty */
		spin_unlock(&owner->desk);
		return; /* guilty */
	}
	office_receive(office, telegram);
}

static struct telegram *desk_take(struct telegraph *owner)
{
	struct telegram *telegram;

	spin_lock(&owner->desk);
	telegram = list_first_entry_or_null(&owner->incoming, struct telegram, link);
	if (telegram)
		list_del(&telegram->link);
	spin_unlock(&owner->desk);
	return telegram;
}

static int operator_run(void *data)
{
	struct telegraph *owner = data;
	struct telegram *telegram;

	while (!kthread_should_stop()) {
		wait_event_interruptible(owner->bell, !list_empty(&owner->incoming));
		while ((telegram = desk_take(owner)))
			telegram_route(owner, telegram);
	}
	return 0;
}

static noinline int telegraph_send(struct telegraph *owner, u32 office, const char *word)
{
	struct telegram *telegram = kzalloc(sizeof(*telegram), GFP_KERNEL);
	int status;

	if (!telegram)
		return -ENOMEM;
	telegram->office = office;
	strscpy(telegram->word, word, sizeof(telegram->word));
	init_completion(&telegram->delivered);
	spin_lock(&owner->desk);
	list_add_tail(&telegram->link, &owner->incoming);
	spin_unlock(&owner->desk);
	wake_up(&owner->bell);
	wait_for_completion(&telegram->delivered); /* guilty */
	status = telegram->status;
	kfree(telegram);
	return status;
}

static ssize_t telegraph_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[48], verb[8], word[16] = "";
	u32 number;
	int status = 0;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u %15s", verb, &number, word) < 2 || number >= OFFICES)
		return -EINVAL;
	if (!strcmp(verb, "close"))
		telegraph->offices[number].closed = true;
	else
		status = telegraph_send(telegraph, number, word);
	return status ? status : size;
}

static const struct file_operations telegraph_operations = {
	.owner = THIS_MODULE,
	.write = telegraph_write,
};

static int __init telegraph_init(void)
{
	int number;

	telegraph = kzalloc(sizeof(*telegraph), GFP_KERNEL);
	if (!telegraph)
		return -ENOMEM;
	spin_lock_init(&telegraph->desk);
	INIT_LIST_HEAD(&telegraph->incoming);
	INIT_LIST_HEAD(&telegraph->aside);
	init_waitqueue_head(&telegraph->bell);
	for (number = 0; number < OFFICES; number++)
		snprintf(telegraph->offices[number].town, sizeof(telegraph->offices[number].town), "town%d", number);
	telegraph->device.minor = MISC_DYNAMIC_MINOR;
	telegraph->device.name = "telegraph";
	telegraph->device.fops = &telegraph_operations;
	lab_address("telegraph", telegraph);
	lab_watch_panic();
	telegraph->operator = kthread_run(operator_run, telegraph, "operator");
	if (IS_ERR(telegraph->operator))
		return PTR_ERR(telegraph->operator);
	lab_number("tasks", lab_count_tasks());
	return misc_register(&telegraph->device);
}
module_init(telegraph_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a telegraph and its operator");
