// SPDX-License-Identifier: GPL-2.0
/*
 * A local variable larger than the stack. To smooth a relief the driver copies it first, row by row, into an array of
 * its own frame; that was all right while a relief was 32 points wide.
 *
 * /proc/relief: a write of "raise X Y H" or "smooth".
 */
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define SIDE 64

struct point {
	s16 height;
	u16 kind;
};

struct relief {
	struct mutex edit;
	u32 version;
	u32 raised;
	struct point points[SIDE][SIDE];
};

struct survey {
	u32 peaks;
	s16 highest;
	s16 lowest;
};

static struct relief *relief;

static inline s16 mean_of(const struct point *left, const struct point *middle, const struct point *right)
{
	return (left->height + 2 * middle->height + right->height) / 4;
}

static noinline void row_smooth(struct point *to, const struct point *from)
{
	int x;

	for (x = 1; x < SIDE - 1; x++)
		to[x].height = mean_of(&from[x - 1], &from[x], &from[x + 1]);
}

static noinline void row_survey(const struct point *row, struct survey *survey)
{
	int x;

	for (x = 1; x < SIDE - 1; x++) {
		survey->highest = max(survey->highest, row[x].height);
		survey->lowest = min(survey->lowest, row[x].height);
		if (row[x].height > row[x - 1].height && row[x].height > row[x + 1].height)
			survey->peaks++;
	}
}

static noinline void relief_smooth(struct relief *own, struct survey *survey) /* guilty */
{
	struct point before[SIDE + 3][SIDE]; /* guilty */
	int y;

	memset(before, 0, sizeof(before)); /* guilty */
	for (y = 0; y < SIDE; y++)
		memcpy(before[y + 1], own->points[y], sizeof(before[0])); /* guilty */
	for (y = 0; y < SIDE; y++) {
		row_smooth(own->points[y], before[y + 1]);
		row_survey(own->points[y], survey);
	}
	own->version++;
}

static noinline int relief_command(struct relief *own, const char *verb, u32 x, u32 y, int height)
{
	struct survey survey = { 0 };

	if (!strcmp(verb, "smooth")) {
		lab_number("tasks", lab_count_tasks());
		relief_smooth(own, &survey);
		return survey.peaks > SIDE ? -ERANGE : 0;
	}
	if (x >= SIDE || y >= SIDE)
		return -EINVAL;
	own->points[y][x].height = height;
	own->raised++;
	return 0;
}

static ssize_t relief_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32], verb[8];
	u32 x = 0, y = 0;
	int status, height = 0;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u %u %d", verb, &x, &y, &height) < 1)
		return -EINVAL;
	mutex_lock(&relief->edit);
	status = relief_command(relief, verb, x, y, height);
	mutex_unlock(&relief->edit);
	return status ? status : size;
}

static const struct proc_ops relief_operations = { .proc_write = relief_write };

static int __init cartograph_init(void)
{
	relief = kzalloc(sizeof(*relief), GFP_KERNEL);
	if (!relief)
		return -ENOMEM;
	mutex_init(&relief->edit);
	lab_address("relief", relief);
	lab_number("local_bytes", (SIDE + 3) * SIDE * sizeof(struct point));
	lab_watch_panic();
	return proc_create("relief", 0200, NULL, &relief_operations) ? 0 : -ENOMEM;
}
module_init(cartograph_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a relief and its survey");
