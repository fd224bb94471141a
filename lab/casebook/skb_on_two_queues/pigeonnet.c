// SPDX-License-Identifier: GPL-2.0
/* A network device that carries packets by pigeon: queued by ndo_start_xmit, flown by a work item, retried when lost. */
#include <linux/etherdevice.h>
#include <linux/kthread.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct pigeon {
	struct net_device *net;
	struct sk_buff_head loft;
	struct sk_buff_head lost;
	struct delayed_work fly;
	u32 flown;
	u32 strayed;
};

static struct net_device *pigeon_net;

static netdev_tx_t pigeon_xmit(struct sk_buff *skb, struct net_device *net)
{
	struct pigeon *pigeon = netdev_priv(net);

	skb_queue_tail(&pigeon->loft, skb);
	return NETDEV_TX_OK;
}

static noinline bool pigeon_strays(struct pigeon *pigeon)
{
	return pigeon->flown % 5 == 3;
}

static noinline void pigeon_fly(struct pigeon *pigeon)
{
	struct sk_buff *skb = skb_peek(&pigeon->loft);

	if (!skb)
		return;
	pigeon->flown++;
	if (pigeon_strays(pigeon)) {
		pigeon->strayed++;
		skb_queue_tail(&pigeon->lost, skb); /* guilty */
		return;
	}
	skb_unlink(skb, &pigeon->loft); /* guilty */
	pigeon->net->stats.tx_packets++;
	pigeon->net->stats.tx_bytes += skb->len;
	dev_kfree_skb(skb);
}

static noinline void pigeon_search(struct pigeon *pigeon)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&pigeon->lost)))
		skb_queue_head(&pigeon->loft, skb); /* guilty */
}

static void pigeon_work(struct work_struct *work)
{
	struct pigeon *pigeon = container_of(work, struct pigeon, fly.work);

	pigeon_search(pigeon);
	pigeon_fly(pigeon); /* guilty */
	schedule_delayed_work(&pigeon->fly, msecs_to_jiffies(20));
}

static const struct net_device_ops pigeon_ops = { .ndo_start_xmit = pigeon_xmit };

static void pigeon_setup(struct net_device *net)
{
	ether_setup(net);
	net->netdev_ops = &pigeon_ops;
	net->flags |= IFF_NOARP;
	eth_hw_addr_random(net);
}

static int __init pigeonnet_init(void)
{
	struct pigeon *pigeon;
	unsigned int at;
	int status;

	pigeon_net = alloc_netdev(sizeof(struct pigeon), "pigeon%d", NET_NAME_ENUM, pigeon_setup);
	if (!pigeon_net)
		return -ENOMEM;
	pigeon = netdev_priv(pigeon_net);
	pigeon->net = pigeon_net;
	skb_queue_head_init(&pigeon->loft);
	skb_queue_head_init(&pigeon->lost);
	INIT_DELAYED_WORK(&pigeon->fly, pigeon_work);
	status = register_netdev(pigeon_net);
	if (status)
		return status;
	rtnl_lock();
	dev_open(pigeon_net, NULL);
	rtnl_unlock();
	lab_address("loft", &pigeon->loft);
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	for (at = 0; at < 12; at++) {
		struct sk_buff *skb = netdev_alloc_skb(pigeon_net, 128);

		if (!skb)
			return -ENOMEM;
		skb_put_zero(skb, 60 + at);
		skb->dev = pigeon_net;
		skb->protocol = htons(ETH_P_802_3);
		dev_queue_xmit(skb);
	}
	schedule_delayed_work(&pigeon->fly, HZ);
	return 0;
}
module_init(pigeonnet_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("pigeon network");
