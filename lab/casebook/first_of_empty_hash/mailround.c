// SPDX-License-Identifier: GPL-2.0
/* Post boxes by street in a hash of chains; the round empties the first box of each street it is told of. */
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define STREETS 16

struct postbox {
	u32 street;
	u32 house;
	u64 emptied;
	char place[24];
	struct hlist_node node;
	u32 letters;
	u32 rounds;
	u32 stamps[6];
};

struct post_office {
	struct mutex lock;
	struct hlist_head streets[STREETS];
	u64 letters;
};

static struct post_office *office;

static inline struct postbox *street_first(struct post_office *own, u32 street)
{
	return hlist_entry(own->streets[street % STREETS].first, struct postbox, node); /* guilty */
}

static noinline u32 box_empty(struct postbox *box)
{
	u32 letters = box->letters; /* guilty */

	box->letters = 0;
	box->rounds++;
	box->emptied = jiffies;
	return letters;
}

static noinline void office_round(struct post_office *own, u32 street)
{
	own->letters += box_empty(street_first(own, street)); /* guilty */
}

static int box_put_up(struct post_office *own, u32 street)
{
	struct postbox *box = kzalloc(sizeof(*box), GFP_KERNEL);

	if (!box)
		return -ENOMEM;
	box->street = street;
	box->letters = 5;
	snprintf(box->place, sizeof(box->place), "corner %u", street);
	hlist_add_head(&box->node, &own->streets[street % STREETS]);
	return 0;
}

static ssize_t post_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 street;
	int status = 0;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&office->lock);
	if (sscanf(text, "put %u", &street) == 1)
		status = box_put_up(office, street);
	else if (sscanf(text, "round %u", &street) == 1)
		office_round(office, street);
	mutex_unlock(&office->lock);
	return status ? status : size;
}

static const struct file_operations post_fops = { .owner = THIS_MODULE, .write = post_write };
static struct miscdevice post_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "postbox", .fops = &post_fops };

static int __init postbox_init(void)
{
	office = kzalloc(sizeof(*office), GFP_KERNEL);
	if (!office)
		return -ENOMEM;
	mutex_init(&office->lock);
	lab_address("office", office);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&post_misc);
}
module_init(postbox_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("post boxes");
