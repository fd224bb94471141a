// SPDX-License-Identifier: GPL-2.0
/* A jukebox: records come in crates, a block of memory with a head and its records; each record is on a list of all and on one of the hits. */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct singer_card {
	u32 number;
	u32 plays;
	char name[24];
};

struct record {
	u32 number;
	u32 side;
	struct list_head on_all;
	u64 length;
	u32 year, pressing;
	struct list_head on_hits;
	struct singer_card *singer;
};

struct crate {
	u32 number;
	u32 count;
	u64 bought;
	u64 price;
	u64 spare;
	struct record records[2];
};

static LIST_HEAD(all);
static LIST_HEAD(hits);
static DEFINE_MUTEX(box);
static struct singer_card cards[4];

static inline void card_play(struct singer_card *card)
{
	card->plays++; /* guilty */
}

static noinline void box_play_all(struct list_head *queue)
{
	struct record *record;

	list_for_each_entry(record, queue, on_all)
		card_play(record->singer); /* guilty */
}

static noinline void record_assign(struct record *record, u32 year, u32 card)
{
	record->year = year;
	record->singer = (struct singer_card *)(((u64)year << 32) | card); /* guilty */
}

static noinline struct crate *crate_add(u32 number)
{
	struct crate *crate = kzalloc(sizeof(*crate), GFP_KERNEL);
	unsigned int at;

	if (!crate)
		return NULL;
	crate->number = number;
	crate->count = ARRAY_SIZE(crate->records);
	crate->bought = jiffies;
	for (at = 0; at < crate->count; at++) {
		struct record *record = &crate->records[at];

		record->number = number * 10 + at;
		record->singer = &cards[(number + at) % 4];
		record->length = 180 + at;
		list_add_tail(&record->on_all, &all);
		list_add_tail(&record->on_hits, &hits);
	}
	return crate;
}

static ssize_t box_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	static struct crate *last;
	char text[24];
	u32 number, card;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&box);
	if (sscanf(text, "crate %u", &number) == 1) {
		last = crate_add(number);
		lab_address("crate", last);
	} else if (sscanf(text, "assign %u %u", &number, &card) == 2 && last) {
		record_assign(&last->records[0], number, card);
	} else {
		box_play_all(&all);
	}
	mutex_unlock(&box);
	return size;
}

static const struct file_operations box_fops = { .owner = THIS_MODULE, .write = box_write };
static struct miscdevice box_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "jukebox", .fops = &box_fops };

static int __init jukebox_init(void)
{
	BUILD_BUG_ON(offsetof(struct crate, records[0].on_all) != offsetof(struct record, on_hits));
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&box_misc);
}
module_init(jukebox_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("jukebox");
