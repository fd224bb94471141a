// SPDX-License-Identifier: GPL-2.0
/* A ballroom: tables have a name, a given one or the default; a table that is cleared gives its name back. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct table {
	u32 number;
	u32 seats;
	const char *name;
	u64 guests;
};

static struct table *tables[8];
static DEFINE_MUTEX(hall);
static const char unnamed[] = "table without a name";

static noinline void table_clear(struct table *table)
{
	kfree(table->name); /* guilty */
	table->name = NULL;
	table->guests = 0;
}

static noinline int table_lay(struct table *table, const char *name)
{
	table->name = name ? kstrdup(name, GFP_KERNEL) : unnamed; /* guilty */
	return table->name ? 0 : -ENOMEM;
}

static ssize_t ball_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[40], name[24];
	u32 number;
	int status = -EINVAL, words;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&hall);
	words = sscanf(text, "lay %u %23s", &number, name);
	if (words >= 1 && number < 8) {
		status = table_lay(tables[number], words == 2 ? name : NULL);
	} else if (sscanf(text, "clear %u", &number) == 1 && number < 8) {
		table_clear(tables[number]); /* guilty */
		status = 0;
	}
	mutex_unlock(&hall);
	return status ? status : size;
}

static const struct file_operations ball_fops = { .owner = THIS_MODULE, .write = ball_write };
static struct miscdevice ball_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "ballroom", .fops = &ball_fops };

static int __init ballroom_init(void)
{
	unsigned int at;

	for (at = 0; at < 8; at++) {
		tables[at] = kzalloc(sizeof(*tables[at]), GFP_KERNEL);
		if (!tables[at])
			return -ENOMEM;
		tables[at]->number = at;
		tables[at]->seats = 4 + at % 3;
	}
	lab_address("name", unnamed);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&ball_misc);
}
module_init(ballroom_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("ballroom");
