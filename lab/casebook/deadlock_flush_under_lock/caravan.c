// SPDX-License-Identifier: GPL-2.0
/*
 * A work item is waited for with a mutex held that the work item wants. A caravan's stages are recorded by work items
 * under the route's lock; whoever closes the route takes that lock, and then waits until the last record is written.
 *
 * /proc/caravan: "stage KM" records, "close" closes the route and opens it again.
 */
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct stage {
	struct list_head link;
	u32 kilometres;
	u32 day;
};

struct route {
	char name[16];
	u32 days;
	u32 closures;
	struct list_head stages;
	struct mutex ledger;
	struct work_struct record;
	u32 pending;
};

static struct route *route;
static struct workqueue_struct *scribes;

static noinline void stage_write(struct route *owner, u32 kilometres)
{
	struct stage *stage = kzalloc(sizeof(*stage), GFP_KERNEL);

	if (!stage)
		return;
	stage->kilometres = kilometres;
	stage->day = owner->days++;
	list_add_tail(&stage->link, &owner->stages);
}

static void route_record(struct work_struct *work)
{
	struct route *owner = container_of(work, struct route, record);

	msleep(40); /* the ink dries */
	mutex_lock(&owner->ledger); /* guilty */
	stage_write(owner, owner->pending);
	mutex_unlock(&owner->ledger);
}

static inline void route_settle(struct route *owner)
{
	flush_work(&owner->record); /* guilty */
}

static noinline void route_close(struct route *owner)
{
	mutex_lock(&owner->ledger);
	route_settle(owner); /* guilty */
	owner->closures++;
	owner->days = 0;
	mutex_unlock(&owner->ledger);
}

static noinline void route_stage(struct route *owner, u32 kilometres)
{
	owner->pending = kilometres;
	queue_work(scribes, &owner->record);
}

static ssize_t caravan_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24], verb[8];
	u32 kilometres = 0;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u", verb, &kilometres) < 1)
		return -EINVAL;
	if (!strcmp(verb, "close"))
		route_close(route);
	else
		route_stage(route, kilometres);
	return size;
}

static const struct proc_ops caravan_operations = { .proc_write = caravan_write };

static int __init caravan_init(void)
{
	route = kzalloc(sizeof(*route), GFP_KERNEL);
	scribes = alloc_workqueue("caravan", WQ_UNBOUND, 2);
	if (!route || !scribes)
		return -ENOMEM;
	strscpy(route->name, "salt road", sizeof(route->name));
	INIT_LIST_HEAD(&route->stages);
	mutex_init(&route->ledger);
	INIT_WORK(&route->record, route_record);
	lab_address("route", route);
	lab_number("ledger_offset", offsetof(struct route, ledger));
	lab_number("record_offset", offsetof(struct route, record));
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return proc_create("caravan", 0200, NULL, &caravan_operations) ? 0 : -ENOMEM;
}
module_init(caravan_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: stages of a caravan");
