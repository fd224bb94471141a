// SPDX-License-Identifier: GPL-2.0
/*
 * A log in memory that is written back now and then.
 */
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct log_record {
	u64 sequence;
	u32 length;
	u32 kind;
};

struct log_buffer {
	spinlock_t lock;
	u32 head;
	u32 tail;
	struct log_record records[32];
	struct delayed_work write_back;
	u64 written;
};

static struct log_buffer *log;

static noinline void log_append(struct log_buffer *to, u32 kind)
{
	struct log_record *record = &to->records[to->head++ % ARRAY_SIZE(to->records)];

	record->sequence = to->head;
	record->kind = kind;
	record->length = 32;
}

static void log_write_back(struct work_struct *work)
{
	struct log_buffer *own = container_of(to_delayed_work(work), struct log_buffer, write_back);

	spin_lock(&own->lock);
	while (own->tail != own->head)
		own->written += own->records[own->tail++ % ARRAY_SIZE(own->records)].length;
	log_append(own, 1);
	spin_unlock(&own->lock);
	schedule_delayed_work(&own->write_back, HZ / 4);
}

static int __init writeback_log_init(void)
{
	log = kzalloc(sizeof(*log), GFP_KERNEL);
	if (!log)
		return -ENOMEM;
	spin_lock_init(&log->lock);
	INIT_DELAYED_WORK(&log->write_back, log_write_back);
	log_append(log, 0);
	lab_address("log", log);
	schedule_delayed_work(&log->write_back, HZ / 4);
	return 0;
}

static void __exit writeback_log_exit(void)
{
	lab_number("tasks", lab_count_tasks());
}
module_init(writeback_log_init);
module_exit(writeback_log_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("log with write-back");
