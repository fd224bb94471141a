// SPDX-License-Identifier: GPL-2.0
/* A toll gate: accounts by number in an idr, passages billed in batches. Commands: "open N", "pass N CLASS", "shut N", "bill". */
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../cases/lab_truth.h"

struct toll_account {
	u32 number;
	u32 flags;
	char holder[32];
	u64 passages;
	u64 due[6];
	s64 balance;
};

struct toll_passage {
	struct list_head link;
	u32 account;
	u16 class;
	u16 lane;
	ktime_t when;
};

struct toll_gate {
	struct mutex lock;
	struct idr accounts;
	struct list_head passages;
	u32 tariff[6];
	u64 billed;
};

static struct toll_gate gate = { .tariff = { 100, 120, 210, 390, 800, 1500 } };

static inline u64 toll_price(const struct toll_gate *own, u16 class)
{
	return own->tariff[min_t(u16, class, 5)];
}

static noinline void account_charge(struct toll_account *account, u16 class, u64 price)
{
	account->due[class] += price; /* guilty */
	account->passages++;
	account->balance -= price;
}

static noinline u64 passage_settle(struct toll_gate *own, struct toll_account *account, const struct toll_passage *passage)
{
	u64 price = toll_price(own, passage->class);

	if (passage->lane > 3)
		price += 5;
	account_charge(account, passage->class, price);
	return price;
}

static noinline void gate_bill(struct toll_gate *own)
{
	struct toll_passage *passage, *next;

	list_for_each_entry_safe(passage, next, &own->passages, link) {
		struct toll_account *account = idr_find(&own->accounts, passage->account); /* guilty */

		own->billed += passage_settle(own, account, passage); /* guilty */
		list_del(&passage->link);
		kfree(passage);
	}
}

static int gate_open(struct toll_gate *own, u32 number)
{
	struct toll_account *account = kzalloc(sizeof(*account), GFP_KERNEL);
	int status;

	if (!account)
		return -ENOMEM;
	account->number = number;
	snprintf(account->holder, sizeof(account->holder), "holder-%u", number);
	status = idr_alloc(&own->accounts, account, number, number + 1, GFP_KERNEL);
	if (status < 0)
		kfree(account);
	return status < 0 ? status : 0;
}

static noinline int gate_shut(struct toll_gate *own, u32 number)
{
	struct toll_account *account = idr_remove(&own->accounts, number);

	if (!account)
		return -ENOENT;
	kfree(account);
	return 0;
}

static int gate_pass(struct toll_gate *own, u32 number, u32 class)
{
	struct toll_passage *passage;

	if (!idr_find(&own->accounts, number) || class > 5)
		return -ENOENT;
	passage = kzalloc(sizeof(*passage), GFP_KERNEL);
	if (!passage)
		return -ENOMEM;
	passage->account = number;
	passage->class = class;
	passage->lane = number % 5;
	passage->when = ktime_get();
	list_add_tail(&passage->link, &own->passages);
	return 0;
}

static ssize_t toll_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	char text[32];
	u32 number, class;
	int status = -EINVAL;

	if (!size || size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	text[size] = 0;
	mutex_lock(&gate.lock);
	if (sscanf(text, "pass %u %u", &number, &class) == 2)
		status = gate_pass(&gate, number, class);
	else if (sscanf(text, "open %u", &number) == 1)
		status = gate_open(&gate, number);
	else if (sscanf(text, "shut %u", &number) == 1)
		status = gate_shut(&gate, number);
	else if (!strncmp(text, "bill", 4)) {
		lab_number("tasks", lab_count_tasks());
		gate_bill(&gate);
		status = 0;
	}
	mutex_unlock(&gate.lock);
	return status ? status : size;
}

static const struct file_operations toll_fops = { .owner = THIS_MODULE, .write = toll_write };
static struct miscdevice toll_misc = { .minor = MISC_DYNAMIC_MINOR, .name = "toll", .fops = &toll_fops };

static int __init tollgate_init(void)
{
	mutex_init(&gate.lock);
	idr_init(&gate.accounts);
	INIT_LIST_HEAD(&gate.passages);
	lab_address("gate", &gate);
	lab_watch_panic();
	return misc_register(&toll_misc);
}
module_init(tollgate_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("toll gate");
