// SPDX-License-Identifier: GPL-2.0
/*
 * Many known values: four threads sleep below chains of functions that generate.py made up. Every assignment of every
 * variable is noted; the last note of each is printed before the crash as `lab: value_THREAD__FUNCTION__NAME NUMBER`,
 * those before as `lab: was_THREAD__FUNCTION__NAME__K NUMBER`.
 */
#include <linux/kthread.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "../lab_truth.h"

#define THREADS 4
#define NOTES 1024
#define HISTORY 6

struct desk {
	unsigned int number;
	struct desk *next;
	wait_queue_head_t bell;
	bool closed;
	u32 counts[16];
};

struct note {
	unsigned int thread;
	const char *function, *name;
	u64 value, was[HISTORY];
	unsigned int changes;
};

static struct note notes[NOTES];
static unsigned int noted;
static DEFINE_SPINLOCK(notes_lock);
static struct desk desks[THREADS];

static noinline void write_down(const struct desk *desk, const char *function, const char *name, u64 value)
{
	unsigned int at;

	spin_lock(&notes_lock);
	for (at = 0; at < noted; at++)
		if (notes[at].thread == desk->number && notes[at].function == function && !strcmp(notes[at].name, name))
			break;
	if (at < noted) {
		if (notes[at].value != value)
			notes[at].was[notes[at].changes++ % HISTORY] = notes[at].value;
		notes[at].value = value;
	} else if (at < NOTES) {
		notes[noted++] = (struct note){ .thread = desk->number, .function = function, .name = name, .value = value };
	}
	spin_unlock(&notes_lock);
}

#define NOTE(desk, variable) write_down(desk, __func__, #variable, (u64)(variable))

#define SET(variable, value)          \
	do {                          \
		variable = value;     \
		NOTE(desk, variable); \
	} while (0)

static noinline u32 roll(struct desk *desk, u64 by)
{
	return (*(volatile u32 *)&desk->counts[by & 15])++;
}

static noinline u64 get_u64(struct desk *desk, u64 by) { return (u64)roll(desk, by) * 1000003; }
static noinline int get_int(struct desk *desk, u64 by) { return roll(desk, by) % 3 ? 0 : -(int)(by & 0xff); }
static noinline u32 get_u32(struct desk *desk, u64 by) { return roll(desk, by) % 5; }
static noinline bool get_bool(struct desk *desk, u64 by) { return roll(desk, by) & 1; }
static noinline long get_long(struct desk *desk, u64 by) { return roll(desk, by) % 2 ? 0 : (long)by - 40; }
static noinline u16 get_u16(struct desk *desk, u64 by) { return roll(desk, by) * 7; }
static noinline struct desk *get_desk(struct desk *desk, u64 by) { return roll(desk, by) % 3 ? desk->next : NULL; }
static noinline struct task_struct *get_task(struct desk *desk, u64 by) { return roll(desk, by) % 2 ? current : NULL; }

static noinline long chain_wait(struct desk *desk)
{
	wait_event(desk->bell, READ_ONCE(desk->closed));
	return desk->counts[0];
}

#include "chains.inc"
static long (*const starts[THREADS])(struct desk *) = { start_chain0, start_chain1, start_chain2, start_chain3 };

static int desk_thread(void *data)
{
	struct desk *desk = data;
	long sum = starts[desk->number](desk);

	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return sum;
}

static ssize_t ledger_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	unsigned int i, n;

	for (i = 0; i < THREADS; i++) {
		struct desk *desk = &desks[i];

		desk->number = i;
		desk->next = &desks[(i + 1) % THREADS];
		init_waitqueue_head(&desk->bell);
		for (n = 0; n < 16; n++)
			desk->counts[n] = 3 * i + 5 * n;
		kthread_run(desk_thread, desk, "desk_%u", i);
	}
	/* Asleep by then. */
	schedule_timeout_uninterruptible(HZ / 2);
	for (i = 0; i < noted; i++) {
		printk(KERN_INFO "lab: value_%u__%s__%s %llu\n", notes[i].thread, notes[i].function, notes[i].name, notes[i].value);
		for (n = 0; n < min_t(unsigned int, notes[i].changes, HISTORY); n++)
			printk(KERN_INFO "lab: was_%u__%s__%s__%u %llu\n", notes[i].thread, notes[i].function, notes[i].name, n, notes[i].was[n]);
	}
	lab_number("tasks", lab_count_tasks());
	return size;
}

static const struct proc_ops ledger_ops = { .proc_write = ledger_write };

static int __init ledger_init(void)
{
	lab_watch_panic();
	return proc_create("ledger", 0200, NULL, &ledger_ops) ? 0 : -ENOMEM;
}

module_init(ledger_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Lab case: many values known before the crash");
