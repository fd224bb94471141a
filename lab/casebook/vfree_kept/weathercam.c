// SPDX-License-Identifier: GPL-2.0
/* A camera with a big frame ring; readers of /dev/wcam keep a cursor into it, "size N" makes a ring of another size. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "../../cases/lab_truth.h"

struct wcam_frame {
	u64 stamp;
	u32 bytes;
	u32 flags;
	u8 data[1008];
};

struct wcam_ring {
	struct wcam_frame *frames;
	u32 count;
	u32 head;
};

struct wcam_cursor {
	struct list_head link;
	struct wcam_frame *frame;
	u32 seen;
	u32 lost;
};

struct wcam {
	spinlock_t lock;
	struct wcam_ring ring;
	struct list_head cursors;
	struct timer_list shutter;
};

static struct wcam cam;

static inline bool frame_fresh(const struct wcam_frame *frame, u32 seen)
{
	return frame->flags & 1 && frame->stamp > seen; /* guilty */
}

static noinline void cursors_advance(struct wcam *own)
{
	struct wcam_cursor *cursor;

	list_for_each_entry(cursor, &own->cursors, link)
		if (frame_fresh(cursor->frame, cursor->seen)) /* guilty */
			cursor->lost++;
}

static void wcam_shutter(struct timer_list *timer)
{
	struct wcam *own = from_timer(own, timer, shutter);
	struct wcam_frame *frame;

	spin_lock(&own->lock);
	frame = &own->ring.frames[own->ring.head++ % own->ring.count];
	frame->stamp = jiffies;
	frame->flags = 1;
	memset(frame->data, own->ring.head, 64);
	cursors_advance(own);
	spin_unlock(&own->lock);
	mod_timer(&own->shutter, jiffies + msecs_to_jiffies(40));
}

static noinline int wcam_resize(struct wcam *own, u32 count)
{
	struct wcam_frame *frames = vzalloc(array_size(count, sizeof(*frames))), *old;

	if (!frames)
		return -ENOMEM;
	spin_lock_bh(&own->lock);
	old = own->ring.frames;
	own->ring.frames = frames;
	own->ring.count = count;
	own->ring.head = 0;
	spin_unlock_bh(&own->lock);
	vfree(old); /* guilty */
	return 0;
}

static int wcam_open(struct inode *inode, struct file *file)
{
	struct wcam_cursor *cursor = kzalloc(sizeof(*cursor), GFP_KERNEL);

	if (!cursor)
		return -ENOMEM;
	spin_lock_bh(&cam.lock);
	cursor->frame = &cam.ring.frames[cam.ring.head % cam.ring.count];
	list_add_tail(&cursor->link, &cam.cursors);
	spin_unlock_bh(&cam.lock);
	file->private_data = cursor;
	return 0;
}

static int wcam_release(struct inode *inode, struct file *file)
{
	struct wcam_cursor *cursor = file->private_data;

	spin_lock_bh(&cam.lock);
	list_del(&cursor->link);
	spin_unlock_bh(&cam.lock);
	kfree(cursor);
	return 0;
}

static ssize_t wcam_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[24];
	u32 count;
	int status = -EINVAL;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	if (sscanf(text, "size %u", &count) == 1 && count && count < 4000)
		status = wcam_resize(&cam, count);
	return status ? status : size;
}

static const struct file_operations wcam_fops = {
	.owner = THIS_MODULE, .open = wcam_open, .release = wcam_release, .write = wcam_write,
};
static struct miscdevice wcam_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "wcam", .fops = &wcam_fops };

static int __init wcam_init(void)
{
	spin_lock_init(&cam.lock);
	INIT_LIST_HEAD(&cam.cursors);
	if (wcam_resize(&cam, 300))
		return -ENOMEM;
	timer_setup(&cam.shutter, wcam_shutter, 0);
	mod_timer(&cam.shutter, jiffies + HZ);
	lab_address("frames", cam.ring.frames);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return misc_register(&wcam_misc);
}
module_init(wcam_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("weather camera");
