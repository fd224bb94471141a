// SPDX-License-Identifier: GPL-2.0
/* Probes of a greenhouse, kept in a tree by their serial number; a timer sums them up, a task retires old ones. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "../../cases/lab_truth.h"

struct gh_probe {
	u64 serial;
	u32 kind;
	s32 reading;
	s32 history[18];
	struct rb_node where;
	char label[32];
};

struct greenhouse {
	spinlock_t guard;
	struct rb_root probes;
	struct timer_list tick;
	u32 rounds;
	s64 total;
	u32 count;
};

static struct greenhouse house;

static void gh_plant(struct greenhouse *own, struct gh_probe *probe)
{
	struct rb_node **at = &own->probes.rb_node, *up = NULL;

	while (*at) {
		up = *at;
		at = probe->serial < rb_entry(up, struct gh_probe, where)->serial ? &up->rb_left : &up->rb_right;
	}
	rb_link_node(&probe->where, up, at);
	rb_insert_color(&probe->where, &own->probes);
	own->count++;
}

static noinline s64 gh_sum(struct greenhouse *own)
{
	struct rb_node *node;
	s64 sum = 0;

	for (node = rb_first(&own->probes); node; node = rb_next(node)) {
		struct gh_probe *probe = rb_entry(node, struct gh_probe, where);

		probe->history[own->rounds % 18] = probe->reading;
		sum += probe->reading;
	}
	return sum;
}

static void gh_tick(struct timer_list *timer)
{
	struct greenhouse *own = from_timer(own, timer, tick);

	spin_lock(&own->guard);
	own->total += gh_sum(own);
	own->rounds++;
	spin_unlock(&own->guard);
	mod_timer(&own->tick, jiffies + msecs_to_jiffies(40));
}

static noinline void gh_retire(struct greenhouse *own, struct gh_probe *probe)
{
	spin_lock_bh(&own->guard);
	own->count--;
	spin_unlock_bh(&own->guard);
	kfree(probe); /* guilty */
}

static int gh_keeper(void *data)
{
	struct greenhouse *own = data;
	struct rb_node *node;

	msleep(300);
	spin_lock_bh(&own->guard);
	node = own->probes.rb_node;
	spin_unlock_bh(&own->guard);
	lab_address("probe", rb_entry(node, struct gh_probe, where));
	lab_number("tasks", lab_count_tasks());
	gh_retire(own, rb_entry(node, struct gh_probe, where));
	while (!kthread_should_stop())
		msleep(500);
	return 0;
}

static int __init greenhouse_init(void)
{
	u64 serial;

	spin_lock_init(&house.guard);
	house.probes = RB_ROOT;
	for (serial = 1; serial <= 15; serial++) {
		struct gh_probe *probe = kzalloc(sizeof(*probe), GFP_KERNEL);

		if (!probe)
			return -ENOMEM;
		probe->serial = serial * 100;
		probe->kind = 1 + serial % 3;
		probe->reading = 20 + serial;
		snprintf(probe->label, sizeof(probe->label), "bed%llu", serial);
		gh_plant(&house, probe);
	}
	lab_number("right_offset", offsetof(struct gh_probe, where.rb_right));
	lab_watch_panic();
	timer_setup(&house.tick, gh_tick, 0);
	mod_timer(&house.tick, jiffies + msecs_to_jiffies(40));
	return PTR_ERR_OR_ZERO(kthread_run(gh_keeper, &house, "gh-keeper"));
}
module_init(greenhouse_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("greenhouse");
