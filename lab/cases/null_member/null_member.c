// SPDX-License-Identifier: GPL-2.0
/*
 * A member read through a NULL pointer, inside an inlined helper. The driver carries parcels through rings, several
 * to a device. `reset N` frees a ring and leaves its queue running, to be given a new ring at the next `open N`; but
 * `send N` never asks whether there is one.
 *
 * /proc/parcels takes one command a write: open N, reset N, send N.
 */
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "../lab_truth.h"

#define QUEUES 4
#define SLOTS 16

struct parcel {
	struct list_head link;
	u32 length;
	u32 route;
};

struct parcel_ring {
	spinlock_t lock;
	u32 size;
	unsigned long produced;
	unsigned long consumed;
	wait_queue_head_t room;
	u32 tail;
	u32 head;
	struct parcel *slots[SLOTS];
};

struct parcel_queue {
	char name[16];
	int index;
	bool running;
	struct parcel_ring *ring;
	atomic_t dropped;
};

struct parcel_device {
	struct mutex lock;
	unsigned int open_count;
	struct parcel_queue queues[QUEUES];
};

static struct parcel_device *device;

/* How many parcels wait in the queue. The crash is the first of these two reads. */
static inline u32 queue_backlog(const struct parcel_queue *queue)
{
	u32 head = READ_ONCE(queue->ring->head);

	return head - READ_ONCE(queue->ring->tail);
}

static inline bool queue_is_full(const struct parcel_queue *queue)
{
	return queue_backlog(queue) >= SLOTS;
}

static noinline int parcel_open(struct parcel_queue *queue)
{
	struct parcel_ring *ring;

	if (queue->ring)
		return 0;
	ring = kzalloc(sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return -ENOMEM;
	spin_lock_init(&ring->lock);
	init_waitqueue_head(&ring->room);
	ring->size = SLOTS;
	queue->ring = ring;
	queue->running = true;
	return 0;
}

static noinline int parcel_reset(struct parcel_queue *queue)
{
	kfree(queue->ring);
	queue->ring = NULL; /* and `running` stays true */
	return 0;
}

static noinline int parcel_send(struct parcel_queue *queue, u32 length)
{
	struct parcel_ring *ring;
	struct parcel *parcel;

	if (!queue->running)
		return -ENODEV;
	if (queue_is_full(queue)) {
		atomic_inc(&queue->dropped);
		return -EAGAIN;
	}
	parcel = kzalloc(sizeof(*parcel), GFP_KERNEL);
	if (!parcel)
		return -ENOMEM;
	parcel->length = length;
	ring = queue->ring;
	spin_lock(&ring->lock);
	kfree(ring->slots[ring->head % SLOTS]);
	ring->slots[ring->head++ % SLOTS] = parcel;
	ring->produced++;
	spin_unlock(&ring->lock);
	return 0;
}

static noinline int parcel_command(const char *command, struct parcel_queue *queue)
{
	if (!strcmp(command, "open"))
		return parcel_open(queue);
	if (!strcmp(command, "reset"))
		return parcel_reset(queue);
	if (!strcmp(command, "send")) {
		lab_number("tasks", lab_count_tasks());
		return parcel_send(queue, 64);
	}
	return -EINVAL;
}

static ssize_t parcel_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], command[16];
	unsigned int index;
	int status;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%15s %u", command, &index) != 2 || index >= QUEUES)
		return -EINVAL;

	mutex_lock(&device->lock);
	status = parcel_command(command, &device->queues[index]);
	mutex_unlock(&device->lock);
	return status ? status : size;
}

static const struct proc_ops parcel_operations = { .proc_write = parcel_write };

static int __init null_member_init(void)
{
	int index;

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device || !proc_create("parcels", 0200, NULL, &parcel_operations))
		return -ENOMEM;
	mutex_init(&device->lock);
	for (index = 0; index < QUEUES; index++) {
		snprintf(device->queues[index].name, sizeof(device->queues[index].name), "parcel%d", index);
		device->queues[index].index = index;
	}
	lab_address("device", device);
	lab_address("queue", &device->queues[2]);
	lab_number("ring_offset", offsetof(struct parcel_queue, ring));
	lab_number("fault_address", offsetof(struct parcel_ring, head));
	lab_watch_panic();
	return 0;
}
module_init(null_member_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest lab: a member read through a NULL pointer");
