// SPDX-License-Identifier: GPL-2.0
/* A signal box: routes hashed by their number; one that times out is taken off, one that is released too. */
#include <linux/hashtable.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct route {
	u32 number;
	u32 state;
	struct hlist_node node;
	struct delayed_work expire;
	char from[16], to[16];
};

static DEFINE_HASHTABLE(routes, 5);
static DEFINE_SPINLOCK(routes_lock);
static struct route *recent[8];

static inline void route_unhash(struct route *route)
{
	hlist_del(&route->node); /* guilty */
}

static void route_expire(struct work_struct *work)
{
	struct route *route = container_of(work, struct route, expire.work);

	spin_lock(&routes_lock);
	if (route->state < 3)
		route_unhash(route); /* guilty */
	spin_unlock(&routes_lock);
}

static noinline int route_set(u32 number)
{
	struct route *route = kzalloc(sizeof(*route), GFP_KERNEL);

	if (!route)
		return -ENOMEM;
	route->number = number;
	snprintf(route->from, sizeof(route->from), "track %u", number);
	snprintf(route->to, sizeof(route->to), "line %u", number % 3);
	INIT_DELAYED_WORK(&route->expire, route_expire);
	spin_lock(&routes_lock);
	hash_add(routes, &route->node, number);
	recent[number % 8] = route;
	spin_unlock(&routes_lock);
	schedule_delayed_work(&route->expire, HZ / 2);
	return 0;
}

static noinline int route_release(u32 number)
{
	struct route *route;

	spin_lock(&routes_lock);
	route = recent[number % 8];
	if (!route || route->number != number) {
		spin_unlock(&routes_lock);
		return -ENOENT;
	}
	recent[number % 8] = NULL;
	route->state = 3;
	route_unhash(route); /* guilty */
	spin_unlock(&routes_lock);
	cancel_delayed_work_sync(&route->expire);
	kfree(route);
	return 0;
}

static ssize_t box_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 number;
	int status = -EINVAL;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "set %u", &number) == 1)
		status = route_set(number);
	else if (sscanf(text, "release %u", &number) == 1)
		status = route_release(number);
	return status ? status : size;
}

static const struct file_operations box_fops = { .owner = THIS_MODULE, .write = box_write };
static struct miscdevice box_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "signalbox", .fops = &box_fops };

static int __init signalbox_init(void)
{
	lab_address("routes", routes);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&box_misc);
}
module_init(signalbox_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("signal box");
