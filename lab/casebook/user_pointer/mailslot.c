// SPDX-License-Identifier: GPL-2.0
/*
 * A mail slot: what is written to /proc/mailslot is a letter, which the carrier weighs on his round.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../../cases/lab_truth.h"

struct letter {
	struct list_head node;
	u32 number;
	u32 weight;
	size_t length;
	const char *text;
	u64 posted;
};

struct mailslot {
	spinlock_t lock;
	struct list_head letters;
	u32 posted;
	u64 carried;
};

static struct mailslot *slot;

static noinline u32 letter_weight(const struct letter *letter)
{
	u32 weight = 0;
	size_t at;

	for (at = 0; at < letter->length; at++)
		weight += letter->text[at] == ' ' ? 1 : 2; /* guilty */
	return weight;
}

static struct letter *slot_take(struct mailslot *from)
{
	struct letter *letter;

	spin_lock(&from->lock);
	letter = list_first_entry_or_null(&from->letters, struct letter, node);
	if (letter)
		list_del_init(&letter->node);
	spin_unlock(&from->lock);
	return letter;
}

static int carrier_thread(void *data)
{
	struct mailslot *own = data;
	struct letter *letter;

	while (!kthread_should_stop()) {
		msleep(100);
		letter = slot_take(own);
		if (!letter)
			continue;
		lab_address("letter", letter);
		lab_number("tasks", lab_count_tasks());
		letter->weight = letter_weight(letter);
		own->carried += letter->weight;
		kfree(letter);
	}
	return 0;
}

static ssize_t slot_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	struct letter *letter = kzalloc(sizeof(*letter), GFP_KERNEL);

	if (!letter)
		return -ENOMEM;
	letter->length = size;
	letter->text = (const char __force *)user; /* guilty */
	letter->posted = jiffies;
	spin_lock(&slot->lock);
	letter->number = slot->posted++;
	list_add_tail(&letter->node, &slot->letters);
	spin_unlock(&slot->lock);
	return size;
}

static const struct proc_ops slot_proc = { .proc_write = slot_write };

static int __init mailslot_init(void)
{
	slot = kzalloc(sizeof(*slot), GFP_KERNEL);
	if (!slot)
		return -ENOMEM;
	spin_lock_init(&slot->lock);
	INIT_LIST_HEAD(&slot->letters);
	if (!proc_create("mailslot", 0200, NULL, &slot_proc))
		return -ENOMEM;
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(carrier_thread, slot, "carrier"));
}
module_init(mailslot_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("mail slot");
