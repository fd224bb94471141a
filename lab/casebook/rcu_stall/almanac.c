// SPDX-License-Identifier: GPL-2.0
/*
 * An RCU reader that never leaves. An almanac's pages are read under RCU and a sequence count. A writer that finds the
 * new text too long turns back between the two halves of the count, and from then on every reader begins again, and
 * again, inside rcu_read_lock().
 *
 * /proc/almanac: "set DAY TEXT" writes, "get DAY" reads.
 */
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define TEXT_SIZE 20

struct page_stats {
	u32 reads;
	u32 retries;
};

struct almanac_page {
	struct hlist_node link;
	u32 day;
	seqcount_t version;
	char text[TEXT_SIZE];
	struct page_stats stats;
};

struct almanac {
	struct mutex pen;
	u32 pages;
	DECLARE_HASHTABLE(days, 4);
};

static struct almanac *almanac;

static struct almanac_page *page_find(struct almanac *owner, u32 day)
{
	struct almanac_page *page;

	hash_for_each_possible_rcu(owner->days, page, link, day)
		if (page->day == day)
			return page;
	return NULL;
}

static inline bool page_is_stable(const struct almanac_page *page, unsigned int *version)
{
	*version = READ_ONCE(page->version.sequence); /* guilty */
	smp_rmb();
	return !(*version & 1); /* guilty */
}

static noinline void page_copy(struct almanac_page *page, char *text)
{
	unsigned int version;

	do {
		while (!page_is_stable(page, &version)) /* guilty */
			page->stats.retries++; /* guilty */
		memcpy(text, page->text, TEXT_SIZE);
	} while (read_seqcount_retry(&page->version, version));
	page->stats.reads++;
}

static noinline int almanac_get(struct almanac *owner, u32 day, char *text)
{
	struct almanac_page *page;
	int status = -ENOENT;

	rcu_read_lock();
	page = page_find(owner, day);
	if (page) {
		page_copy(page, text);
		status = 0;
	}
	rcu_read_unlock();
	return status;
}

static noinline int page_rewrite(struct almanac_page *page, const char *text)
{
	size_t length = strlen(text);

	preempt_disable();
	write_seqcount_begin(&page->version);
	memset(page->text, 0, TEXT_SIZE);
	if (length >= TEXT_SIZE) {
		preempt_enable();
		return -E2BIG; /* guilty */
	}
	memcpy(page->text, text, length);
	write_seqcount_end(&page->version);
	preempt_enable();
	return 0;
}

static noinline int almanac_set(struct almanac *owner, u32 day, const char *text)
{
	struct almanac_page *page;
	int status = -ENOMEM;

	mutex_lock(&owner->pen);
	page = page_find(owner, day);
	if (!page) {
		page = kzalloc(sizeof(*page), GFP_KERNEL);
		if (!page)
			goto out;
		page->day = day;
		seqcount_init(&page->version);
		hash_add_rcu(owner->days, &page->link, day);
		owner->pages++;
	}
	status = page_rewrite(page, text);
out:
	mutex_unlock(&owner->pen);
	return status;
}

static ssize_t almanac_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char line[64], verb[4], text[48] = "";
	u32 day;
	int status;

	if (size >= sizeof(line) || copy_from_user(line, user, size))
		return -EINVAL;
	line[size] = '\0';
	if (sscanf(line, "%3s %u %47s", verb, &day, text) < 2)
		return -EINVAL;
	lab_number("tasks", lab_count_tasks());
	status = strcmp(verb, "set") ? almanac_get(almanac, day, text) : almanac_set(almanac, day, text);
	return status ? status : size;
}

static const struct proc_ops almanac_operations = { .proc_write = almanac_write };

static int __init almanac_init(void)
{
	almanac = kzalloc(sizeof(*almanac), GFP_KERNEL);
	if (!almanac)
		return -ENOMEM;
	mutex_init(&almanac->pen);
	hash_init(almanac->days);
	lab_address("almanac", almanac);
	lab_watch_panic();
	return proc_create("almanac", 0200, NULL, &almanac_operations) ? 0 : -ENOMEM;
}
module_init(almanac_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: pages of an almanac");
