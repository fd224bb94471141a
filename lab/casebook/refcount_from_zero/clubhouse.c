// SPDX-License-Identifier: GPL-2.0
/*
 * A club's members, counted by their visits; one without any is struck off at the next opportunity.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct club_member {
	struct list_head node;
	u32 number;
	u32 dues;
	refcount_t visits;
	u64 joined;
};

struct club {
	spinlock_t lock;
	struct list_head members;
	struct work_struct strike_off;
	struct delayed_work leave;
	struct club_member *leaver;
};

static struct club *club;

static void club_strike_off(struct work_struct *work)
{
	struct club *own = container_of(work, struct club, strike_off);
	struct club_member *member, *next;

	spin_lock(&own->lock);
	list_for_each_entry_safe(member, next, &own->members, node)
		if (!refcount_read(&member->visits))
			list_del(&member->node);
	spin_unlock(&own->lock);
}

static inline void member_get(struct club_member *member)
{
	refcount_inc(&member->visits); /* guilty */
}

static noinline void member_put(struct club_member *member)
{
	if (refcount_dec_and_test(&member->visits)) /* guilty */
		member->dues = 0;
}

static noinline struct club_member *club_lookup(struct club *in, u32 number)
{
	struct club_member *member, *found = NULL;

	spin_lock(&in->lock);
	list_for_each_entry(member, &in->members, node) {
		if (member->number != number)
			continue;
		member_get(member); /* guilty */
		found = member;
		break;
	}
	spin_unlock(&in->lock);
	return found;
}

static void member_leave(struct work_struct *work)
{
	struct club *own = container_of(to_delayed_work(work), struct club, leave);

	member_put(own->leaver);
}

static int porter_thread(void *data)
{
	struct club *own = data;
	struct club_member *member;
	u32 round;

	for (round = 0; round < 12; round++) {
		if (round == 11)
			lab_number("tasks", lab_count_tasks());
		member = club_lookup(own, round < 11 ? 1 + round % 3 : 4);
		if (member)
			member_put(member);
		msleep(20);
	}
	schedule_work(&own->strike_off);
	return 0;
}

static int __init clubhouse_init(void)
{
	u32 number;

	club = kzalloc(sizeof(*club), GFP_KERNEL);
	if (!club)
		return -ENOMEM;
	spin_lock_init(&club->lock);
	INIT_LIST_HEAD(&club->members);
	INIT_WORK(&club->strike_off, club_strike_off);
	INIT_DELAYED_WORK(&club->leave, member_leave);
	for (number = 1; number <= 5; number++) {
		struct club_member *member = kzalloc(sizeof(*member), GFP_KERNEL);

		if (!member)
			return -ENOMEM;
		member->number = number;
		refcount_set(&member->visits, 1);
		list_add_tail(&member->node, &club->members);
		if (number == 4)
			club->leaver = member;
	}
	lab_address("member", club->leaver);
	lab_watch_panic();
	schedule_delayed_work(&club->leave, HZ / 20);
	return PTR_ERR_OR_ZERO(kthread_run(porter_thread, club, "porter"));
}
module_init(clubhouse_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("club house");
