// SPDX-License-Identifier: GPL-2.0
/* An orchard: trees and baskets, both of 128 bytes and less; harvests clear a basket, a thread waters the trees. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../cases/lab_truth.h"

#define PAIRS 40

struct variety {
	u32 water;
	u32 trees;
	char name[16];
};

struct tree {
	struct list_head row;
	u32 number;
	u32 age;
	struct variety *variety;
	u32 litres[18];
};

struct basket {
	u32 number;
	u32 pickers;
	u16 apples[48];
	u32 weight;
};

struct orchard {
	struct list_head row;
	struct basket *baskets[PAIRS];
	u32 round;
};

static struct orchard orchard;
static struct tree *trees[PAIRS];
static struct variety varieties[2] = { { 12, 0, "boskoop" }, { 9, 0, "gala" } };

static noinline void basket_clear(struct basket *basket)
{
	memset(basket->apples, 0, sizeof(basket->apples) * sizeof(basket->apples[0])); /* guilty */
	basket->pickers = 0;
}

static inline u32 tree_thirst(const struct tree *tree)
{
	return tree->variety->water * (tree->age > 3 ? 2 : 1); /* guilty */
}

static noinline void tree_water(struct tree *tree, u32 round)
{
	tree->litres[round % 18] = tree_thirst(tree);
}

static int gardener(void *data)
{
	struct orchard *own = data;
	struct basket *basket = NULL;
	unsigned int at, other;
	u32 round;

	for (at = 0; at < PAIRS && !basket; at++)
		for (other = 0; other < PAIRS; other++)
			if ((u8 *)own->baskets[at] + 128 == (u8 *)trees[other]) {
				basket = own->baskets[at];
				lab_address("tree", trees[other]);
				break;
			}
	if (!basket)
		return -ENOENT;
	for (round = 0; ; round++) {
		own->round = round;
		for (at = 0; at < PAIRS; at++)
			tree_water(trees[at], round);
		if (round == 5) {
			lab_number("tasks", lab_count_tasks());
			basket_clear(basket);
		}
		msleep(30);
	}
	return 0;
}

static int __init orchard_init(void)
{
	unsigned int at;

	BUILD_BUG_ON(sizeof(struct tree) <= 96 || sizeof(struct tree) > 128);
	BUILD_BUG_ON(sizeof(struct basket) <= 96 || sizeof(struct basket) > 128);
	INIT_LIST_HEAD(&orchard.row);
	for (at = 0; at < PAIRS; at++) {
		struct basket *basket = kzalloc(sizeof(*basket), GFP_KERNEL);
		struct tree *tree = kzalloc(sizeof(*tree), GFP_KERNEL);

		if (!basket || !tree)
			return -ENOMEM;
		basket->number = at;
		basket->pickers = 2;
		memset(basket->apples, 3, sizeof(basket->apples));
		tree->number = at;
		tree->age = at % 7;
		tree->variety = &varieties[at % 2];
		tree->variety->trees++;
		list_add_tail(&tree->row, &orchard.row);
		orchard.baskets[at] = basket;
		trees[at] = tree;
	}
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(gardener, &orchard, "gardener"));
}
module_init(orchard_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("orchard");
