// SPDX-License-Identifier: GPL-2.0
/*
 * A bank of relays, switched in turn by a work item.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define COILS 6

struct relay_coil {
	u32 number;
	u32 rating;
	u64 switched;
	u32 state;
	u32 resistance;
};

struct relay_bank {
	struct relay_coil *coils[COILS];
	struct delayed_work work;
	u32 next;
	u32 on;
};

static struct relay_bank *bank;

static noinline struct relay_coil *coil_lookup(struct relay_bank *in, u32 number)
{
	if (number >= COILS || !in->coils[number])
		return ERR_PTR(-ENOENT); /* guilty */
	return in->coils[number];
}

static inline bool coil_is_on(const struct relay_coil *coil)
{
	return READ_ONCE(coil->state) == 1; /* guilty */
}

static noinline void relay_switch(struct relay_bank *in, u32 number)
{
	struct relay_coil *coil = coil_lookup(in, number);

	if (coil && !coil_is_on(coil)) { /* guilty */
		coil->state = 1;
		coil->switched++;
		in->on++;
	}
}

static void relay_work(struct work_struct *work)
{
	struct relay_bank *own = container_of(to_delayed_work(work), struct relay_bank, work);
	u32 number = own->next++;

	if (number == 4)
		lab_number("tasks", lab_count_tasks());
	relay_switch(own, number);
	schedule_delayed_work(&own->work, HZ / 50);
}

static int __init relaybank_init(void)
{
	u32 number;

	bank = kzalloc(sizeof(*bank), GFP_KERNEL);
	if (!bank)
		return -ENOMEM;
	INIT_DELAYED_WORK(&bank->work, relay_work);
	for (number = 0; number < COILS; number++) {
		if (number == 4)
			continue; /* not fitted */
		bank->coils[number] = kzalloc(sizeof(struct relay_coil), GFP_KERNEL);
		if (!bank->coils[number])
			return -ENOMEM;
		bank->coils[number]->number = number;
	}
	lab_number("errno", ENOENT);
	lab_watch_panic();
	schedule_delayed_work(&bank->work, HZ / 50);
	return 0;
}
module_init(relaybank_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("relay bank");
