/* What a case tells the lab about itself: lines `lab: KEY VALUE` in the guest's log, which end up in truth.json. */
#ifndef LAB_TRUTH_H
#define LAB_TRUTH_H

#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#define lab_address(key, pointer) printk(KERN_INFO "lab: " key " 0x%px\n", (void *)(pointer))
#define lab_number(key, value) printk(KERN_INFO "lab: " key " %llu\n", (unsigned long long)(value))

/* Every thread except the idle ones. */
static noinline unsigned int lab_count_tasks(void)
{
	struct task_struct *process, *thread;
	unsigned int count = 0;

	rcu_read_lock();
	for_each_process_thread(process, thread)
		count++;
	rcu_read_unlock();
	return count;
}

static int lab_at_panic(struct notifier_block *block, unsigned long event, void *message)
{
	lab_number("tasks_at_panic", lab_count_tasks());
	return NOTIFY_DONE;
}

static struct notifier_block lab_panic_block = { .notifier_call = lab_at_panic };

/* Called once when the module is loaded. The count at the panic is exact; a guest that kdump saves never gets there,
 * so a case also reports the number of tasks just before it crashes. */
static void lab_watch_panic(void)
{
	atomic_notifier_chain_register(&panic_notifier_list, &lab_panic_block);
}

#endif
