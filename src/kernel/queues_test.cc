// Run queues, timer wheels, open files and merged caches of a kernel drawn by hand: whole ones, and ones that lead nowhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/open_files.h"
#include "kernel/run_queues.h"
#include "kernel/slab_aliases.h"
#include "kernel/timer_wheel.h"
#include "unwind/testing/fake_kernel.h"

namespace inquest::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unwind::testing::FakeKernel;

constexpr const char* kTypes = R"(
struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next; struct hlist_node **pprev; };
struct hlist_head { struct hlist_node *first; };
struct rb_node { unsigned long parent; struct rb_node *rb_right, *rb_left; };
struct rb_root { struct rb_node *rb_node; };
struct rt_prio_array { unsigned long bitmap[2]; struct list_head queue[4]; };
struct rt_rq { struct rt_prio_array active; unsigned int rt_nr_running; };
struct sched_rt_entity { struct list_head run_list; struct rt_rq *my_q; };
struct sched_entity { unsigned long vruntime; struct list_head group_node; unsigned char sched_delayed; };
struct task_struct { int pid; struct sched_entity se; struct sched_rt_entity rt; struct fs_struct *fs; struct files_struct *files; };
struct rq { unsigned int nr_running; struct rt_rq rt; struct { unsigned int dl_nr_running; } dl; struct list_head cfs_tasks; struct task_struct *curr; };
struct rq runqueues;
struct timer_list { struct hlist_node entry; unsigned long expires; void *function; unsigned int flags; };
struct timer_base { unsigned int lock; struct timer_list *running_timer; unsigned long clk; struct hlist_head vectors[4]; };
struct timer_base timer_bases[2];
unsigned long jiffies_64;
struct file_system_type { char *name; };
struct super_block { struct file_system_type *s_type; };
struct inode { unsigned short i_mode; unsigned long i_ino; };
struct dentry_operations { void *d_revalidate, *d_dname; };
struct dentry { struct dentry *d_parent; struct { unsigned long hash; char *name; } d_name; struct inode *d_inode; struct dentry_operations *d_op; struct super_block *d_sb; };
struct vfsmount { struct dentry *mnt_root; };
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file { unsigned long f_mode; struct path f_path; struct inode *f_inode; };
struct fs_struct { int users; struct path root, pwd; };
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { int count; struct fdtable *fdt; };
struct kernfs_node { char *name; struct rb_node rb; union { struct { unsigned long subdirs; struct rb_root children; } dir; struct { struct kernfs_node *target_kn; } symlink; }; unsigned short flags; };
struct kobject { char *name; struct kernfs_node *sd; };
struct kset { long list; struct kobject kobj; };
struct kmem_cache { unsigned int size; struct kobject kobj; };
struct kset *slab_kset;
)";

class QueuesTest : public ::testing::Test {
 protected:
  QueuesTest() {
    kernel.function("wake_up_call", 0, "90 90 c3");
    kernel.describe(kTypes);
    kernel.variable("runqueues", rq, 0x200);
    kernel.variable("timer_bases", bases, 0x200);
    kernel.variable("jiffies_64", kernel.data(0x8));
    kernel.variable("slab_kset", kernel.data(0x10));
    for (int i = 0; i < 4; i++) kernel.ring({queue(i)});
    kernel.ring({kernel.place(rq, "rq.cfs_tasks")});
    kernel.put(rq, "rq.curr", task(0));
  }
  VirtualAddress queue(int priority) const { return kernel.place(rq, "rq.rt.active.queue") + 16 * uint64_t(priority); }
  VirtualAddress task(int i) const { return kernel.data(0x1000 + 0x100 * uint64_t(i)); }
  VirtualAddress text(std::string_view words) {
    VirtualAddress at = kernel.data(next_text_);
    for (char c : words) kernel.put(kernel.data(next_text_++), uint64_t(static_cast<unsigned char>(c)), 1);
    next_text_++;
    return at;
  }
  VirtualAddress dentry(uint64_t at, std::string_view name, VirtualAddress parent) {
    VirtualAddress d = kernel.data(at);
    kernel.put(d, "dentry.d_parent", parent);
    kernel.put(d, "dentry.d_name.name", text(name));
    return d;
  }
  RunQueue read_queue() {
    const auto& program = kernel.program();
    auto all = read_run_queues(program, PerCpu(program));
    return all.empty() ? RunQueue{} : all.front();
  }

  FakeKernel kernel{arch::x86_64()};
  VirtualAddress rq = kernel.data(0x400), bases = kernel.data(0x800);
  uint64_t next_text_ = 0x8000;
};

