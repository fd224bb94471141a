// SPDX-License-Identifier: GPL-2.0
/*
 * A cache that only grows. A switchboard keeps a record of every call while it lasts. When a call ends its record goes
 * back to its cache, but for those that were forwarded: their record leaves the table and is then forgotten.
 */
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../../cases/lab_truth.h"

#define LINES 64
#define CALL_FORWARDED 0x2

struct call_leg {
	u32 exchange;
	u32 number;
	char digits[24];
};

struct call {
	struct hlist_node link;
	u32 id;
	u32 flags;
	struct call_leg from;
	struct call_leg to;
	unsigned long started;
	u8 tone[640];
};

struct switchboard {
	spinlock_t lock;
	u32 next;
	u32 connected;
	u64 ended;
	struct kmem_cache *calls;
	DECLARE_HASHTABLE(lines, 6);
};

static struct switchboard *board;

static void call_prepare(void *object)
{
	struct call *call = object;

	memset(call, 0, sizeof(*call));
	INIT_HLIST_NODE(&call->link);
}

static inline void leg_dial(struct call_leg *leg, u32 number)
{
	leg->exchange = number / 1000;
	leg->number = number;
	snprintf(leg->digits, sizeof(leg->digits), "%u", number);
}

static noinline struct call *call_connect(struct switchboard *owner, u32 from, u32 to)
{
	struct call *call = kmem_cache_alloc(owner->calls, GFP_KERNEL); /* guilty */

	if (!call)
		return NULL;
	leg_dial(&call->from, from);
	leg_dial(&call->to, to);
	call->started = jiffies;
	call->flags = to % 3 ? 0 : CALL_FORWARDED;
	spin_lock(&owner->lock);
	call->id = owner->next++;
	owner->connected++;
	hash_add(owner->lines, &call->link, call->id);
	spin_unlock(&owner->lock);
	return call;
}

static noinline void call_disconnect(struct switchboard *owner, struct call *call)
{
	spin_lock(&owner->lock);
	hash_del(&call->link);
	owner->connected--;
	owner->ended++;
	spin_unlock(&owner->lock);
	if (call->flags & CALL_FORWARDED)
		return; /* guilty */
	kmem_cache_free(owner->calls, call);
}

static noinline void board_round(struct switchboard *owner, u32 round)
{
	struct call *calls[LINES];
	int line;

	for (line = 0; line < LINES; line++)
		calls[line] = call_connect(owner, 5000 + line, 7000 + round + line);
	for (line = 0; line < LINES; line++)
		if (calls[line])
			call_disconnect(owner, calls[line]);
}

static int exchange_run(void *data)
{
	u32 round = 0;

	while (!kthread_should_stop()) {
		board_round(data, round++);
		if (round % 32 == 0)
			msleep(10);
		cond_resched();
	}
	return 0;
}

static int __init switchboard_init(void)
{
	struct task_struct *exchange;

	board = kzalloc(sizeof(*board), GFP_KERNEL);
	if (!board)
		return -ENOMEM;
	spin_lock_init(&board->lock);
	hash_init(board->lines);
	board->calls = kmem_cache_create("board_call", sizeof(struct call), 0, 0, call_prepare);
	if (!board->calls)
		return -ENOMEM;
	lab_address("board", board);
	lab_address("cache", board->calls);
	lab_number("object_bytes", sizeof(struct call));
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks() + 1);
	exchange = kthread_run(exchange_run, board, "exchange");
	return PTR_ERR_OR_ZERO(exchange);
}
module_init(switchboard_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: calls of a switchboard");
