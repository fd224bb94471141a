// SPDX-License-Identifier: GPL-2.0
/*
 * A mutex held by a task that sleeps and will not stop. Kilns hang on a bus; whoever talks to one holds the bus. The
 * heater holds it while it waits for its kiln to be warm, which a broken probe never reports. It sleeps a little at a
 * time and so never looks stuck itself; those that log and display temperatures do.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

#define KILNS 3
#define NO_READING 0x7fff

struct probe {
	u8 address;
	u8 flags;
	s16 last;
};

struct kiln_bus {
	const char *label;
	struct mutex access;
	unsigned int speed;
	u64 transactions;
};

struct kiln {
	char name[16];
	struct kiln_bus *bus;
	struct probe *probe;
	s16 target;
	s16 warmth;
	unsigned int polls;
	bool heating;
};

struct display {
	struct kiln *kilns[KILNS];
	s16 shown[KILNS];
	unsigned long refreshes;
};

static struct kiln_bus *bus;
static struct display *display;

/* A probe whose wire is broken answers with all ones. */
static noinline s16 probe_read(struct probe *probe)
{
	if (probe->flags & 0x80)
		probe->last = NO_READING;
	else if (probe->last < 900)
		probe->last += 100;
	return probe->last;
}

static inline bool kiln_is_warm(struct kiln *kiln)
{
	s16 reading = probe_read(kiln->probe);

	kiln->polls++;
	if (reading == NO_READING)
		return false;
	kiln->warmth = reading;
	return reading >= kiln->target;
}

static noinline void kiln_await_target(struct kiln *kiln)
{
	kiln->heating = true;
	while (!kiln_is_warm(kiln))
		msleep(80); /* guilty */
	kiln->heating = false;
}

static noinline void kiln_fire(struct kiln *kiln)
{
	struct kiln_bus *own = kiln->bus;

	mutex_lock(&own->access);
	own->transactions++;
	kiln_await_target(kiln);
	mutex_unlock(&own->access);
}

static int heater_run(void *data)
{
	struct display *panel = data;
	int index;

	for (index = 0; index < KILNS; index++)
		kiln_fire(panel->kilns[index]);
	while (!kthread_should_stop())
		msleep(100);
	return 0;
}

static noinline s16 kiln_query(struct kiln *kiln)
{
	s16 warmth;

	mutex_lock(&kiln->bus->access);
	kiln->bus->transactions++;
	warmth = kiln->warmth;
	mutex_unlock(&kiln->bus->access);
	return warmth;
}

static int display_run(void *data)
{
	struct display *panel = data;
	int index;

	while (!kthread_should_stop()) {
		for (index = 0; index < KILNS; index++)
			panel->shown[index] = kiln_query(panel->kilns[index]);
		panel->refreshes++;
		msleep(40);
	}
	return 0;
}

static int logger_run(void *data)
{
	struct display *panel = data;
	unsigned long sum = 0;

	while (!kthread_should_stop()) {
		sum += kiln_query(panel->kilns[0]);
		msleep(60);
	}
	return sum == 0;
}

static struct kiln *kiln_create(int index)
{
	struct kiln *kiln = kzalloc(sizeof(*kiln), GFP_KERNEL);

	if (!kiln)
		return NULL;
	kiln->probe = kzalloc(sizeof(*kiln->probe), GFP_KERNEL);
	if (!kiln->probe)
		return NULL;
	snprintf(kiln->name, sizeof(kiln->name), "kiln%d", index);
	kiln->bus = bus;
	kiln->target = 400 + 100 * index;
	kiln->probe->address = 0x40 + index;
	kiln->probe->flags = index == 1 ? 0x81 : 0x01;
	return kiln;
}

static int __init kiln_init(void)
{
	struct task_struct *task;
	int index;

	bus = kzalloc(sizeof(*bus), GFP_KERNEL);
	display = kzalloc(sizeof(*display), GFP_KERNEL);
	if (!bus || !display)
		return -ENOMEM;
	bus->label = "kiln bus";
	bus->speed = 9600;
	mutex_init(&bus->access);
	for (index = 0; index < KILNS; index++) {
		display->kilns[index] = kiln_create(index);
		if (!display->kilns[index])
			return -ENOMEM;
	}
	lab_address("bus", bus);
	lab_address("kiln", display->kilns[1]);
	lab_number("access_offset", offsetof(struct kiln_bus, access));
	lab_watch_panic();

	task = kthread_run(display_run, display, "kiln-display");
	if (!IS_ERR(task))
		task = kthread_run(logger_run, display, "kiln-logger");
	if (!IS_ERR(task))
		task = kthread_run(heater_run, display, "kiln-heater");
	lab_number("tasks", lab_count_tasks());
	return PTR_ERR_OR_ZERO(task);
}
module_init(kiln_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: kilns on a bus");
