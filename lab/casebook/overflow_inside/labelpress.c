// SPDX-License-Identifier: GPL-2.0
/*
 * A press prints labels: what is written to /proc/press becomes a job, and a work item sets the type.
 */
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct press_font {
	const char *family;
	u16 width;
	u16 height;
	u32 glyphs;
};

struct press_job {
	struct list_head node;
	u32 number;
	u32 copies;
	char label[20];
	u32 flags;
	const struct press_font *font;
	u64 started;
};

struct press {
	spinlock_t lock;
	struct list_head jobs;
	struct work_struct work;
	struct kmem_cache *cache;
	u32 jobs_made;
	u64 paper;
};

static struct press press;
static const struct press_font plain = { "plain", 8, 16, 256 };

static noinline void job_set_label(struct press_job *job, const char *text, size_t size)
{
	char *to = job->label;

	while (size--)
		*to++ = *text++; /* guilty */
}

static noinline u32 job_height(const struct press_job *job)
{
	return job->font->height * job->copies;
}

static void press_work(struct work_struct *work)
{
	struct press *own = container_of(work, struct press, work);
	struct press_job *job, *next;

	list_for_each_entry_safe(job, next, &own->jobs, node) {
		if (job->number == 3)
			lab_number("tasks", lab_count_tasks());
		own->paper += job_height(job);
		spin_lock(&own->lock);
		list_del(&job->node);
		spin_unlock(&own->lock);
		kmem_cache_free(own->cache, job);
	}
}

static ssize_t press_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	struct press_job *job;
	char text[64] = "";

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	job = kmem_cache_zalloc(press.cache, GFP_KERNEL);
	if (!job)
		return -ENOMEM;
	job->number = ++press.jobs_made;
	job->copies = 1;
	job->font = &plain;
	job_set_label(job, text, size);
	if (job->number == 3)
		lab_address("job", job);
	spin_lock(&press.lock);
	list_add_tail(&job->node, &press.jobs);
	spin_unlock(&press.lock);
	queue_work(system_wq, &press.work);
	return size;
}

static const struct proc_ops press_proc = { .proc_write = press_write };

static int __init labelpress_init(void)
{
	spin_lock_init(&press.lock);
	INIT_LIST_HEAD(&press.jobs);
	INIT_WORK(&press.work, press_work);
	press.cache = KMEM_CACHE(press_job, 0);
	if (!press.cache || !proc_create("press", 0200, NULL, &press_proc))
		return -ENOMEM;
	lab_watch_panic();
	return 0;
}
module_init(labelpress_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("label press");
