// SPDX-License-Identifier: GPL-2.0
/*
 * Ports that docks are attached to. A port's bay is made when its dock is attached, in the power domain of the port.
 */
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define PORTS 4

struct dock_domain {
	char name[16];
	u32 users;
};

struct dock_bay {
	u64 transferred;
	struct dock_domain *domain;
	u32 slots;
	u32 slots_used;
};

struct dock_port {
	u32 index;
	bool attached;
	struct dock_domain *domain;
	struct dock_bay *bay;
	struct delayed_work transfer;
	spinlock_t lock;
};

static struct dock_port *ports;
static struct dock_domain domain = { .name = "dock-main" };

static inline bool bay_has_room(const struct dock_bay *bay)
{
	return bay->slots_used < bay->slots; /* guilty */
}

static noinline int dock_transfer(struct dock_port *port)
{
	int status = -ENOSPC;

	spin_lock(&port->lock);
	if (bay_has_room(port->bay)) { /* guilty */
		port->bay->slots_used++;
		status = 0;
	}
	spin_unlock(&port->lock);
	return status;
}

static void transfer_work(struct work_struct *work)
{
	struct dock_port *port = container_of(to_delayed_work(work), struct dock_port, transfer);

	if (port->index == PORTS - 1)
		lab_number("tasks", lab_count_tasks());
	dock_transfer(port);
}

static noinline int dock_attach(struct dock_port *port)
{
	port->attached = true;
	if (WARN_ON(!port->domain)) /* guilty */
		return -EPROBE_DEFER;
	port->bay = kzalloc(sizeof(*port->bay), GFP_KERNEL);
	if (!port->bay)
		return -ENOMEM;
	port->bay->slots = 8;
	port->bay->domain = port->domain;
	port->domain->users++;
	return 0;
}

static int __init dockport_init(void)
{
	u32 index;

	ports = kcalloc(PORTS, sizeof(*ports), GFP_KERNEL);
	if (!ports)
		return -ENOMEM;
	for (index = 0; index < PORTS; index++) {
		ports[index].index = index;
		ports[index].domain = index == PORTS - 1 ? NULL : &domain;
		spin_lock_init(&ports[index].lock);
		INIT_DELAYED_WORK(&ports[index].transfer, transfer_work);
		if (dock_attach(&ports[index]))
			pr_notice("dockport: port %u comes up later\n", index);
	}
	lab_address("port", &ports[PORTS - 1]);
	lab_watch_panic();
	for (index = 0; index < PORTS; index++)
		schedule_delayed_work(&ports[index].transfer, HZ / 4 + 2 * HZ * (index == PORTS - 1));
	return 0;
}
module_init(dockport_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("dock ports");
