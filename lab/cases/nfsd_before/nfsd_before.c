// SPDX-License-Identifier: GPL-2.0
/*
 * A server as it was before callbacks in flight were counted: its struct nfs4_client has no member cl_cb_inflight. Names
 * are those of the real server, which is not loaded beside it, so that a patch's marks can be looked for and not be found.
 * The client goes away while a recall is in flight; the recall's release puts a stateid whose client is gone.
 */
#include <linux/idr.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../lab_truth.h"

struct nfs4_client {
	char name[24];
	struct idr *cl_stateids;
	struct workqueue_struct *cl_callback_wq;
	unsigned long cl_cb_flags;
	atomic_t cl_rpc_users;
};

struct nfs4_stid {
	refcount_t sc_count;
	int sc_id;
	struct nfs4_client *sc_client;
};

struct nfsd4_callback {
	struct work_struct cb_work;
	struct nfs4_client *cb_clp;
	struct nfs4_stid *cb_stid;
	bool cb_holds_slot;
	int cb_status;
};

static struct nfs4_client *client;
static struct nfsd4_callback recall;

noinline void nfs4_put_stid(struct nfs4_stid *stid)
{
	idr_remove(stid->sc_client->cl_stateids, stid->sc_id);
	refcount_dec(&stid->sc_count);
}

static noinline void nfsd4_cb_recall_release(struct nfsd4_callback *cb)
{
	nfs4_put_stid(cb->cb_stid);
	cb->cb_status = 0;
}

static noinline void nfsd4_cb_release(struct nfsd4_callback *cb)
{
	cb->cb_holds_slot = false;
	nfsd4_cb_recall_release(cb);
	atomic_dec(&cb->cb_clp->cl_rpc_users);
}

static void nfsd4_run_cb_work(struct work_struct *work)
{
	struct nfsd4_callback *cb = container_of(work, struct nfsd4_callback, cb_work);

	nfsd4_cb_release(cb);
	cb->cb_clp->cl_cb_flags = 0;
}

/* Nobody waits for the callbacks that are under way. */
static noinline void nfsd4_shutdown_callback(struct nfs4_client *clp)
{
	clp->cl_cb_flags = 1;
	clp->cl_stateids = NULL;
}

static int __init nfsd_before_init(void)
{
	struct nfs4_stid *stid;

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	stid = kzalloc(sizeof(*stid), GFP_KERNEL);
	if (!client || !stid)
		return -ENOMEM;
	client->cl_stateids = kzalloc(sizeof(*client->cl_stateids), GFP_KERNEL);
	client->cl_callback_wq = alloc_workqueue("nfsd4_callbacks", 0, 0);
	if (!client->cl_stateids || !client->cl_callback_wq)
		return -ENOMEM;
	idr_init(client->cl_stateids);
	stid->sc_id = idr_alloc_cyclic(client->cl_stateids, stid, 0, 0, GFP_KERNEL);
	refcount_set(&stid->sc_count, 2);
	stid->sc_client = client;
	recall.cb_clp = client;
	recall.cb_stid = stid;
	INIT_WORK(&recall.cb_work, nfsd4_run_cb_work);

	lab_address("client", client);
	lab_address("stateid", stid);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());

	nfsd4_shutdown_callback(client);
	queue_work_on(0, client->cl_callback_wq, &recall.cb_work);
	return 0;
}
module_init(nfsd_before_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("inquest lab: a server without the count of callbacks in flight");
