// SPDX-License-Identifier: GPL-2.0
/*
 * A walk over a list that leads into a ring, with interrupts off. An orchard's trees stand in a chain; grafting puts a
 * tree behind another. A tree grafted behind itself by way of a third makes the chain go round, and the count that
 * follows it, under a lock that an interrupt handler takes as well, does not return. The other CPU complains for it.
 *
 * /proc/orchard: "graft TREE BEHIND", "count TREE".
 */
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define TREES 10

struct tree {
	u32 number;
	u32 fruit;
	struct tree *next;
	u64 counted;
};

struct orchard {
	raw_spinlock_t fence;
	u32 grafts;
	struct tree *trees[TREES];
};

static struct orchard *orchard;

static inline u32 tree_fruit(struct tree *tree)
{
	tree->counted++;
	return READ_ONCE(tree->fruit);
}

static noinline u64 chain_count(struct tree *tree)
{
	u64 sum = 0;

	while (tree) { /* guilty */
		sum += tree_fruit(tree); /* guilty */
		tree = READ_ONCE(tree->next); /* guilty */
	}
	return sum;
}

static noinline u64 orchard_count(struct orchard *owner, struct tree *from)
{
	unsigned long flags;
	u64 sum;

	raw_spin_lock_irqsave(&owner->fence, flags);
	sum = chain_count(from);
	raw_spin_unlock_irqrestore(&owner->fence, flags);
	return sum;
}

static noinline void tree_graft(struct orchard *owner, struct tree *tree, struct tree *behind)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&owner->fence, flags);
	if (tree != behind) {
		behind->next = tree; /* guilty */
		owner->grafts++;
	}
	raw_spin_unlock_irqrestore(&owner->fence, flags);
}

static ssize_t orchard_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], verb[8];
	u32 first, second = 0;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u %u", verb, &first, &second) < 2 || first >= TREES || second >= TREES)
		return -EINVAL;
	lab_number("tasks", lab_count_tasks());
	if (!strcmp(verb, "graft"))
		tree_graft(orchard, orchard->trees[first], orchard->trees[second]);
	else if (orchard_count(orchard, orchard->trees[first]) > 1000000)
		return -ERANGE;
	return size;
}

static const struct proc_ops orchard_operations = { .proc_write = orchard_write };

static int __init orchard_init(void)
{
	u32 number;

	orchard = kzalloc(sizeof(*orchard), GFP_KERNEL);
	if (!orchard)
		return -ENOMEM;
	raw_spin_lock_init(&orchard->fence);
	for (number = 0; number < TREES; number++) {
		orchard->trees[number] = kzalloc(sizeof(struct tree), GFP_KERNEL);
		if (!orchard->trees[number])
			return -ENOMEM;
		orchard->trees[number]->number = number;
		orchard->trees[number]->fruit = 10 + number;
	}
	lab_address("tree", orchard->trees[4]);
	lab_watch_panic();
	return proc_create("orchard", 0200, NULL, &orchard_operations) ? 0 : -ENOMEM;
}
module_init(orchard_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: trees of an orchard");
