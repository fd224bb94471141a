// SPDX-License-Identifier: GPL-2.0
/*
 * A waiting room: visitors are called in turn by a clerk, and give up when their patience ends.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define VISITORS 6

struct room;

struct visitor {
	u32 ticket;
	u32 patience;
	struct room *room;
	struct list_head node;
	struct delayed_work give_up;
	unsigned long came;
};

struct room {
	spinlock_t lock;
	struct list_head waiting;
	struct task_struct *clerk;
	u32 present;
	u32 called;
	struct visitor *served[VISITORS];
};

static struct room room;

static noinline void visitor_leave(struct visitor *visitor)
{
	spin_lock(&visitor->room->lock);
	list_del(&visitor->node); /* guilty */
	visitor->room->present--;
	spin_unlock(&visitor->room->lock);
}

static void room_give_up(struct work_struct *work)
{
	struct visitor *visitor = container_of(to_delayed_work(work), struct visitor, give_up);

	if (visitor->ticket == 2)
		lab_number("tasks", lab_count_tasks());
	visitor_leave(visitor); /* guilty */
}

static noinline bool room_call(struct room *in)
{
	struct visitor *visitor = list_first_entry_or_null(&in->waiting, struct visitor, node);

	if (!visitor)
		return false;
	visitor_leave(visitor); /* guilty */
	in->served[in->called++] = visitor;
	return true;
}

static int clerk_thread(void *data)
{
	struct room *own = data;

	while (!kthread_should_stop()) {
		if (own->called < 4)
			room_call(own);
		msleep(30);
	}
	return 0;
}

static int __init waitroom_init(void)
{
	u32 ticket;

	spin_lock_init(&room.lock);
	INIT_LIST_HEAD(&room.waiting);
	for (ticket = 1; ticket <= VISITORS; ticket++) {
		struct visitor *visitor = kzalloc(sizeof(*visitor), GFP_KERNEL);

		if (!visitor)
			return -ENOMEM;
		visitor->ticket = ticket;
		visitor->room = &room;
		visitor->patience = ticket == 2 ? HZ / 5 : 3600 * HZ;
		visitor->came = jiffies;
		INIT_DELAYED_WORK(&visitor->give_up, room_give_up);
		list_add_tail(&visitor->node, &room.waiting);
		room.present++;
		queue_delayed_work(system_wq, &visitor->give_up, visitor->patience);
		if (ticket == 2)
			lab_address("visitor", visitor);
	}
	lab_watch_panic();
	room.clerk = kthread_run(clerk_thread, &room, "clerk");
	return PTR_ERR_OR_ZERO(room.clerk);
}
module_init(waitroom_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("waiting room");
