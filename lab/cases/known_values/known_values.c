// SPDX-License-Identifier: GPL-2.0
/*
 * Known values: threads sleep below chains of calls whose parameters and locals are kept where compilers keep them: in
 * registers that callees save, on the stack, as constants, or nowhere once they are no longer needed. Each function
 * notes the true values as it goes; they are printed before the crash as `lab: value_THREAD__FUNCTION__NAME NUMBER`.
 */
#include <linux/kthread.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "../lab_truth.h"

#define THREADS 4
#define NOTES 512

enum tone { TONE_LOW = 3, TONE_MIDDLE = 17, TONE_HIGH = 900 };

struct pair {
	u64 first;
	u32 second;
};

struct desk;

struct desk_ops {
	long (*serve)(struct desk *desk, u16 ticket, const struct pair *pair);
};

struct desk {
	unsigned int number;
	const struct desk_ops *ops;
	wait_queue_head_t bell;
	bool closed;
	u32 counts[16];
	struct pair pair;
};

struct note {
	unsigned int thread;
	const char *function, *name;
	u64 value;
};

static struct note notes[NOTES];
static atomic_t noted;
static struct desk desks[THREADS];

static noinline void write_down(const struct desk *desk, const char *function, const char *name, u64 value)
{
	unsigned int at = atomic_inc_return(&noted) - 1;

	if (at < NOTES)
		notes[at] = (struct note){ desk->number, function, name, value };
}

#define NOTE(desk, variable) write_down(desk, __func__, #variable, (u64)(variable))

/* Everything below sleeps here. */
static noinline long desk_wait(struct desk *desk, unsigned long reason)
{
	NOTE(desk, desk);
	NOTE(desk, reason);
	wait_event(desk->bell, READ_ONCE(desk->closed));
	return desk->counts[reason & 15];
}

static long desk_sort(struct desk *desk, unsigned int rounds);

/* Seven and more arguments: some go through memory. Most are dead when the wait begins. */
static noinline long desk_file(struct desk *desk, u64 cookie, int signed_amount, u8 small, enum tone tone, const char *label, u64 seventh,
			       u32 eighth, s16 ninth)
{
	u64 mixed = cookie * 31 + seventh;
	long answer;

	NOTE(desk, cookie);
	NOTE(desk, signed_amount);
	NOTE(desk, small);
	NOTE(desk, tone);
	NOTE(desk, label);
	NOTE(desk, seventh);
	NOTE(desk, eighth);
	NOTE(desk, ninth);
	NOTE(desk, mixed);
	answer = desk->number & 1 ? desk_sort(desk, 5) : desk_wait(desk, mixed & 0xff);
	return answer + mixed + signed_amount + eighth;
}

static __always_inline u32 desk_pick(const struct desk *desk, unsigned int slot)
{
	u32 picked = READ_ONCE(desk->counts[slot & 15]);

	NOTE(desk, slot);
	NOTE(desk, picked);
	return picked;
}

static noinline int desk_check(struct desk *desk, u64 cookie)
{
	desk->counts[cookie & 15] += 2;
	return READ_ONCE(desk->closed) ? -EPIPE : 0;
}

static noinline int desk_advance(struct desk *desk, int by)
{
	desk->counts[0] += by;
	return READ_ONCE(desk->counts[0]) + by;
}

/*
 * Variables that are dead when the wait begins, after they were kept in registers that calls destroy: known by what was
 * tested on the way (`checked`), by being `current`, or not at all (`refused`: both ways go on). `position` was assigned
 * once more, and nothing reads that: its last value is noted by what it must be, the one before as `position__was`.
 */
static noinline long desk_settle(struct desk *desk, u64 cookie)
{
	struct task_struct *self = current;
	int checked, refused, position;

	NOTE(desk, self);
	position = desk_check(desk, 3);
	if (position)
		return -ERANGE;
	write_down(desk, __func__, "position__was", 0);
	checked = desk_check(desk, cookie);
	if (checked)
		return checked;
	NOTE(desk, checked);
	refused = desk_check(desk, cookie + 1);
	NOTE(desk, refused);
	if (refused == -EPIPE)
		desk->counts[3]++;
	write_down(desk, __func__, "position", desk->counts[0] + 4 + 4);
	position = desk_advance(desk, 4);
	return desk_wait(desk, cookie & 0x3f) + (self->flags & 1);
}

/* Nothing is assigned behind what was tested: it stays known. */
static noinline long desk_enter(struct desk *desk, u64 cookie)
{
	struct task_struct *visitor = current;
	long admitted = desk_check(desk, cookie);
	bool counted;

	NOTE(desk, visitor);
	if (admitted)
		return admitted;
	NOTE(desk, admitted);
	counted = desk_check(desk, cookie + 7);
	NOTE(desk, counted);
	if (counted)
		return visitor->flags;
	return desk_settle(desk, cookie) + cookie;
}

