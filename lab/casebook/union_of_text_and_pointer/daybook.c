// SPDX-License-Identifier: GPL-2.0
/* An almanac: entries whose remark is either short text in place or a longer remark elsewhere. /proc/almanac counts. */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct remark {
	u32 words;
	u32 read;
	char text[56];
};

struct entry {
	struct list_head link;
	u16 day;
	u8 in_place;
	u8 moon;
	u32 kind;
	char title[24];
	union {
		char brief[8];
		struct remark *remark;
	};
	u64 seen;
};

static LIST_HEAD(entries);
static DEFINE_MUTEX(almanac_lock);

static noinline int entry_add(u32 day, const char *title, const char *remark)
{
	struct entry *entry = kzalloc(sizeof(*entry), GFP_KERNEL);
	size_t size = strlen(remark);

	if (!entry)
		return -ENOMEM;
	entry->day = day;
	entry->kind = day % 4;
	memcpy(entry->title, title, min(strlen(title), sizeof(entry->title)));
	if (size <= sizeof(entry->brief)) {
		memcpy(entry->brief, remark, size);
		entry->in_place = size;
	} else {
		entry->remark = kzalloc(sizeof(*entry->remark), GFP_KERNEL);
		if (!entry->remark) {
			kfree(entry);
			return -ENOMEM;
		}
		strscpy(entry->remark->text, remark, sizeof(entry->remark->text));
		entry->remark->words = 1;
	}
	lab_address("entry", entry);
	list_add_tail(&entry->link, &entries);
	return 0;
}

static inline u32 remark_read(struct remark *remark)
{
	remark->read++; /* guilty */
	return remark->words;
}

static noinline u32 almanac_read(u32 kind)
{
	struct entry *entry;
	u32 words = 0;

	list_for_each_entry(entry, &entries, link) {
		entry->seen++;
		if (entry->kind != kind)
			continue;
		if (entry->in_place < 8 && entry->in_place) /* guilty */
			words++;
		else
			words += remark_read(entry->remark); /* guilty */
	}
	return words;
}

static ssize_t almanac_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[96], title[32], remark[32];
	u32 day;
	int status = 0;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&almanac_lock);
	if (sscanf(text, "add %u %31s %31s", &day, title, remark) == 3)
		status = entry_add(day, title, remark);
	else if (sscanf(text, "read %u", &day) == 1)
		almanac_read(day);
	mutex_unlock(&almanac_lock);
	return status ? status : size;
}

static const struct file_operations almanac_fops = { .owner = THIS_MODULE, .write = almanac_write };
static struct miscdevice almanac_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "almanac", .fops = &almanac_fops };

static int __init almanac_init(void)
{
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&almanac_misc);
}
module_init(almanac_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("almanac");
