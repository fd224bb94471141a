// SPDX-License-Identifier: GPL-2.0
/*
 * Options are looked up by name and applied. /proc/options takes NAME=VALUE.
 */
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

/* The kernel's compiler would clear locals; older ones do not. */
#define as_it_is __attribute__((uninitialized))

struct option_words {
	u32 count;
	u32 limit;
	u64 uses;
};

struct option_parser {
	char *name;
	u64 flags;
	struct option_words *words;
	u64 value;
};

struct option_table {
	struct option_words fast;
	struct option_words slow;
	u64 applied;
};

static struct option_table *table;

static noinline int option_lookup(const char *name, struct option_parser *parser)
{
	if (!strncmp(name, "fast ", 5))
		parser->words = &table->fast;
	else if (!strncmp(name, "slow ", 5))
		parser->words = &table->slow;
	else
		return -ENOENT; /* guilty */
	parser->flags = 1;
	return 0;
}

static noinline u64 option_log(const char *name, u64 value)
{
	as_it_is char line[192];
	size_t length = 0;

	while (length < sizeof(line) - 1)
		length += scnprintf(line + length, sizeof(line) - length, "%s is %llu;", name, value);
	return strlen(line);
}

static noinline u64 option_apply(const char *name, u64 value)
{
	as_it_is struct option_parser parser;
	as_it_is char label[64];

	snprintf(label, sizeof(label), "%s (%llu)", name, value);
	option_lookup(strim(label), &parser); /* guilty */
	parser.value = value;
	parser.words->count++; /* guilty */
	parser.words->uses += parser.value; /* guilty */
	return parser.words->uses;
}

static ssize_t options_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[48], name[16], *value_text;
	u64 value;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	value_text = strchr(text, '=');
	if (!value_text || kstrtoull(strim(value_text + 1), 10, &value))
		return -EINVAL;
	*value_text = '\0';
	strscpy(name, text, sizeof(name));
	if (value == 3)
		lab_number("tasks", lab_count_tasks());
	table->applied += option_log(name, value);
	table->applied += option_apply(name, value);
	return size;
}

static const struct proc_ops options_proc = { .proc_write = options_write };

static int __init optiond_init(void)
{
	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table || !proc_create("options", 0200, NULL, &options_proc))
		return -ENOMEM;
	lab_address("words", &table->fast);
	lab_watch_panic();
	return 0;
}
module_init(optiond_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("options");
