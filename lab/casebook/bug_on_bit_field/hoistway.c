// SPDX-License-Identifier: GPL-2.0
/* An elevator's state machine, driven by a work; buttons set what it is to do. */
#include <linux/kthread.h>
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

enum lift_state { LIFT_IDLE, LIFT_RISING, LIFT_SINKING, LIFT_DOORS };

struct lift_cabin {
	u32 floor;
	u32 wanted;
	u8 load;
	enum lift_state state : 4;
	u8 bell : 1;
	u64 moves;
};

struct lift {
	struct lift_cabin cabins[4];
	struct delayed_work step;
	u32 presses;
};

static struct lift *lift;

static noinline void cabin_step(struct lift_cabin *cabin)
{
	switch (cabin->state) {
	case LIFT_IDLE:
		if (cabin->wanted != cabin->floor)
			cabin->state = cabin->wanted > cabin->floor ? LIFT_RISING : LIFT_SINKING;
		break;
	case LIFT_RISING:
		cabin->floor++;
		cabin->state = cabin->floor == cabin->wanted ? LIFT_DOORS : LIFT_RISING;
		break;
	case LIFT_SINKING:
		cabin->floor--;
		cabin->state = cabin->floor == cabin->wanted ? LIFT_DOORS : LIFT_SINKING;
		break;
	case LIFT_DOORS:
		cabin->bell = 1;
		cabin->state = LIFT_IDLE;
		break;
	default:
		BUG();
	}
	cabin->moves++;
}

static void lift_step(struct work_struct *work)
{
	struct lift *own = container_of(to_delayed_work(work), struct lift, step);
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(own->cabins); at++)
		cabin_step(&own->cabins[at]);
	queue_delayed_work(system_wq, &own->step, msecs_to_jiffies(10));
}

/* What a panel sends: the floor in the low bits, the state to begin with above. */
static noinline void lift_press(struct lift *own, u16 code)
{
	struct lift_cabin *cabin = &own->cabins[code & 3];

	own->presses++;
	cabin->wanted = code >> 2 & 15;
	cabin->state = code >> 6; /* guilty */
}

static int panel_thread(void *data)
{
	static const u16 codes[] = { 0x0025, 0x0012, 0x000b, 0x0016, 0x0161, 0x0002 };
	unsigned int at;

	for (at = 0; ; at++) {
		if (at == 4)
			lab_number("tasks", lab_count_tasks());
		lift_press(data, codes[at % ARRAY_SIZE(codes)]);
		msleep(200);
	}
	return 0;
}

static int __init elevator_init(void)
{
	lift = kzalloc(sizeof(*lift), GFP_KERNEL);
	if (!lift)
		return -ENOMEM;
	INIT_DELAYED_WORK(&lift->step, lift_step);
	lab_address("lift", lift);
	lab_watch_panic();
	queue_delayed_work(system_wq, &lift->step, 1);
	return PTR_ERR_OR_ZERO(kthread_run(panel_thread, lift, "lift-panel"));
}
module_init(elevator_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("elevator");
