// SPDX-License-Identifier: GPL-2.0
/* Sluices: made at load from a table, and later over /dev/sluice from a template; waiters sleep until the gate is up. */
#include <linux/list.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "../../cases/lab_truth.h"

struct sluice {
	struct list_head link;
	u32 number;
	u32 raised;
	u64 moved;
	wait_queue_head_t up;
	char river[24];
};

static LIST_HEAD(sluices);
static DEFINE_MUTEX(sluices_lock);

static struct sluice *sluice_find(u32 number)
{
	struct sluice *sluice;

	list_for_each_entry(sluice, &sluices, link)
		if (sluice->number == number)
			return sluice;
	return NULL;
}

static noinline int sluice_make(u32 number, const char *river)
{
	struct sluice *sluice = kzalloc(sizeof(*sluice), GFP_KERNEL);

	if (!sluice)
		return -ENOMEM;
	sluice->number = number;
	strscpy(sluice->river, river, sizeof(sluice->river));
	init_waitqueue_head(&sluice->up);
	list_add_tail(&sluice->link, &sluices);
	return 0;
}

static noinline int sluice_copy(const struct sluice *from, u32 number)
{
	struct sluice *sluice = kzalloc(sizeof(*sluice), GFP_KERNEL); /* guilty */

	if (!sluice)
		return -ENOMEM;
	sluice->number = number;
	sluice->raised = from->raised;
	memcpy(sluice->river, from->river, sizeof(sluice->river));
	lab_address("sluice", sluice);
	list_add_tail(&sluice->link, &sluices);
	return 0;
}

static inline void sluice_tell(struct sluice *sluice)
{
	wake_up_interruptible(&sluice->up); /* guilty */
}

static noinline int sluice_raise(struct sluice *sluice)
{
	sluice->raised = 1;
	sluice->moved = jiffies;
	sluice_tell(sluice);
	return 0;
}

static ssize_t sluice_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	struct sluice *sluice;
	char text[24];
	u32 number, from;
	int status = -EINVAL;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&sluices_lock);
	if (sscanf(text, "copy %u %u", &from, &number) == 2) {
		sluice = sluice_find(from);
		status = sluice ? sluice_copy(sluice, number) : -ENOENT;
	} else if (sscanf(text, "raise %u", &number) == 1) {
		sluice = sluice_find(number);
		status = sluice ? sluice_raise(sluice) : -ENOENT;
	}
	mutex_unlock(&sluices_lock);
	return status ? status : size;
}

static const struct file_operations sluice_fops = { .owner = THIS_MODULE, .write = sluice_write };
static struct miscdevice sluice_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "sluice", .fops = &sluice_fops };

static int __init sluice_init(void)
{
	if (sluice_make(1, "Oker") || sluice_make(2, "Aller"))
		return -ENOMEM;
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&sluice_misc);
}
module_init(sluice_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("sluices");
