// SPDX-License-Identifier: GPL-2.0
/*
 * A service charges requests to the accounts of their sessions. Requests wait in a queue; a session that logs out in
 * the meantime gives up its account, and the requests it left behind are served as if it had one.
 */
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

#define SESSIONS 4
#define REQUESTS 12

struct quota_account {
	char owner[20];
	u32 flags;
	u64 limit;
	u64 used;
	atomic_t sessions;
};

struct quota_session {
	u32 id;
	u32 state;
	struct quota_account *account;
	struct list_head requests;
	unsigned long served;
};

struct quota_request {
	struct list_head node;
	struct quota_session *session;
	u32 blocks;
	u32 opcode;
};

struct quota_service {
	spinlock_t lock;
	struct list_head pending;
	struct quota_session sessions[SESSIONS];
	struct work_struct serve;
	struct delayed_work logout;
	struct kmem_cache *requests;
};

static struct quota_service *service;

static noinline int quota_charge(struct quota_request *request)
{
	struct quota_session *session = request->session;
	struct quota_account *account = session->account;

	if (account->used + request->blocks > account->limit) /* guilty */
		return -EDQUOT;
	account->used += request->blocks;
	session->served++;
	return 0;
}

static struct quota_request *quota_next(struct quota_service *from)
{
	struct quota_request *request;

	spin_lock(&from->lock);
	request = list_first_entry_or_null(&from->pending, struct quota_request, node);
	if (request)
		list_del(&request->node);
	spin_unlock(&from->lock);
	return request;
}

static void quota_serve(struct work_struct *work)
{
	struct quota_service *own = container_of(work, struct quota_service, serve);
	struct quota_request *request;

	while ((request = quota_next(own)) != NULL) {
		if (quota_charge(request))
			pr_info("quotad: session %u is over its limit\n", request->session->id);
		kmem_cache_free(own->requests, request);
	}
}

static noinline void session_logout(struct quota_session *session)
{
	struct quota_account *account = session->account;

	session->state = 0;
	session->account = NULL;
	if (atomic_dec_and_test(&account->sessions))
		kfree(account);
}

static void quota_logout(struct work_struct *work)
{
	struct quota_service *own = container_of(to_delayed_work(work), struct quota_service, logout);

	session_logout(&own->sessions[2]);
	lab_number("tasks", lab_count_tasks());
	queue_work(system_wq, &own->serve);
}

static int quota_submit(struct quota_service *to, struct quota_session *session, u32 blocks)
{
	struct quota_request *request = kmem_cache_zalloc(to->requests, GFP_KERNEL);

	if (!request)
		return -ENOMEM;
	request->session = session;
	request->blocks = blocks;
	spin_lock(&to->lock);
	list_add_tail(&request->node, &to->pending);
	spin_unlock(&to->lock);
	return 0;
}

static int __init quotad_init(void)
{
	int number;

	service = kzalloc(sizeof(*service), GFP_KERNEL);
	if (!service)
		return -ENOMEM;
	service->requests = KMEM_CACHE(quota_request, 0);
	spin_lock_init(&service->lock);
	INIT_LIST_HEAD(&service->pending);
	INIT_WORK(&service->serve, quota_serve);
	INIT_DELAYED_WORK(&service->logout, quota_logout);
	for (number = 0; number < SESSIONS; number++) {
		struct quota_session *session = &service->sessions[number];

		session->id = 100 + number;
		session->state = 1;
		INIT_LIST_HEAD(&session->requests);
		session->account = kzalloc(sizeof(*session->account), GFP_KERNEL);
		if (!session->account || !service->requests)
			return -ENOMEM;
		snprintf(session->account->owner, sizeof(session->account->owner), "account%d", number);
		session->account->limit = 4096;
		atomic_set(&session->account->sessions, 1);
	}
	for (number = 0; number < REQUESTS; number++)
		if (quota_submit(service, &service->sessions[number % SESSIONS], 8 * (number + 1)))
			return -ENOMEM;
	lab_address("session", &service->sessions[2]);
	lab_watch_panic();
	queue_delayed_work(system_wq, &service->logout, HZ / 20);
	return 0;
}
module_init(quotad_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("block quota service");
