// SPDX-License-Identifier: GPL-2.0
/* A lending library: books are on the list of their shelf and, when lent, on that of the loans; a thread reminds readers. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct reader_card {
	u32 number;
	u32 reminders;
	char name[24];
};

struct book {
	u32 isbn;
	u32 shelf;
	struct list_head on_shelf;
	struct reader_card *author;
	u32 pages, edition;
	struct list_head on_loan;
	struct reader_card *reader;
	u64 due;
	u32 year, prints;
	u32 weight, format;
	u32 loans, damages;
	char title[40];
};

static LIST_HEAD(shelf);
static LIST_HEAD(loans);
static DEFINE_MUTEX(desk);

static inline void card_remind(struct reader_card *card)
{
	card->reminders++; /* guilty */
}

static noinline unsigned int desk_remind(struct list_head *queue, u64 now)
{
	struct book *book;
	unsigned int count = 0;

	list_for_each_entry(book, queue, on_shelf) { /* guilty */
		if (!book->isbn)
			continue;
		card_remind(book->reader); /* guilty */
		count++;
	}
	return count;
}

static int librarian(void *data)
{
	struct book *book;

	msleep(300);
	mutex_lock(&desk);
	list_for_each_entry(book, &shelf, on_shelf)
		if (book->isbn % 3 == 0) {
			list_add_tail(&book->on_loan, &loans);
			book->due = jiffies + HZ;
		}
	lab_address("book", list_first_entry(&loans, struct book, on_loan));
	lab_number("tasks", lab_count_tasks());
	mutex_unlock(&desk);
	while (!kthread_should_stop()) {
		mutex_lock(&desk);
		desk_remind(&loans, jiffies);
		mutex_unlock(&desk);
		msleep(200);
	}
	return 0;
}

static int library_show(struct seq_file *seq, void *data)
{
	struct book *book;

	mutex_lock(&desk);
	list_for_each_entry(book, &shelf, on_shelf)
		seq_printf(seq, "%u %s %u\n", book->isbn, book->title, book->loans);
	mutex_unlock(&desk);
	return 0;
}

static int __init library_init(void)
{
	unsigned int at;

	for (at = 0; at < 12; at++) {
		struct book *book = kzalloc(sizeof(*book), GFP_KERNEL);
		struct reader_card *card = kzalloc(sizeof(*card), GFP_KERNEL);

		if (!book || !card)
			return -ENOMEM;
		card->number = 500 + at;
		snprintf(card->name, sizeof(card->name), "reader %u", at);
		book->isbn = 9030 + at;
		book->author = book->reader = card;
		book->pages = 210 + at * 3;
		book->edition = 2;
		book->year = 1950 + at;
		book->prints = 3000;
		book->weight = 400 + at;
		book->loans = 5;
		book->damages = 1;
		INIT_LIST_HEAD(&book->on_loan);
		snprintf(book->title, sizeof(book->title), "volume %u", at);
		list_add_tail(&book->on_shelf, &shelf);
	}
	lab_watch_panic();
	proc_create_single("library", 0444, NULL, library_show);
	return PTR_ERR_OR_ZERO(kthread_run(librarian, NULL, "librarian"));
}
module_init(library_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("lending library");
