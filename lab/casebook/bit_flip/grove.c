// SPDX-License-Identifier: GPL-2.0
/*
 * A grove: trees in order of their number, as a binary tree, counted again and again. Nothing is wrong with this
 * driver; the memory under it loses a bit.
 */
#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define TREES 31

struct grove_tree {
	u32 number;
	u32 fruit;
	struct grove_tree *left;
	struct grove_tree *right;
	char sort[16];
	u64 visits;
};

struct grove {
	struct grove_tree *root;
	struct grove_tree *all[TREES];
	u64 rounds;
	u64 fruit;
};

static struct grove *grove;
static struct kmem_cache *tree_cache;

static inline u32 tree_fruit(struct grove_tree *tree)
{
	return tree->fruit; /* guilty */
}

static noinline u64 grove_count(struct grove *own)
{
	struct grove_tree *stack[8], *tree;
	unsigned int depth = 0;
	u64 sum = 0;

	stack[depth++] = own->root;
	while (depth) {
		tree = stack[--depth];
		sum += tree_fruit(tree); /* guilty */
		tree->visits++; /* guilty */
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

static int grove_thread(void *data)
{
	struct grove *own = data;

	while (!kthread_should_stop()) {
		if (own->rounds == 4) {
			memory_ages((u64 *)&own->all[11]->left);
			lab_number("tasks", lab_count_tasks());
		}
		own->fruit = grove_count(own);
		own->rounds++;
		msleep(20);
	}
	return 0;
}

static struct grove_tree *grove_plant(struct grove *own, int from, int to)
{
	int middle = (from + to) / 2;
	struct grove_tree *tree = own->all[middle];

	tree->left = middle > from ? grove_plant(own, from, middle - 1) : NULL;
	tree->right = middle < to ? grove_plant(own, middle + 1, to) : NULL;
	return tree;
}

static int __init grove_init(void)
{
	int number;

	grove = kzalloc(sizeof(*grove), GFP_KERNEL);
	tree_cache = KMEM_CACHE(grove_tree, 0);
	if (!grove || !tree_cache)
		return -ENOMEM;
	for (number = 0; number < TREES; number++) {
		grove->all[number] = kmem_cache_zalloc(tree_cache, GFP_KERNEL);
		if (!grove->all[number])
			return -ENOMEM;
		grove->all[number]->number = number;
		grove->all[number]->fruit = 10 + number % 7;
		strscpy(grove->all[number]->sort, number & 1 ? "apple" : "pear", sizeof(grove->all[number]->sort));
	}
	grove->root = grove_plant(grove, 0, TREES - 1);
	lab_address("tree", grove->all[11]);
	lab_address("right_pointer", grove->all[11]->left);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(grove_thread, grove, "grove"));
}
module_init(grove_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("grove");
