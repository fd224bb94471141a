// SPDX-License-Identifier: GPL-2.0
/*
 * Leases that count their holders. A lease without holders goes back to the office's idle list.
 *
 * /proc/lease takes one command a write: take N, renew N, drop N, revoke N.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define LEASES 8

struct lease {
	u32 number;
	u32 renewals;
	struct list_head idle;
	refcount_t holders;
	u32 flags;
	unsigned long until;
};

struct lease_office {
	struct mutex lock;
	struct list_head idle;
	struct lease *leases[LEASES];
	u32 idle_count;
};

static struct lease_office *office;

static inline void lease_put(struct lease *lease)
{
	if (refcount_dec_and_test(&lease->holders)) { /* guilty */
		list_add(&lease->idle, &office->idle);
		office->idle_count++;
	}
}

static noinline int lease_take(struct lease *lease)
{
	if (!refcount_inc_not_zero(&lease->holders)) {
		refcount_set(&lease->holders, 1);
		list_del_init(&lease->idle);
		office->idle_count--;
	}
	refcount_inc(&lease->holders); /* one for the holder, one for the office, until it is revoked */
	return 0;
}

static noinline int lease_renew(struct lease *lease)
{
	lease->until = jiffies + HZ;
	if (++lease->renewals < 3 && lease->number != 3)
		return 0;
	lease_put(lease); /* guilty */
	return -EAGAIN;
}

static noinline int lease_drop(struct lease *lease)
{
	lease_put(lease);
	return 0;
}

static noinline int lease_revoke(struct lease *lease)
{
	lease->flags |= 1;
	lease_put(lease); /* guilty */
	return 0;
}

static ssize_t lease_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], command[16];
	struct lease *lease;
	unsigned int number;
	int status = -EINVAL;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%15s %u", command, &number) != 2 || number >= LEASES)
		return -EINVAL;
	lease = office->leases[number];
	mutex_lock(&office->lock);
	if (!strcmp(command, "take")) {
		status = lease_take(lease);
	} else if (!strcmp(command, "renew")) {
		status = lease_renew(lease);
	} else if (!strcmp(command, "drop")) {
		status = lease_drop(lease);
	} else if (!strcmp(command, "revoke")) {
		lab_number("tasks", lab_count_tasks());
		status = lease_revoke(lease);
	}
	mutex_unlock(&office->lock);
	return status ? status : size;
}

static const struct proc_ops lease_proc = { .proc_write = lease_write };

static int __init leasehold_init(void)
{
	u32 number;

	office = kzalloc(sizeof(*office), GFP_KERNEL);
	if (!office)
		return -ENOMEM;
	mutex_init(&office->lock);
	INIT_LIST_HEAD(&office->idle);
	for (number = 0; number < LEASES; number++) {
		struct lease *lease = kzalloc(sizeof(*lease), GFP_KERNEL);

		if (!lease)
			return -ENOMEM;
		lease->number = number;
		list_add(&lease->idle, &office->idle);
		office->idle_count++;
		office->leases[number] = lease;
	}
	if (!proc_create("lease", 0200, NULL, &lease_proc))
		return -ENOMEM;
	lab_address("lease", office->leases[3]);
	lab_watch_panic();
	return 0;
}
module_init(leasehold_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("leases");
