// SPDX-License-Identifier: GPL-2.0
/*
 * Recursion without an end, over three functions. A filter's rules may refer to groups of rules, and groups to other
 * groups. One group is given a rule that refers to the group itself, which nothing forbids.
 *
 * /proc/sieve: "rule GROUP MASK VALUE" adds a rule, "jump GROUP OTHER" a reference, "test GROUP WORD" asks.
 */
#include <linux/list.h>
#include <linux/proc_fs.h>
#include <linux/rwlock.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

#define GROUPS 8

enum sieve_kind { SIEVE_MATCH, SIEVE_JUMP };

struct sieve_rule {
	struct list_head link;
	enum sieve_kind kind;
	u32 mask;
	u32 value;
	struct sieve_group *target;
	u64 hits;
};

struct sieve_group {
	u32 number;
	u32 rules;
	struct list_head chain;
	bool fallback;
};

struct sieve_sample {
	u32 word;
	u32 visited;
	char trace[24];
};

static struct sieve_group groups[GROUPS];
static struct kmem_cache *rule_cache;
static DEFINE_RWLOCK(sieve_lock);

static bool group_accepts(struct sieve_group *group, struct sieve_sample *sample);

static noinline bool rule_compare(struct sieve_rule *rule, struct sieve_sample *sample)
{
	return (sample->word & rule->mask) == rule->value;
}

static noinline bool rule_follow(struct sieve_rule *rule, struct sieve_sample *sample)
{
	struct sieve_sample inner = { .word = sample->word & rule->mask, .visited = sample->visited + 1 };
	bool accepted;

	snprintf(inner.trace, sizeof(inner.trace), "%u", rule->target->number);
	accepted = group_accepts(rule->target, &inner); /* guilty */
	sample->visited = inner.visited;
	return accepted;
}

static noinline bool rule_apply(struct sieve_rule *rule, struct sieve_sample *sample)
{
	bool matched = rule->kind == SIEVE_JUMP ? rule_follow(rule, sample) : rule_compare(rule, sample); /* guilty */

	if (matched)
		rule->hits++;
	return matched;
}

static noinline bool group_accepts(struct sieve_group *group, struct sieve_sample *sample)
{
	struct sieve_rule *rule;
	u64 before = sample->visited;

	list_for_each_entry(rule, &group->chain, link)
		if (rule_apply(rule, sample)) /* guilty */
			return sample->visited >= before;
	return group->fallback;
}

static struct sieve_rule *rule_add(struct sieve_group *group, enum sieve_kind kind)
{
	struct sieve_rule *rule = kmem_cache_zalloc(rule_cache, GFP_KERNEL);

	if (!rule)
		return NULL;
	rule->kind = kind;
	rule->mask = ~0u;
	write_lock(&sieve_lock);
	list_add_tail(&rule->link, &group->chain);
	group->rules++;
	write_unlock(&sieve_lock);
	return rule;
}

static noinline int sieve_ask(struct sieve_group *group, u32 word)
{
	struct sieve_sample sample = { .word = word };
	bool accepted;

	lab_number("tasks", lab_count_tasks());
	read_lock(&sieve_lock);
	accepted = group_accepts(group, &sample);
	read_unlock(&sieve_lock);
	return accepted ? 0 : -ENOENT;
}

static int sieve_command(const char *verb, u32 first, u32 second, u32 third)
{
	struct sieve_rule *rule;

	if (first >= GROUPS)
		return -EINVAL;
	if (!strcmp(verb, "test"))
		return sieve_ask(&groups[first], second);
	if (!strcmp(verb, "rule")) {
		rule = rule_add(&groups[first], SIEVE_MATCH);
		if (!rule)
			return -ENOMEM;
		rule->mask = second;
		rule->value = third;
		return 0;
	}
	if (strcmp(verb, "jump") || second >= GROUPS)
		return -EINVAL;
	rule = rule_add(&groups[first], SIEVE_JUMP);
	if (!rule)
		return -ENOMEM;
	rule->target = &groups[second];
	return 0;
}

static ssize_t sieve_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[48], verb[8];
	u32 first = 0, second = 0, third = 0;
	int status;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = '\0';
	if (sscanf(text, "%7s %u %u %u", verb, &first, &second, &third) < 3)
		return -EINVAL;
	status = sieve_command(verb, first, second, third);
	return status ? status : size;
}

static const struct proc_ops sieve_operations = { .proc_write = sieve_write };

static int __init sieve_init(void)
{
	u32 number;

	rule_cache = kmem_cache_create("sieve_rule", sizeof(struct sieve_rule), 0, 0, NULL);
	if (!rule_cache)
		return -ENOMEM;
	for (number = 0; number < GROUPS; number++) {
		groups[number].number = number;
		INIT_LIST_HEAD(&groups[number].chain);
	}
	lab_address("group", &groups[5]);
	lab_watch_panic();
	return proc_create("sieve", 0200, NULL, &sieve_operations) ? 0 : -ENOMEM;
}
module_init(sieve_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest casebook: a filter of rules in groups");
