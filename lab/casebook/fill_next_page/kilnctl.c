// SPDX-License-Identifier: GPL-2.0
/* A kiln's controller: a page of temperatures that the device fills, beside it a page of the recipes in use. */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define RECIPES 64

struct kiln_recipe {
	u32 number;
	u32 degrees;
	u64 burns;
};

struct kiln_board {
	u64 sequence;
	struct kiln_recipe *recipes[RECIPES];
};

struct kiln {
	u16 *trace;
	u32 rows, columns;
	struct kiln_board *board;
	u64 scans;
};

static struct kiln *kiln;

/* The device marks a row that it has not measured with all ones. */
static noinline void trace_reset(struct kiln *own)
{
	memset(own->trace, 0xff, own->rows * own->columns * sizeof(u16)); /* guilty */
	own->scans++;
}

static noinline u32 board_next(struct kiln_board *board)
{
	struct kiln_recipe *recipe = board->recipes[board->sequence++ % 5];

	recipe->burns++;
	return recipe->degrees;
}

static int kiln_thread(void *data)
{
	u32 round, degrees = 0;

	for (round = 0; ; round++) {
		degrees += board_next(kiln->board);
		if (round == 12) {
			lab_number("tasks", lab_count_tasks());
			kiln->columns += 2; /* a wider sensor */
		}
		if (round % 4 == 0)
			trace_reset(kiln);
		msleep(20);
	}
	return degrees;
}

static int __init kilnctl_init(void)
{
	unsigned long pages = __get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
	u32 at;

	kiln = kzalloc(sizeof(*kiln), GFP_KERNEL);
	if (!kiln || !pages)
		return -ENOMEM;
	split_page(virt_to_page(pages), 1);
	kiln->trace = (u16 *)pages;
	kiln->board = (struct kiln_board *)(pages + PAGE_SIZE);
	kiln->rows = 32;
	kiln->columns = 64;
	for (at = 0; at < RECIPES; at++) {
		kiln->board->recipes[at] = kzalloc(sizeof(struct kiln_recipe), GFP_KERNEL);
		if (!kiln->board->recipes[at])
			return -ENOMEM;
		kiln->board->recipes[at]->number = at;
		kiln->board->recipes[at]->degrees = 900 + at;
	}
	lab_address("board", kiln->board);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(kiln_thread, NULL, "kiln"));
}
module_init(kilnctl_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("kiln");
