// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is wrong with this driver: a library lends books to readers and waits for them, with a cache and a workqueue
 * of its own. A user task takes most of the memory and then only waits; another, small one asks for the last of it and
 * is the one that the kernel names.
 */
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define BOOKS 300

struct book {
	struct list_head link;
	u32 number;
	u32 lent;
	char title[40];
};

struct library {
	spinlock_t desk;
	struct list_head shelf;
	struct list_head readers;
	struct kmem_cache *books;
	struct delayed_work hours;
	u64 loans;
};

static struct library *library;

static noinline void book_lend(struct library *owner, struct book *book)
{
	book->lent++;
	owner->loans++;
	list_move_tail(&book->link, &owner->readers);
}

static noinline void book_return(struct library *owner, struct book *book)
{
	list_move_tail(&book->link, &owner->shelf);
}

static void library_hours(struct work_struct *work)
{
	struct library *owner = container_of(to_delayed_work(work), struct library, hours);
	struct book *book;
	int count;

	spin_lock(&owner->desk);
	for (count = 0; count < 12; count++) {
		book = list_first_entry_or_null(&owner->shelf, struct book, link);
		if (book)
			book_lend(owner, book);
	}
	for (count = 0; count < 11; count++) {
		book = list_first_entry_or_null(&owner->readers, struct book, link);
		if (book)
			book_return(owner, book);
	}
	spin_unlock(&owner->desk);
	schedule_delayed_work(&owner->hours, HZ / 20);
}

static int __init lending_init(void)
{
	struct book *book;
	u32 number;

	library = kzalloc(sizeof(*library), GFP_KERNEL);
	if (!library)
		return -ENOMEM;
	spin_lock_init(&library->desk);
	INIT_LIST_HEAD(&library->shelf);
	INIT_LIST_HEAD(&library->readers);
	library->books = kmem_cache_create("library_book", sizeof(struct book), 0, SLAB_HWCACHE_ALIGN, NULL);
	if (!library->books)
		return -ENOMEM;
	for (number = 0; number < BOOKS; number++) {
		book = kmem_cache_zalloc(library->books, GFP_KERNEL);
		if (!book)
			return -ENOMEM;
		book->number = number;
		snprintf(book->title, sizeof(book->title), "volume %u", number);
		list_add_tail(&book->link, &library->shelf);
	}
	lab_address("library", library);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks() + 2);
	INIT_DELAYED_WORK(&library->hours, library_hours);
	schedule_delayed_work(&library->hours, HZ / 20);
	return 0;
}
module_init(lending_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: books of a library");
