// SPDX-License-Identifier: GPL-2.0
/* A granary: sacks in bins; a bin's word holds the sack's address and, in a bit of it, whether the sack was opened. */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define OPENED (1UL << 58)

struct sack {
	u32 number;
	u32 grams;
	u64 filled;
	char grain[16];
	u32 taken[8];
};

struct granary {
	struct mutex lock;
	unsigned long bins[16];
	u64 total;
};

static struct granary *house;

/* The kernel's addresses have their upper bits set: a cleared bit is the mark. */
static inline struct sack *bin_sack(unsigned long word)
{
	return (struct sack *)(word | OPENED);
}

static noinline void bin_open(struct granary *own, unsigned int bin)
{
	own->bins[bin] &= ~OPENED;
}

static noinline u32 bin_take(struct granary *own, unsigned int bin, u32 grams)
{
	struct sack *sack = bin_sack(own->bins[bin]);

	sack->taken[sack->number % 8] += grams;
	sack->grams -= min(grams, sack->grams);
	return sack->grams;
}

static noinline u64 granary_weigh(struct granary *own)
{
	u64 total = 0;
	unsigned int bin;

	for (bin = 0; bin < ARRAY_SIZE(own->bins); bin++) {
		const struct sack *sack = (const struct sack *)own->bins[bin]; /* guilty */

		if (sack)
			total += sack->grams; /* guilty */
	}
	return total;
}

static ssize_t granary_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 bin, grams;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&house->lock);
	if (sscanf(text, "take %u %u", &bin, &grams) == 2 && bin < 10)
		bin_take(house, bin, grams);
	else if (sscanf(text, "open %u", &bin) == 1 && bin < 10)
		bin_open(house, bin);
	else
		house->total = granary_weigh(house);
	mutex_unlock(&house->lock);
	return size;
}

static const struct file_operations granary_fops = { .owner = THIS_MODULE, .write = granary_write };
static struct miscdevice granary_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "granary", .fops = &granary_fops };

static int __init granary_init(void)
{
	unsigned int bin;

	house = kzalloc(sizeof(*house), GFP_KERNEL);
	if (!house)
		return -ENOMEM;
	mutex_init(&house->lock);
	for (bin = 0; bin < 10; bin++) {
		struct sack *sack = kzalloc(sizeof(*sack), GFP_KERNEL);

		if (!sack)
			return -ENOMEM;
		sack->number = bin;
		sack->grams = 50000 - 100 * bin;
		snprintf(sack->grain, sizeof(sack->grain), "rye %u", bin);
		house->bins[bin] = (unsigned long)sack;
	}
	lab_address("bins", house->bins);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&granary_misc);
}
module_init(granary_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("granary");
