// SPDX-License-Identifier: GPL-2.0
/* A choir: singers have a name and some a stage name; a concert's list is looked up by either. */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct singer {
	struct list_head link;
	u32 voice;
	u32 concerts;
	const char *name;
	const char *stage_name;
	u64 fee;
};

static LIST_HEAD(singers);
static DEFINE_MUTEX(choir_lock);

static inline bool singer_is(const struct singer *singer, const char *name)
{
	return !strcmp(singer->name, name) || !strcmp(singer->stage_name, name); /* guilty */
}

static noinline struct singer *choir_find(const char *name)
{
	struct singer *singer;

	list_for_each_entry(singer, &singers, link)
		if (singer_is(singer, name)) /* guilty */
			return singer;
	return NULL;
}

static noinline int choir_join(const char *name, const char *stage_name)
{
	struct singer *singer = kzalloc(sizeof(*singer), GFP_KERNEL);

	if (!singer)
		return -ENOMEM;
	singer->name = kstrdup(name, GFP_KERNEL);
	if (stage_name)
		singer->stage_name = kstrdup(stage_name, GFP_KERNEL); /* guilty */
	lab_address("singer", singer);
	list_add_tail(&singer->link, &singers);
	return 0;
}

static ssize_t choir_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[48], name[16], stage[16];
	struct singer *singer;
	int status = 0, words;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&choir_lock);
	words = sscanf(text, "join %15s %15s", name, stage);
	if (words > 0) {
		status = choir_join(name, words > 1 ? stage : NULL);
	} else if (sscanf(text, "sing %15s", name) == 1) {
		singer = choir_find(name);
		if (singer)
			singer->concerts++;
		else
			status = -ENOENT;
	}
	mutex_unlock(&choir_lock);
	return status ? status : size;
}

static const struct file_operations choir_fops = { .owner = THIS_MODULE, .write = choir_write };
static struct miscdevice choir_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "choir", .fops = &choir_fops };

static int __init choir_init(void)
{
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&choir_misc);
}
module_init(choir_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("choir");
