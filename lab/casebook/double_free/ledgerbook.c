// SPDX-License-Identifier: GPL-2.0
/*
 * Ledgers with pages of their own cache. A book keeps one spare page at hand. Closing returns it, and so does the
 * release of the last reference.
 *
 * /proc/ledger takes one command a write: open N, close N.
 */
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define BOOKS 4

struct ledger_page {
	struct list_head node;
	u32 number;
	u32 lines;
	s64 balance;
	char header[52];
	u32 check;
};

struct ledger_book {
	struct kref references;
	struct list_head pages;
	struct ledger_page *spare;
	u32 id;
	bool closed;
};

static struct ledger_book *books[BOOKS];
static struct kmem_cache *page_cache;
static DEFINE_MUTEX(books_lock);

static noinline void book_release(struct kref *references)
{
	struct ledger_book *book = container_of(references, struct ledger_book, references);

	kmem_cache_free(page_cache, book->spare); /* guilty */
	books[book->id] = NULL;
	kfree(book);
}

static noinline void book_close(struct ledger_book *book)
{
	struct ledger_page *page, *next;

	list_for_each_entry_safe(page, next, &book->pages, node) {
		list_del(&page->node);
		kmem_cache_free(page_cache, page);
	}
	book->closed = true;
	lab_number("tasks", lab_count_tasks());
	kmem_cache_free(page_cache, book->spare); /* guilty */
	kref_put(&book->references, book_release);
}

static struct ledger_page *page_new(u32 number)
{
	struct ledger_page *page = kmem_cache_zalloc(page_cache, GFP_KERNEL);

	if (page) {
		page->number = number;
		snprintf(page->header, sizeof(page->header), "page %u", number);
	}
	return page;
}

static noinline int book_open(u32 id)
{
	struct ledger_book *book = kzalloc(sizeof(*book), GFP_KERNEL);
	struct ledger_page *page;
	u32 number;

	if (!book)
		return -ENOMEM;
	kref_init(&book->references);
	INIT_LIST_HEAD(&book->pages);
	book->id = id;
	for (number = 1; number < 5; number++) {
		page = page_new(number);
		if (!page)
			return -ENOMEM;
		list_add_tail(&page->node, &book->pages);
	}
	book->spare = page_new(0);
	if (id == 2)
		lab_address("page", book->spare);
	books[id] = book;
	return 0;
}

static ssize_t ledger_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], command[16];
	unsigned int id;
	int status = 0;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%15s %u", command, &id) != 2 || id >= BOOKS)
		return -EINVAL;
	mutex_lock(&books_lock);
	if (!strcmp(command, "open") && !books[id])
		status = book_open(id);
	else if (!strcmp(command, "close") && books[id])
		book_close(books[id]);
	mutex_unlock(&books_lock);
	return status ? status : size;
}

static const struct proc_ops ledger_proc = { .proc_write = ledger_write };

static int __init ledgerbook_init(void)
{
	page_cache = KMEM_CACHE(ledger_page, 0);
	if (!page_cache || !proc_create("ledger", 0200, NULL, &ledger_proc))
		return -ENOMEM;
	lab_watch_panic();
	return 0;
}
module_init(ledgerbook_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("ledgers");
