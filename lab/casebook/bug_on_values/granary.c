// SPDX-License-Identifier: GPL-2.0
/*
 * BUG_ON over two members of one object. A granary's bins know how much grain they hold and how much of it is sold but
 * not yet fetched. A sale that is cancelled in part gives back the whole, and the next fetch finds less sold than it
 * takes away.
 *
 * Work items of an own workqueue carry the orders out; /dev/granary takes "sell BIN N", "cancel BIN N", "fetch BIN N".
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define BINS 6
#define CAPACITY 500

struct bin {
	spinlock_t lock;
	u16 number;
	u16 grade;
	u32 stored;
	u32 promised;
	u32 last_sale;
	u64 turnover;
};

enum order_verb { ORDER_SELL, ORDER_CANCEL, ORDER_FETCH };

struct order {
	struct work_struct work;
	enum order_verb verb;
	struct bin *bin;
	u32 amount;
};

struct granary {
	struct miscdevice device;
	struct workqueue_struct *clerks;
	struct kmem_cache *orders;
	struct bin *bins[BINS];
};

static struct granary *granary;

static noinline void bin_sell(struct bin *bin, u32 amount)
{
	spin_lock(&bin->lock);
	if (bin->stored - bin->promised >= amount) {
		bin->promised += amount;
		bin->last_sale = amount;
		bin->turnover += amount * (u64)bin->grade;
	}
	spin_unlock(&bin->lock);
}

static noinline void bin_cancel(struct bin *bin, u32 amount)
{
	spin_lock(&bin->lock);
	if (amount <= bin->last_sale)
		bin->promised -= bin->last_sale; /* guilty */
	spin_unlock(&bin->lock);
}

static inline void bin_check(const struct bin *bin, u32 amount)
{
	BUG_ON(bin->stored > CAPACITY);
	BUG_ON(bin->promised < amount); /* guilty */
}

static noinline void bin_fetch(struct bin *bin, u32 amount)
{
	spin_lock(&bin->lock);
	bin_check(bin, amount);
	bin->promised -= amount;
	bin->stored -= amount;
	spin_unlock(&bin->lock);
}

static void order_execute(struct work_struct *work)
{
	struct order *order = container_of(work, struct order, work);

	switch (order->verb) {
	case ORDER_SELL:
		bin_sell(order->bin, order->amount);
		break;
	case ORDER_CANCEL:
		bin_cancel(order->bin, order->amount);
		break;
	case ORDER_FETCH:
		bin_fetch(order->bin, order->amount);
		break;
	}
	kmem_cache_free(granary->orders, order);
}

static int order_submit(struct bin *bin, enum order_verb verb, u32 amount)
{
	struct order *order = kmem_cache_alloc(granary->orders, GFP_KERNEL);

	if (!order)
		return -ENOMEM;
	INIT_WORK(&order->work, order_execute);
	order->verb = verb;
	order->bin = bin;
	order->amount = amount;
	queue_work(granary->clerks, &order->work);
	return 0;
}

static ssize_t granary_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	static const char *const verbs[] = { "sell", "cancel", "fetch" };
	char text[40], verb[10];
	u32 number, amount;
	int which, status;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%9s %u %u", verb, &number, &amount) != 3 || number >= BINS)
		return -EINVAL;
	which = match_string(verbs, ARRAY_SIZE(verbs), verb);
	if (which < 0)
		return which;
	lab_number("tasks", lab_count_tasks());
	status = order_submit(granary->bins[number], which, amount);
	return status ? status : size;
}

static const struct file_operations granary_operations = {
	.owner = THIS_MODULE,
	.write = granary_write,
};

static struct bin *bin_create(int number)
{
	struct bin *bin = kzalloc(sizeof(*bin), GFP_KERNEL);

	if (!bin)
		return NULL;
	spin_lock_init(&bin->lock);
	bin->number = number;
	bin->grade = 1 + number % 3;
	bin->stored = CAPACITY - 20 * number;
	return bin;
}

static int __init granary_init(void)
{
	int number;

	granary = kzalloc(sizeof(*granary), GFP_KERNEL);
	if (!granary)
		return -ENOMEM;
	granary->orders = kmem_cache_create("granary_order", sizeof(struct order), 0, SLAB_HWCACHE_ALIGN, NULL);
	granary->clerks = alloc_ordered_workqueue("granary", 0);
	if (!granary->orders || !granary->clerks)
		return -ENOMEM;
	for (number = 0; number < BINS; number++) {
		granary->bins[number] = bin_create(number);
		if (!granary->bins[number])
			return -ENOMEM;
	}
	granary->device.minor = MISC_DYNAMIC_MINOR;
	granary->device.name = "granary";
	granary->device.fops = &granary_operations;
	lab_address("bin", granary->bins[3]);
	lab_number("promised", 20);
	lab_number("amount", 30);
	lab_watch_panic();
	return misc_register(&granary->device);
}
module_init(granary_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: bins of a granary");