TEST_F(QueuesTest, TasksOfEachClass) {
  kernel.put(rq, "rq.nr_running", 3);
  kernel.put(rq, "rq.dl.dl_nr_running", 2);
  kernel.ring({queue(2), kernel.place(task(1), "task_struct.rt.run_list")});
  kernel.ring({kernel.place(rq, "rq.cfs_tasks"), kernel.place(task(0), "task_struct.se.group_node"), kernel.place(task(2), "task_struct.se.group_node")});
  kernel.put(task(2) + (kernel.place(task(2), "task_struct.se.sched_delayed") - task(2)), 1, 1);
  RunQueue q = read_queue();
  EXPECT_EQ(q.current, task(0));
  EXPECT_EQ(q.running, 3u);
  EXPECT_EQ(q.deadline, 2u);
  ASSERT_EQ(q.queued.size(), 3u);
  EXPECT_EQ(q.queued[0].task, task(1));
  EXPECT_TRUE(q.queued[0].real_time);
  EXPECT_EQ(q.queued[0].priority, 2);
  EXPECT_EQ(q.queued[1].task, task(0));
  EXPECT_FALSE(q.queued[1].delayed);
  EXPECT_TRUE(q.queued[2].delayed);
  EXPECT_EQ(q.problem, "");
}

TEST_F(QueuesTest, AGroupOfRealTimeTasks) {
  VirtualAddress group = kernel.data(0x3000), own = kernel.data(0x3100);
  kernel.ring({queue(0), kernel.place(group, "sched_rt_entity.run_list")});
  kernel.put(group, "sched_rt_entity.my_q", own);
  for (int i = 0; i < 4; i++) kernel.ring({kernel.place(own, "rt_rq.active.queue") + 16 * uint64_t(i)});
  kernel.ring({kernel.place(own, "rt_rq.active.queue") + 16, kernel.place(task(3), "task_struct.rt.run_list")});
  RunQueue q = read_queue();
  ASSERT_EQ(q.queued.size(), 1u);
  EXPECT_EQ(q.queued[0].task, task(3));
}

TEST_F(QueuesTest, AGroupInsideItself) {
  VirtualAddress group = kernel.data(0x3000);
  kernel.ring({queue(0), kernel.place(group, "sched_rt_entity.run_list")});
  kernel.put(group, "sched_rt_entity.my_q", kernel.place(rq, "rq.rt"));
  EXPECT_TRUE(read_queue().queued.empty()) << "it ends";
}

TEST_F(QueuesTest, ABrokenQueueIsTold) {
  kernel.put(kernel.place(rq, "rq.cfs_tasks"), kernel.missing());
  EXPECT_THAT(read_queue().problem, HasSubstr("the list of fair tasks is broken"));
}

TEST_F(QueuesTest, TimersEarliestFirst) {
  VirtualAddress second = bases + 56;  // sizeof(struct timer_base)
  kernel.put(kernel.data(0x8), 1000);
  kernel.put(bases, "timer_base.clk", 998);
  for (int i = 0; i < 3; i++) {
    VirtualAddress t = kernel.data(0x4000 + 0x100 * uint64_t(i));
    kernel.put(t, "timer_list.expires", 1500 - 200 * uint64_t(i));
    kernel.put(t, "timer_list.function", kernel.at("wake_up_call"));
  }
  kernel.put(kernel.place(bases, "timer_base.vectors"), kernel.data(0x4000));
  kernel.put(kernel.data(0x4000), kernel.data(0x4100));
  kernel.put(kernel.place(bases, "timer_base.vectors") + 24, kernel.data(0x4200));
  kernel.put(kernel.place(second, "timer_base.vectors"), kernel.data(0x4100));  // a chain that another one owns
  const auto& program = kernel.program();
  TimerWheels wheels = read_timer_wheels(program, PerCpu(program));
  ASSERT_EQ(wheels.bases.size(), 2u);
  EXPECT_EQ(wheels.jiffies, 1000u);
  std::vector<uint64_t> when;
  for (const auto& t : wheels.bases[0].timers) when.push_back(t.expires);
  EXPECT_THAT(when, ElementsAre(1100u, 1300u, 1500u));
  EXPECT_EQ(wheels.bases[0].timers[0].timer, kernel.data(0x4200));
  EXPECT_EQ(wheels.bases[0].problem, "");
  EXPECT_THAT(wheels.bases[1].problem, HasSubstr("met before"));
}

TEST_F(QueuesTest, ATimerThatCannotBeRead) {
  kernel.put(kernel.place(bases, "timer_base.vectors"), kernel.missing());
  const auto& program = kernel.program();
  EXPECT_THAT(read_timer_wheels(program, PerCpu(program)).bases.at(0).problem, HasSubstr("cannot be read"));
}

