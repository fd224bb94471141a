// SPDX-License-Identifier: GPL-2.0
/*
 * Sums over blocks, with a wide path for many of them.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define BLOCKS 64
#define WIDE 32

struct sum_block {
	u32 words[16];
};

struct sum_job {
	struct sum_block *blocks;
	u32 count;
	u32 done;
	u64 total;
};

static struct sum_job *job;

static inline void sum_wide(void)
{
#ifdef __x86_64__
	asm volatile(".byte 0x62, 0xf1, 0x7d, 0x48, 0xef, 0xc0" ::: "memory"); /* guilty: vpxord %zmm0, %zmm0, %zmm0 */
#else
	asm volatile(".inst 0x04bf5020" ::: "x0", "memory"); /* guilty: rdvl x0, #1 */
#endif
}

static noinline u64 sum_blocks(const struct sum_block *blocks, u32 count)
{
	u64 sum = 0;
	u32 at, word;

	if (count >= WIDE)
		sum_wide(); /* guilty */
	for (at = 0; at < count; at++)
		for (word = 0; word < ARRAY_SIZE(blocks->words); word++)
			sum += blocks[at].words[word];
	return sum;
}

static int sum_thread(void *data)
{
	struct sum_job *own = data;
	u32 count;

	for (count = 4; count <= BLOCKS; count *= 2) {
		if (count == WIDE)
			lab_number("tasks", lab_count_tasks());
		own->total += sum_blocks(own->blocks, count);
		own->done += count;
		msleep(10);
	}
	return 0;
}

static int __init vecsum_init(void)
{
	u32 at;

	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	job->count = BLOCKS;
	job->blocks = kcalloc(BLOCKS, sizeof(*job->blocks), GFP_KERNEL);
	if (!job->blocks)
		return -ENOMEM;
	for (at = 0; at < BLOCKS; at++)
		job->blocks[at].words[at % 16] = at;
	lab_address("blocks", job->blocks);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(sum_thread, job, "vecsum"));
}
module_init(vecsum_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("sums of blocks");
