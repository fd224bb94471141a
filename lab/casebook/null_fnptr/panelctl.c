// SPDX-License-Identifier: GPL-2.0
/*
 * Display panels of two generations behind one table of operations. The old generation cannot blank.
 *
 * /proc/panel takes one command a write: N on, N off.
 */
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define PANELS 2

struct panel;

struct panel_operations {
	const char *generation;
	int (*enable)(struct panel *panel);
	int (*set_level)(struct panel *panel, u32 level);
	int (*blank)(struct panel *panel, bool now);
};

struct panel {
	int index;
	bool lit;
	u32 level;
	struct mutex lock;
	const struct panel_operations *operations;
	unsigned long switches;
};

static struct panel *panels[PANELS];

static int panel_enable(struct panel *panel)
{
	panel->lit = true;
	return 0;
}

static int panel_set_level(struct panel *panel, u32 level)
{
	panel->level = min(level, 255u);
	return 0;
}

static int panel_blank(struct panel *panel, bool now)
{
	panel->lit = !now;
	return panel_set_level(panel, now ? 0 : 128);
}

static const struct panel_operations generation1 = {
	.generation = "g1", .enable = panel_enable, .set_level = panel_set_level,
};

static const struct panel_operations generation2 = {
	.generation = "g2", .enable = panel_enable, .set_level = panel_set_level, .blank = panel_blank,
};

static noinline int panel_set_power(struct panel *panel, bool on)
{
	int status;

	mutex_lock(&panel->lock);
	if (on)
		status = panel->operations->enable(panel);
	else
		status = panel->operations->blank(panel, true); /* guilty */
	if (!status)
		panel->switches++;
	mutex_unlock(&panel->lock);
	return status;
}

static ssize_t panel_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], state[8];
	unsigned int index;
	int status;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%u %7s", &index, state) != 2 || index >= PANELS)
		return -EINVAL;
	if (index == 1 && !strcmp(state, "off"))
		lab_number("tasks", lab_count_tasks());
	status = panel_set_power(panels[index], !strcmp(state, "on"));
	return status ? status : size;
}

static const struct proc_ops panel_proc = { .proc_write = panel_write };

static int __init panelctl_init(void)
{
	int index;

	for (index = 0; index < PANELS; index++) {
		panels[index] = kzalloc(sizeof(*panels[index]), GFP_KERNEL);
		if (!panels[index])
			return -ENOMEM;
		panels[index]->index = index;
		panels[index]->operations = index ? &generation1 : &generation2;
		mutex_init(&panels[index]->lock);
	}
	if (!proc_create("panel", 0200, NULL, &panel_proc))
		return -ENOMEM;
	lab_address("panel", panels[1]);
	lab_watch_panic();
	return 0;
}
module_init(panelctl_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("display panel control");
