// SPDX-License-Identifier: GPL-2.0
/* A phonograph: cylinders of sound, cut from /dev/phonograph; each has a buffer once it has been mounted. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define CYLINDER (64 * 1024)

struct cylinder {
	u32 number;
	u32 grooves;
	u8 *wax;
	u32 at;
	u32 gain;
};

struct phonograph {
	struct mutex lock;
	struct cylinder *cylinders[4];
	u8 needle[256];
};

static struct phonograph *phono;

static noinline void cylinder_cut(struct cylinder *cylinder, const u8 *needle, size_t size)
{
	memcpy(cylinder->wax + cylinder->at, needle, size); /* guilty */
	cylinder->at = (cylinder->at + size) % CYLINDER;
	cylinder->grooves++;
}

static noinline int cylinder_mount(struct cylinder *cylinder)
{
	cylinder->wax = kvzalloc(CYLINDER, GFP_KERNEL);
	return cylinder->wax ? 0 : -ENOMEM;
}

static noinline void cylinder_unmount(struct cylinder *cylinder)
{
	u8 *wax = cylinder->wax;

	cylinder->wax = NULL; /* guilty */
	kvfree(wax);
}

static ssize_t phono_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 number, count;
	int status = 0;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&phono->lock);
	memset(phono->needle, text[0], sizeof(phono->needle));
	if (sscanf(text, "cut %u %u", &number, &count) == 2 && number < 4)
		while (count--)
			cylinder_cut(phono->cylinders[number], phono->needle, 96 + count % 64); /* guilty */
	else if (sscanf(text, "mount %u", &number) == 1 && number < 4)
		status = cylinder_mount(phono->cylinders[number]);
	else if (sscanf(text, "unmount %u", &number) == 1 && number < 4)
		cylinder_unmount(phono->cylinders[number]);
	mutex_unlock(&phono->lock);
	return status ? status : size;
}

static const struct file_operations phono_fops = { .owner = THIS_MODULE, .write = phono_write };
static struct miscdevice phono_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "phonograph", .fops = &phono_fops };

static int __init phonograph_init(void)
{
	unsigned int at;

	phono = kzalloc(sizeof(*phono), GFP_KERNEL);
	if (!phono)
		return -ENOMEM;
	mutex_init(&phono->lock);
	for (at = 0; at < 4; at++) {
		phono->cylinders[at] = kzalloc(sizeof(struct cylinder), GFP_KERNEL);
		if (!phono->cylinders[at])
			return -ENOMEM;
		phono->cylinders[at]->number = at;
	}
	lab_address("phonograph", phono);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&phono_misc);
}
module_init(phonograph_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("phonograph");
