// SPDX-License-Identifier: GPL-2.0
/*
 * A write past the end of a local array. An address has fields between commas; each is copied into an array of fixed
 * size in the caller's frame by a helper that looks for the comma only, and one letter has a very long town.
 *
 * /proc/postbox: an address a write, NAME,STREET,TOWN
 */
#include <linux/ctype.h>
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define FIELD 12

struct letter {
	struct list_head link;
	u32 serial;
	u32 district;
	char town[FIELD];
};

struct postbox {
	spinlock_t lock;
	u32 letters;
	struct list_head queue;
	struct kmem_cache *cache;
};

static struct postbox *postbox;

static noinline const char *field_take(char *to, const char *from)
{
	while (*from && *from != ',' && *from != '\n')
		*to++ = tolower(*from++); /* guilty */
	*to = '\0';
	return *from ? from + 1 : from;
}

static inline u32 district_of(const char *town)
{
	u32 sum = 7;

	while (*town)
		sum = sum * 33 + *town++;
	return sum % 90;
}

static noinline int letter_file(struct postbox *owner, const char *town, u32 district)
{
	struct letter *letter = kmem_cache_zalloc(owner->cache, GFP_KERNEL);

	if (!letter)
		return -ENOMEM;
	strscpy(letter->town, town, sizeof(letter->town));
	letter->district = district;
	spin_lock(&owner->lock);
	letter->serial = owner->letters++;
	list_add_tail(&letter->link, &owner->queue);
	spin_unlock(&owner->lock);
	return 0;
}

static noinline int letter_sort(struct postbox *owner, const char *address)
{
	char name[FIELD], street[FIELD], town[FIELD];
	u32 district;

	address = field_take(name, address);
	address = field_take(street, address);
	address = field_take(town, address); /* guilty */
	if (!name[0] || !street[0])
		return -EINVAL;
	district = district_of(town);
	return letter_file(owner, town, district);
} /* guilty */

static ssize_t postbox_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char *address = memdup_user_nul(user, min_t(size_t, size, 256));
	int status;

	if (IS_ERR(address))
		return PTR_ERR(address);
	lab_number("tasks", lab_count_tasks());
	status = letter_sort(postbox, address);
	kfree(address);
	return status ? status : size;
}

static const struct proc_ops postbox_operations = { .proc_write = postbox_write };

static int __init postbox_init(void)
{
	postbox = kzalloc(sizeof(*postbox), GFP_KERNEL);
	if (!postbox)
		return -ENOMEM;
	spin_lock_init(&postbox->lock);
	INIT_LIST_HEAD(&postbox->queue);
	postbox->cache = kmem_cache_create("postbox_letter", sizeof(struct letter), 0, SLAB_HWCACHE_ALIGN, NULL);
	if (!postbox->cache)
		return -ENOMEM;
	lab_address("postbox", postbox);
	lab_watch_panic();
	return proc_create("postbox", 0200, NULL, &postbox_operations) ? 0 : -ENOMEM;
}
module_init(postbox_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: letters of a postbox");