/* Which way it went, only its arguments tell; and what was a constant on that way. */
static noinline long desk_route(struct desk *desk, int way, u64 cookie)
{
	volatile int order;
	int rank, tries = 3;

	if (way == -1) {
		rank = 4;
	} else if (way < -1) {
		rank = desk_advance(desk, way);
		tries = desk_advance(desk, rank);
	} else {
		rank = desk->counts[2] & 3;
	}
	order = rank;
	NOTE(desk, rank);
	NOTE(desk, tries);
	desk->counts[1] += tries;
	return desk_enter(desk, cookie) + order;
}

/* Assigned on one way only, and in a loop that leaves nothing of it. */
static noinline long desk_sort(struct desk *desk, unsigned int rounds)
{
	unsigned int round, best = rounds;
	int failed = 0;

	NOTE(desk, rounds);
	for (round = 0; round < rounds; round++) {
		failed = desk_check(desk, round);
		if (failed)
			break;
		if (desk->counts[round & 15] & 1)
			best = desk_advance(desk, round);
	}
	NOTE(desk, round);
	NOTE(desk, best);
	NOTE(desk, failed);
	return desk_route(desk, (int)(desk->number & 1) - 2, desk->number * 3 + 1) + round;
}

/* A loop that is left in the middle; its variables live in registers that callees save, or on the stack. */
static noinline long desk_loop(struct desk *desk, unsigned int from, u64 step)
{
	u64 total = 0;
	unsigned int i;

	NOTE(desk, from);
	NOTE(desk, step);
	for (i = from; i < from + 9; i++) {
		total += desk_pick(desk, i) * step;
		if (i == from + 5) {
			NOTE(desk, i);
			NOTE(desk, total);
			total += desk_file(desk, total ^ 0x5a5a5a5a, -(int)i, (u8)(i * 7), TONE_HIGH, "ledger", step << 3, from * 11, -12);
		}
		cond_resched();
	}
	return total;
}

/* The last call is a jump. */
static noinline long desk_pass(struct desk *desk, s64 amount, bool flag)
{
	NOTE(desk, amount);
	NOTE(desk, flag);
	return desk_loop(desk, (unsigned int)(amount & 7) + flag, (u64)amount + 5);
}

static noinline long desk_serve(struct desk *desk, u16 ticket, const struct pair *pair)
{
	u32 half = ticket / 2;
	struct pair *own = &desk->pair;

	NOTE(desk, ticket);
	NOTE(desk, pair);
	NOTE(desk, half);
	NOTE(desk, own);
	return desk_pass(desk, (s64)pair->first - half, ticket & 1) + own->second + half;
}

static const struct desk_ops ops = { .serve = desk_serve };

/* Through a pointer, with a struct on the stack of the caller. */
static noinline long desk_call(struct desk *desk, struct pair by_value, int retries)
{
	const struct desk_ops *table = desk->ops;
	struct pair local = { .first = by_value.first + 1, .second = by_value.second ^ 1 };
	long status = -ERANGE;

	NOTE(desk, table);
	NOTE(desk, retries);
	while (retries-- > 0 && status < 0) {
		NOTE(desk, status);
		NOTE(desk, retries);
		status = table->serve(desk, (u16)(by_value.second + retries), &local);
	}
	return status + local.second;
}

static int desk_thread(void *data)
{
	struct desk *desk = data;
	struct pair pair = { .first = 1000003ull * (desk->number + 1), .second = 41 + desk->number };
	unsigned int number = desk->number;

	NOTE(desk, data);
	NOTE(desk, desk);
	NOTE(desk, number);
	desk_call(desk, pair, 1 + (number & 1));
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return number;
}

static ssize_t ledger_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	unsigned int i, n;

	for (i = 0; i < THREADS; i++) {
		struct desk *desk = &desks[i];

		desk->number = i;
		desk->ops = &ops;
		init_waitqueue_head(&desk->bell);
		for (n = 0; n < 16; n++)
			desk->counts[n] = 100 * (i + 1) + n;
		kthread_run(desk_thread, desk, "desk_%u", i);
	}
	/* Asleep by then. */
	schedule_timeout_uninterruptible(HZ / 2);
	n = min_t(unsigned int, atomic_read(&noted), NOTES);
	for (i = 0; i < n; i++)
		printk(KERN_INFO "lab: value_%u__%s__%s %llu\n", notes[i].thread, notes[i].function, notes[i].name, notes[i].value);
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
MODULE_DESCRIPTION("Lab case: values known before the crash");
