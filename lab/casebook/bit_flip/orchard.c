// SPDX-License-Identifier: GPL-2.0
/*
 * An orchard: trees in order of their number, as a binary tree, counted again and again. Nothing is wrong with this
 * driver; the memory under it loses a bit.
 */
#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define TREES 31

struct orchard_tree {
	u32 number;
	u32 fruit;
	struct orchard_tree *left;
	struct orchard_tree *right;
	char sort[16];
	u64 visits;
};

struct orchard {
	struct orchard_tree *root;
	struct orchard_tree *all[TREES];
	u64 rounds;
	u64 fruit;
};

static struct orchard *orchard;
static struct kmem_cache *tree_cache;

static inline u32 tree_fruit(struct orchard_tree *tree)
{
	return tree->fruit; /* guilty */
}

static noinline u64 orchard_count(struct orchard *own)
{
	struct orchard_tree *stack[8], *tree;
	unsigned int depth = 0;
	u64 sum = 0;

	stack[depth++] = own->root;
	while (depth) {
		tree = stack[--depth];
		sum += tree_fruit(tree); /* guilty */
		tree->visits++;
		if (tree->right)
			stack[depth++] = tree->right;
		if (tree->left)
			stack[depth++] = tree->left;
	}
	return sum;
}

static noinline void memory_ages(u64 *cell)
{
	*cell ^= BIT_ULL(36);
}

static int orchard_thread(void *data)
{
	struct orchard *own = data;

	while (!kthread_should_stop()) {
		if (own->rounds == 4) {
			memory_ages((u64 *)&own->all[11]->left);
			lab_number("tasks", lab_count_tasks());
		}
		own->fruit = orchard_count(own);
		own->rounds++;
		msleep(20);
	}
	return 0;
}

static struct orchard_tree *orchard_plant(struct orchard *own, int from, int to)
{
	int middle = (from + to) / 2;
	struct orchard_tree *tree = own->all[middle];

	tree->left = middle > from ? orchard_plant(own, from, middle - 1) : NULL;
	tree->right = middle < to ? orchard_plant(own, middle + 1, to) : NULL;
	return tree;
}

static int __init orchard_init(void)
{
	int number;

	orchard = kzalloc(sizeof(*orchard), GFP_KERNEL);
	tree_cache = KMEM_CACHE(orchard_tree, 0);
	if (!orchard || !tree_cache)
		return -ENOMEM;
	for (number = 0; number < TREES; number++) {
		orchard->all[number] = kmem_cache_zalloc(tree_cache, GFP_KERNEL);
		if (!orchard->all[number])
			return -ENOMEM;
		orchard->all[number]->number = number;
		orchard->all[number]->fruit = 10 + number % 7;
		strscpy(orchard->all[number]->sort, number & 1 ? "apple" : "pear", sizeof(orchard->all[number]->sort));
	}
	orchard->root = orchard_plant(orchard, 0, TREES - 1);
	lab_address("tree", orchard->all[11]);
	lab_address("right_pointer", orchard->all[11]->left);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(orchard_thread, orchard, "orchard"));
}
module_init(orchard_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("orchard");
