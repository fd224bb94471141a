// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that calls panic(). A reservoir's sluices may not be open on both sides at once. The keeper checks that
 * whenever a sluice has moved and stops the machine when it does not hold; the fault lies in a drill, which opens the
 * lower side without asking for the state of the upper one.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define SLUICES 3

enum gate_state { GATE_SHUT, GATE_OPEN, GATE_MOVING };

struct gate {
	enum gate_state state;
	unsigned int travel;
};

struct sluice {
	struct list_head link;
	u32 number;
	struct gate upper;
	struct gate lower;
	unsigned long cycles;
};

struct reservoir {
	char name[16];
	struct mutex control;
	struct list_head sluices;
	s32 level;
	unsigned int alarms;
};

static struct reservoir *reservoir;

static inline void gate_move(struct gate *gate, enum gate_state state)
{
	gate->state = state;
	gate->travel++;
}

static noinline void sluice_verify(struct reservoir *owner, struct sluice *sluice)
{
	if (sluice->upper.state == GATE_OPEN && sluice->lower.state == GATE_OPEN) {
		owner->alarms++;
		panic("%s: sluice %u open at both ends, level %d", owner->name, sluice->number, owner->level); /* guilty */
	}
}

static noinline void sluice_fill(struct reservoir *owner, struct sluice *sluice)
{
	gate_move(&sluice->lower, GATE_SHUT);
	gate_move(&sluice->upper, GATE_OPEN);
	owner->level -= 2;
	sluice_verify(owner, sluice);
	sluice->cycles++;
}

static noinline void sluice_empty(struct reservoir *owner, struct sluice *sluice)
{
	gate_move(&sluice->upper, GATE_SHUT);
	gate_move(&sluice->lower, GATE_OPEN);
	owner->level++;
	sluice_verify(owner, sluice);
}

static noinline void sluice_drill(struct reservoir *owner, struct sluice *sluice)
{
	gate_move(&sluice->lower, GATE_OPEN); /* guilty */
	sluice_verify(owner, sluice); /* guilty */
	gate_move(&sluice->lower, GATE_SHUT);
}

static noinline void reservoir_round(struct reservoir *owner, unsigned int round)
{
	struct sluice *sluice;

	mutex_lock(&owner->control);
	list_for_each_entry(sluice, &owner->sluices, link) {
		if (round == 9 && sluice->number == 1) {
			lab_number("tasks", lab_count_tasks());
			sluice_drill(owner, sluice);
		}
		if ((round + sluice->number) % 2)
			sluice_fill(owner, sluice);
		else
			sluice_empty(owner, sluice);
	}
	mutex_unlock(&owner->control);
}

static int keeper_run(void *data)
{
	unsigned int round = 0;

	while (!kthread_should_stop()) {
		reservoir_round(data, round++);
		msleep(30);
	}
	return 0;
}

static int __init reservoir_init(void)
{
	struct task_struct *keeper;
	struct sluice *sluice;
	u32 number;

	reservoir = kzalloc(sizeof(*reservoir), GFP_KERNEL);
	if (!reservoir)
		return -ENOMEM;
	strscpy(reservoir->name, "upper lake", sizeof(reservoir->name));
	mutex_init(&reservoir->control);
	INIT_LIST_HEAD(&reservoir->sluices);
	reservoir->level = 100;
	for (number = 0; number < SLUICES; number++) {
		sluice = kzalloc(sizeof(*sluice), GFP_KERNEL);
		if (!sluice)
			return -ENOMEM;
		sluice->number = number;
		list_add_tail(&sluice->link, &reservoir->sluices);
		if (number == 1)
			lab_address("sluice", sluice);
	}
	lab_address("reservoir", reservoir);
	lab_watch_panic();
	keeper = kthread_run(keeper_run, reservoir, "keeper");
	return PTR_ERR_OR_ZERO(keeper);
}
module_init(reservoir_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: sluices of a reservoir");
