// SPDX-License-Identifier: GPL-2.0
/* Canal locks: two basins with a spinlock each; water goes down in a kernel thread, boats go up in a write to /dev/canal. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct basin {
	spinlock_t gate;
	u32 number;
	s64 water;
	u32 boats;
	u32 moves;
};

static struct basin *basins[4];

static inline void basin_flow(struct basin *from, struct basin *to, s64 amount)
{
	from->water -= amount;
	to->water += amount;
}

static noinline void canal_drain(struct basin *upper, struct basin *lower)
{
	spin_lock(&upper->gate);
	udelay(300);
	spin_lock(&lower->gate); /* guilty */
	basin_flow(upper, lower, 12);
	spin_unlock(&lower->gate);
	spin_unlock(&upper->gate);
}

static noinline void canal_lift(struct basin *lower, struct basin *upper)
{
	spin_lock(&lower->gate);
	lower->boats--;
	udelay(300);
	spin_lock(&upper->gate); /* guilty */
	upper->boats++;
	upper->moves++;
	spin_unlock(&upper->gate);
	spin_unlock(&lower->gate);
}

static int canal_warden(void *data)
{
	while (!kthread_should_stop()) {
		canal_drain(basins[2], basins[1]);
		usleep_range(300, 900);
	}
	return 0;
}

static ssize_t canal_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 lower, upper;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "lift %u %u", &lower, &upper) != 2 || lower > 3 || upper > 3 || lower == upper)
		return -EINVAL;
	canal_lift(basins[lower], basins[upper]);
	return size;
}

static const struct file_operations canal_fops = { .owner = THIS_MODULE, .write = canal_write };
static struct miscdevice canal_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "canal", .fops = &canal_fops };

static int __init canal_init(void)
{
	struct task_struct *warden;
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(basins); at++) {
		basins[at] = kzalloc(sizeof(*basins[at]), GFP_KERNEL);
		if (!basins[at])
			return -ENOMEM;
		spin_lock_init(&basins[at]->gate);
		basins[at]->number = at;
		basins[at]->boats = 100000;
		lab_address("basin", basins[at]);
	}
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	warden = kthread_create(canal_warden, NULL, "canal-warden");
	if (IS_ERR(warden))
		return PTR_ERR(warden);
	kthread_bind(warden, 0);
	wake_up_process(warden);
	return misc_register(&canal_misc);
}
module_init(canal_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("canal locks");
