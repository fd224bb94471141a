// SPDX-License-Identifier: GPL-2.0
/* A gallery: pictures with a lender; whoever listens is told before a picture is moved, and may give it back to its lender. */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct lender {
	u32 number;
	u32 pictures;
	u64 fees;
};

struct picture {
	u32 number;
	u32 room;
	struct lender *lender;
	u32 days;
	u32 moves;
};

static struct picture *pictures[6];
static struct lender lenders[3];
static DEFINE_MUTEX(gallery_lock);
static RAW_NOTIFIER_HEAD(gallery_chain);

static noinline void picture_return(struct picture *picture)
{
	picture->lender->pictures--;
	picture->lender = NULL; /* guilty */
}

static int gallery_contract(struct notifier_block *block, unsigned long room, void *data)
{
	struct picture *picture = data;

	if (picture->days > 30 && room == 0)
		picture_return(picture); /* guilty */
	return NOTIFY_OK;
}

static struct notifier_block contract_block = { .notifier_call = gallery_contract };

static inline void lender_bill(struct lender *lender, u32 days)
{
	lender->fees += days * 12; /* guilty */
}

static noinline void picture_move(struct picture *picture, u32 room)
{
	if (!READ_ONCE(picture->lender))
		return;
	raw_notifier_call_chain(&gallery_chain, room, picture); /* guilty */
	picture->room = room;
	picture->moves++;
	lender_bill(READ_ONCE(picture->lender), picture->days); /* guilty */
}

static ssize_t gallery_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 number, value;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&gallery_lock);
	if (sscanf(text, "move %u %u", &number, &value) == 2 && number < 6)
		picture_move(pictures[number], value);
	else if (sscanf(text, "days %u %u", &number, &value) == 2 && number < 6)
		pictures[number]->days = value;
	mutex_unlock(&gallery_lock);
	return size;
}

static const struct file_operations gallery_fops = { .owner = THIS_MODULE, .write = gallery_write };
static struct miscdevice gallery_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "gallery", .fops = &gallery_fops };

static int __init gallery_init(void)
{
	unsigned int at;

	for (at = 0; at < 6; at++) {
		pictures[at] = kzalloc(sizeof(*pictures[at]), GFP_KERNEL);
		if (!pictures[at])
			return -ENOMEM;
		pictures[at]->number = at;
		pictures[at]->lender = &lenders[at % 3];
		lenders[at % 3].pictures++;
		lab_address("picture", pictures[at]);
	}
	raw_notifier_chain_register(&gallery_chain, &contract_block);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&gallery_misc);
}
module_init(gallery_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("gallery");
