// SPDX-License-Identifier: GPL-2.0
/* Fans, each fed by a rail that is looked up when the fan is added; a timer spins them up much later. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct fan_rail {
	u32 millivolts;
	u32 loads;
	char name[16];
	u64 switched;
};

struct fan_ops;

struct fan {
	struct list_head link;
	char rail_name[16];
	u32 duty;
	u32 spins;
	struct fan_rail *rail;
};

struct fan_bank {
	spinlock_t lock;
	struct list_head fans;
	struct timer_list spinup;
};

static struct fan_rail rails[] = { { 12000, 0, "main12" }, { 5000, 0, "aux5" }, { 3300, 0, "stby3" } };
static struct fan_bank bank;

static noinline struct fan_rail *rail_get(const char *name)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(rails); at++)
		if (!strcmp(rails[at].name, name))
			return &rails[at];
	return ERR_PTR(-EPROBE_DEFER);
}

static noinline int fan_add(struct fan_bank *own, const char *rail)
{
	struct fan *fan = kzalloc(sizeof(*fan), GFP_KERNEL);

	if (!fan)
		return -ENOMEM;
	strscpy(fan->rail_name, rail, sizeof(fan->rail_name));
	fan->duty = 40;
	fan->rail = rail_get(rail); /* guilty */
	if (!fan->rail) {
		kfree(fan);
		return -ENODEV;
	}
	lab_address("fan", fan);
	spin_lock_bh(&own->lock);
	list_add_tail(&fan->link, &own->fans);
	spin_unlock_bh(&own->lock);
	return 0;
}

static inline u32 rail_load(struct fan_rail *rail, u32 duty)
{
	rail->loads += duty; /* guilty */
	return rail->millivolts;
}

static void bank_spinup(struct timer_list *timer)
{
	struct fan_bank *own = from_timer(own, timer, spinup);
	struct fan *fan;

	spin_lock(&own->lock);
	list_for_each_entry(fan, &own->fans, link)
		fan->spins += rail_load(fan->rail, fan->duty) / 100;
	spin_unlock(&own->lock);
	mod_timer(&own->spinup, jiffies + HZ);
}

static ssize_t fan_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[16];
	int status;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size - 1] = 0;
	status = fan_add(&bank, text);
	return status ? status : size;
}

static const struct proc_ops fan_proc = { .proc_write = fan_write };

static int __init fanctl_init(void)
{
	spin_lock_init(&bank.lock);
	INIT_LIST_HEAD(&bank.fans);
	timer_setup(&bank.spinup, bank_spinup, 0);
	mod_timer(&bank.spinup, jiffies + 2 * HZ);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return proc_create("fanctl", 0200, NULL, &fan_proc) ? 0 : -ENOMEM;
}
module_init(fanctl_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("fan control");
