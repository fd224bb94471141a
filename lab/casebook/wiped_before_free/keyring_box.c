// SPDX-License-Identifier: GPL-2.0
/* A box of keys: locks refer to keys, keys to the cipher they are of; a key that is withdrawn is wiped and freed. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../../cases/lab_truth.h"

struct box_cipher {
	u32 rounds;
	u32 width;
	u64 uses;
	char name[16];
};

struct box_key {
	u32 serial;
	u32 bits;
	struct box_cipher *cipher;
	u8 material[128];
	u64 made;
};

struct box_lock {
	struct list_head link;
	u32 number;
	u32 opened;
	struct box_key *key;
};

static LIST_HEAD(locks);
static DEFINE_MUTEX(box);
static struct box_key *keys[6];
static struct box_cipher ciphers[2] = { { 10, 128, 0, "ten" }, { 14, 256, 0, "fourteen" } };

static noinline u32 key_apply(struct box_key *key, u32 word)
{
	struct box_cipher *cipher = key->cipher;
	u32 at;

	for (at = 0; at < cipher->rounds; at++) /* guilty */
		word = word * 31 + key->material[at];
	cipher->uses++;
	return word;
}

static noinline void key_withdraw(unsigned int at)
{
	struct box_key *key = keys[at];

	keys[at] = NULL;
	kfree_sensitive(key); /* guilty */
}

static int box_try(void *data)
{
	struct box_lock *lock;
	u32 word = 1;

	while (!kthread_should_stop()) {
		mutex_lock(&box);
		list_for_each_entry(lock, &locks, link) {
			word = key_apply(lock->key, word); /* guilty */
			lock->opened++;
		}
		mutex_unlock(&box);
		msleep(50);
	}
	return 0;
}

static int box_clerk(void *data)
{
	msleep(400);
	mutex_lock(&box);
	lab_address("key", keys[2]);
	lab_number("tasks", lab_count_tasks());
	key_withdraw(2);
	mutex_unlock(&box);
	while (!kthread_should_stop())
		msleep(500);
	return 0;
}

static int __init keyring_box_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(keys); at++) {
		struct box_lock *lock = kzalloc(sizeof(*lock), GFP_KERNEL);

		keys[at] = kzalloc(sizeof(*keys[at]), GFP_KERNEL);
		if (!keys[at] || !lock)
			return -ENOMEM;
		keys[at]->serial = 70 + at;
		keys[at]->bits = 128;
		keys[at]->cipher = &ciphers[at % 2];
		memset(keys[at]->material, 0x30 + at, sizeof(keys[at]->material));
		lock->number = at;
		lock->key = keys[at];
		list_add_tail(&lock->link, &locks);
	}
	lab_watch_panic();
	kthread_run(box_try, NULL, "box-try");
	return PTR_ERR_OR_ZERO(kthread_run(box_clerk, NULL, "box-clerk"));
}
module_init(keyring_box_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("box of keys");
