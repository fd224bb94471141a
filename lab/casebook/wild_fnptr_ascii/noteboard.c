// SPDX-License-Identifier: GPL-2.0
/*
 * A board of entries that expire. An entry is a note, which holds its text, or a reminder, which holds what is to be
 * called. `board_edit` turns a reminder into a note but leaves its kind as it was.
 */
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

#include "../../cases/lab_truth.h"

enum entry_kind { ENTRY_NOTE = 1, ENTRY_REMINDER };

struct board;

struct board_reminder {
	void (*remind)(struct board *board, void *subject);
	void *subject;
};

struct board_entry {
	struct list_head node;
	unsigned long expires;
	enum entry_kind kind;
	u32 author;
	union {
		struct board_reminder reminder;
		char text[40];
	};
};

struct board {
	spinlock_t lock;
	struct list_head entries;
	struct timer_list sweep;
	unsigned long expired;
	unsigned long reminded;
};

static struct board board;
static struct kmem_cache *entries;

static void count_reminder(struct board *on, void *subject)
{
	on->reminded++;
}

static noinline void entry_expire(struct board *on, struct board_entry *entry)
{
	if (entry->kind == ENTRY_REMINDER)
		entry->reminder.remind(on, entry->reminder.subject); /* guilty */
	list_del(&entry->node);
	on->expired++;
}

static void board_sweep(struct timer_list *timer)
{
	struct board *own = container_of(timer, struct board, sweep);
	struct board_entry *entry, *next;

	spin_lock(&own->lock);
	list_for_each_entry_safe(entry, next, &own->entries, node)
		if (time_after_eq(jiffies, entry->expires))
			entry_expire(own, entry);
	spin_unlock(&own->lock);
	mod_timer(&own->sweep, jiffies + HZ / 25);
}

static noinline void board_edit(struct board_entry *entry, const char *text)
{
	strscpy(entry->text, text, sizeof(entry->text));
}

static struct board_entry *board_add(struct board *to, enum entry_kind kind, unsigned long expires)
{
	struct board_entry *entry = kmem_cache_zalloc(entries, GFP_KERNEL);

	if (!entry)
		return NULL;
	entry->kind = kind;
	entry->expires = expires;
	if (kind == ENTRY_REMINDER)
		entry->reminder.remind = count_reminder;
	else
		board_edit(entry, "lunch at noon");
	spin_lock_bh(&to->lock);
	list_add_tail(&entry->node, &to->entries);
	spin_unlock_bh(&to->lock);
	return entry;
}

static int __init noteboard_init(void)
{
	struct board_entry *entry = NULL;
	int number;

	entries = KMEM_CACHE(board_entry, 0);
	if (!entries)
		return -ENOMEM;
	spin_lock_init(&board.lock);
	INIT_LIST_HEAD(&board.entries);
	timer_setup(&board.sweep, board_sweep, 0);
	for (number = 0; number < 8; number++) {
		entry = board_add(&board, number & 1 ? ENTRY_REMINDER : ENTRY_NOTE, jiffies + HZ / 20 + number * HZ / 50);
		if (!entry)
			return -ENOMEM;
	}
	board_edit(entry, "the porter has the key");
	lab_address("entry", entry);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	mod_timer(&board.sweep, jiffies + HZ / 25);
	return 0;
}
module_init(noteboard_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("a board of notes and reminders");
