// SPDX-License-Identifier: GPL-2.0
/* A ferry takes cars off a queue, the oldest first. The queue is filled by a task and emptied by a work. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct fy_driver {
	u32 licence;
	u32 trips;
};

struct fy_car {
	struct fy_driver *driver;
	u32 length;
	u32 fare;
	struct list_head lane;
	u64 arrived;
};

struct fy_quay {
	u64 opened;
	u64 sailings;
	spinlock_t lock;
	u32 capacity;
	struct list_head lane;
	u64 income;
};

struct fy_ferry {
	struct delayed_work sail;
	struct fy_quay *quay;
	u32 loaded;
};

static struct fy_ferry *ferry;
static struct fy_driver drivers[4];

static inline struct fy_car *quay_next(struct fy_quay *quay)
{
	return list_first_entry(&quay->lane, struct fy_car, lane); /* guilty */
}

static noinline u32 car_board(struct fy_car *car)
{
	car->driver->trips++;
	return car->fare;
}

static noinline void ferry_load(struct fy_ferry *own)
{
	struct fy_quay *quay = own->quay;
	struct fy_car *car;
	u32 at;

	spin_lock(&quay->lock);
	for (at = 0; at < quay->capacity; at++) {
		car = quay_next(quay);
		quay->income += car_board(car);
		list_del(&car->lane);
		own->loaded++;
		kfree(car);
	}
	quay->sailings++;
	spin_unlock(&quay->lock);
}

static void ferry_sail(struct work_struct *work)
{
	struct fy_ferry *own = container_of(to_delayed_work(work), struct fy_ferry, sail);

	ferry_load(own);
	queue_delayed_work(system_wq, &own->sail, msecs_to_jiffies(50));
}

static int road(void *data)
{
	u32 number, at;

	for (number = 0; number < 8; number++) {
		for (at = 0; at < (number == 7 ? 2 : 3); at++) {
			struct fy_car *car = kzalloc(sizeof(*car), GFP_KERNEL);

			car->driver = &drivers[at];
			car->length = 4;
			car->fare = 30 + at;
			car->arrived = jiffies;
			spin_lock(&ferry->quay->lock);
			list_add_tail(&car->lane, &ferry->quay->lane);
			spin_unlock(&ferry->quay->lock);
		}
		if (number == 7)
			lab_number("tasks", lab_count_tasks());
		ferry_sail(&ferry->sail.work);
		cancel_delayed_work_sync(&ferry->sail);
		msleep(30);
	}
	return 0;
}

static int __init ferry_init(void)
{
	ferry = kzalloc(sizeof(*ferry), GFP_KERNEL);
	if (!ferry)
		return -ENOMEM;
	ferry->quay = kzalloc(sizeof(*ferry->quay), GFP_KERNEL);
	if (!ferry->quay)
		return -ENOMEM;
	INIT_LIST_HEAD(&ferry->quay->lane);
	spin_lock_init(&ferry->quay->lock);
	ferry->quay->capacity = 3;
	ferry->quay->opened = 0x0000000500000001ULL;
	INIT_DELAYED_WORK(&ferry->sail, ferry_sail);
	lab_address("quay", ferry->quay);
	lab_watch_panic();
	return PTR_ERR_OR_ZERO(kthread_run(road, NULL, "fy-road"));
}
module_init(ferry_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("ferry");