TEST_F(QueuesTest, FilesWithTheirPathsThroughMounts) {
  VirtualAddress fs = kernel.data(0x5000), files = kernel.data(0x5080), table = kernel.data(0x50c0), array = kernel.data(0x5100), upper = kernel.data(0x5200), lower = kernel.data(0x5280);
  VirtualAddress root = dentry(0x6000, "/", kernel.data(0x6000)), mnt = dentry(0x6080, "mnt", root), top = dentry(0x6100, "/", kernel.data(0x6100));
  VirtualAddress log = dentry(0x6180, "log", top), pipe = dentry(0x6200, "", kernel.data(0x6200)), ops = kernel.data(0x6300), super = kernel.data(0x6340), type = kernel.data(0x6380), node = kernel.data(0x63c0);
  kernel.put(upper, "mount.mnt_parent", upper);
  kernel.put(upper, "mount.mnt.mnt_root", root);
  kernel.put(lower, "mount.mnt_parent", upper);
  kernel.put(lower, "mount.mnt_mountpoint", mnt);
  kernel.put(lower, "mount.mnt.mnt_root", top);
  kernel.put(task(0), "task_struct.fs", fs);
  kernel.put(task(0), "task_struct.files", files);
  kernel.put(files, "files_struct.fdt", table);
  kernel.put(table, "fdtable.max_fds", 4);
  kernel.put(table, "fdtable.fd", array);
  kernel.put(fs, "fs_struct.root.mnt", kernel.place(upper, "mount.mnt"));
  kernel.put(fs, "fs_struct.root.dentry", root);
  kernel.put(fs, "fs_struct.pwd.mnt", kernel.place(lower, "mount.mnt"));
  kernel.put(fs, "fs_struct.pwd.dentry", top);
  for (auto [slot, what] : {std::pair{1, log}, {3, pipe}}) {
    VirtualAddress file = kernel.data(0x7000 + 0x100 * uint64_t(slot));
    kernel.put(array + 8 * uint64_t(slot), file);
    kernel.put(file, "file.f_path.mnt", kernel.place(lower, "mount.mnt"));
    kernel.put(file, "file.f_path.dentry", what);
    kernel.put(file, "file.f_inode", node);
  }
  kernel.put(pipe, "dentry.d_op", ops);
  kernel.put(ops, "dentry_operations.d_dname", kernel.at("wake_up_call"));
  kernel.put(pipe, "dentry.d_sb", super);
  kernel.put(super, "super_block.s_type", type);
  kernel.put(type, "file_system_type.name", text("pipefs"));
  kernel.put(pipe, "dentry.d_inode", node);
  kernel.put(node, "inode.i_ino", 77);
  kernel.put(node, "inode.i_mode", 0010600);
  OpenFiles open = read_open_files(kernel.program(), task(0));
  EXPECT_EQ(open.root, "/");
  EXPECT_EQ(open.current, "/mnt");
  ASSERT_EQ(open.files.size(), 2u) << open.problem;
  EXPECT_EQ(open.files[0].fd, 1u);
  EXPECT_EQ(open.files[0].path, "/mnt/log");
  EXPECT_EQ(open.files[1].path, "pipe:[77]");
  EXPECT_STREQ(file_type(open.files[1].mode), "FIFO");
}

TEST_F(QueuesTest, ATaskWithoutFilesAndAHugeTable) {
  EXPECT_EQ(read_open_files(kernel.program(), task(1)).problem, "it has no files any more");
}

TEST_F(QueuesTest, ATableThatClaimsTooMuch) {
  VirtualAddress files = kernel.data(0x5080), table = kernel.data(0x50c0);
  kernel.put(task(0), "task_struct.files", files);
  kernel.put(files, "files_struct.fdt", table);
  kernel.put(table, "fdtable.max_fds", 0xffffffff);
  kernel.put(table, "fdtable.fd", kernel.missing());
  OpenFiles open = read_open_files(kernel.program(), task(0));
  EXPECT_TRUE(open.files.empty());
  EXPECT_THAT(open.problem, HasSubstr("cannot be read"));
}

TEST_F(QueuesTest, NamesThatShareACache) {
  VirtualAddress kset = kernel.data(0x5000), folder = kernel.data(0x5100), cache = kernel.data(0x5200), own = kernel.data(0x5300);
  VirtualAddress a = kernel.data(0x5400), b = kernel.data(0x5500), c = kernel.data(0x5600);
  kernel.put(kernel.data(0x10), kset);
  kernel.put(kset, "kset.kobj.sd", folder);
  kernel.put(cache, "kmem_cache.kobj.sd", own);
  kernel.put(folder, "kernfs_node.dir.children.rb_node", kernel.place(a, "kernfs_node.rb"));
  kernel.put(a, "kernfs_node.rb.rb_left", kernel.place(b, "kernfs_node.rb"));
  kernel.put(a, "kernfs_node.rb.rb_right", kernel.place(c, "kernfs_node.rb"));
  kernel.put(c, "kernfs_node.rb.rb_left", kernel.place(a, "kernfs_node.rb"));  // a loop
  for (auto [node, name, flags, target] : {std::tuple{a, "pool_b", 4, own}, {b, "pool_a", 4, own}, {c, "other", 4, a}}) {
    kernel.put(node, "kernfs_node.name", text(name));
    kernel.put(node, "kernfs_node.flags", uint64_t(flags));
    kernel.put(node, "kernfs_node.symlink.target_kn", target);
  }
  SlabCache merged;
  merged.address = cache;
  EXPECT_THAT(names_sharing(kernel.program(), merged), ElementsAre("pool_a", "pool_b"));
}

}  // namespace
}  // namespace inquest::kernel
