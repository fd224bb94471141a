// SPDX-License-Identifier: GPL-2.0
/* Ferries count their passengers per CPU; a kernel thread adds, a reader of /proc/ferry sums up. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct ferry_tally {
	u64 boarded;
	u64 left;
	u32 children;
	u32 bicycles;
};

struct ferry {
	char name[16];
	u32 capacity;
	u32 trips;
	struct ferry_tally __percpu *tally;
	struct ferry *next;
};

static struct ferry *fleet;

static noinline void ferry_board(struct ferry *ferry, u32 people)
{
	struct ferry_tally *tally = get_cpu_ptr(ferry->tally);

	tally->boarded += people;
	tally->bicycles += people / 9;
	put_cpu_ptr(ferry->tally);
	ferry->trips++;
}

static noinline u64 ferry_bicycles(const struct ferry *ferry)
{
	const struct ferry_tally *tally = (const struct ferry_tally __force *)ferry->tally; /* guilty */

	return ferry->trips ? tally->bicycles : 0; /* guilty */
}

static int ferry_show(struct seq_file *seq, void *data)
{
	struct ferry *ferry;

	for (ferry = fleet; ferry; ferry = ferry->next) {
		u64 sum = 0;
		int cpu;

		for_each_possible_cpu(cpu)
			sum += per_cpu_ptr(ferry->tally, cpu)->boarded;
		seq_printf(seq, "%s %llu %llu\n", ferry->name, sum, ferry_bicycles(ferry));
	}
	return 0;
}

static int ferry_run(void *data)
{
	u32 round = 0;
	struct ferry *ferry;

	while (!kthread_should_stop()) {
		for (ferry = fleet; ferry; ferry = ferry->next)
			ferry_board(ferry, 30 + round++ % 40);
		msleep(30);
	}
	return 0;
}

static int __init ferry_init(void)
{
	static const char *const names[] = { "Elbe", "Weser", "Oder" };
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(names); at++) {
		struct ferry *ferry = kzalloc(sizeof(*ferry), GFP_KERNEL);

		if (!ferry)
			return -ENOMEM;
		ferry->tally = alloc_percpu(struct ferry_tally);
		if (!ferry->tally)
			return -ENOMEM;
		strscpy(ferry->name, names[at], sizeof(ferry->name));
		ferry->capacity = 200 + 50 * at;
		ferry->next = fleet;
		fleet = ferry;
	}
	lab_address("ferry", fleet);
	lab_address("tally", (void __force *)fleet->tally);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	proc_create_single("ferry", 0444, NULL, ferry_show);
	return PTR_ERR_OR_ZERO(kthread_run(ferry_run, NULL, "ferry-run"));
}
module_init(ferry_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("ferries");
