// SPDX-License-Identifier: GPL-2.0
/*
 * Turnstiles take coins; an audit counts what they took.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define GATES 3

struct coin {
	u32 diameter;
	u32 value;
};

struct turnstile_gate {
	u32 index;
	u32 passages;
	u64 takings;
	u32 returned;
	struct coin last;
};

struct gate_audit {
	u32 number;
	u32 gates;
	u64 sum;
	void (*begin)(struct gate_audit *audit);
	void (*finish)(struct gate_audit *audit, u64 sum);
};

static struct turnstile_gate *gates;
static const struct coin coins[] = { { 16, 1 }, { 19, 2 }, { 21, 5 }, { 24, 10 } };

static noinline u32 coin_value(const struct coin *coin)
{
	int at;

	for (at = 0; at < ARRAY_SIZE(coins); at++)
		if (coins[at].diameter == coin->diameter)
			return coins[at].value;
	WARN_ON_ONCE(coin->diameter > 22);
	return 0;
}

static noinline void gate_insert(struct turnstile_gate *gate, u32 diameter)
{
	gate->last.diameter = diameter;
	gate->last.value = coin_value(&gate->last);
	if (!gate->last.value) {
		gate->returned++;
		return;
	}
	gate->takings += gate->last.value;
	gate->passages++;
}

static void audit_begin(struct gate_audit *audit)
{
	audit->sum = 0;
}

static noinline void audit_close(struct gate_audit *audit)
{
	audit->finish(audit, audit->sum); /* guilty */
	audit->number++;
}

static int audit_thread(void *data)
{
	struct gate_audit *audit = data;
	u32 at;

	ssleep(1);
	audit->begin(audit);
	for (at = 0; at < audit->gates; at++)
		audit->sum += gates[at].takings;
	lab_number("tasks", lab_count_tasks());
	audit_close(audit);
	return 0;
}

static int __init turnstile_init(void)
{
	static const u32 inserted[] = { 16, 24, 21, 23, 19, 16, 24 };
	struct gate_audit *audit;
	u32 at;

	gates = kcalloc(GATES, sizeof(*gates), GFP_KERNEL);
	audit = kzalloc(sizeof(*audit), GFP_KERNEL);
	if (!gates || !audit)
		return -ENOMEM;
	for (at = 0; at < ARRAY_SIZE(inserted); at++) {
		gates[at % GATES].index = at % GATES;
		gate_insert(&gates[at % GATES], inserted[at]);
	}
	audit->gates = GATES;
	audit->begin = audit_begin;
	lab_address("audit", audit);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(audit_thread, audit, "gate-audit"));
}
module_init(turnstile_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("turnstiles");
