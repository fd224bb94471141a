// The task list drawn by hand, as 6.1 has it: whole, broken, and with members that lie.
#include "kernel/tasks.h"

#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::kernel {
namespace {

constexpr const char* kTypes = R"(
struct list_head { struct list_head *next, *prev; };
struct thread_info { unsigned long flags; unsigned int cpu; };
struct signal_struct { struct list_head thread_head; };
struct mm_struct { unsigned long total_vm; };
struct task_struct { struct thread_info thread_info; unsigned int __state; void *stack; unsigned int flags; struct list_head tasks; struct mm_struct *mm;
                     int exit_state, pid, tgid; struct task_struct *real_parent, *group_leader; struct list_head thread_node; char comm[16];
                     struct signal_struct *signal; };
struct rq { struct task_struct *curr, *idle; };
unsigned int nr_threads;
)";

class TasksTest : public ::testing::Test {
 protected:
  explicit TasksTest(const char* types = kTypes) : kernel(arch::x86_64()) {
    kernel.describe(types);
    init = kernel.variable("init_task", kernel.data(0x1000), 0x100);
  }
  // Thread `pid` of `leader` (null: it leads itself), with its links left open.
  VirtualAddress task(int pid, const char* comm, VirtualAddress leader = {}) {
    VirtualAddress at = pid ? kernel.data(0x1000 + 0x200 * uint64_t(pid)) : init;
    kernel.put(at, "task_struct.pid", uint64_t(pid));
    kernel.put(at, "task_struct.tgid", uint64_t(leader.is_null() ? pid : int((leader - kernel.data(0x1000)) / 0x200)));
    kernel.put(at, "task_struct.group_leader", leader.is_null() ? at : leader);
    kernel.put(at, "task_struct.real_parent", init);
    for (size_t i = 0; comm[i]; i++) kernel.put(kernel.place(at, "task_struct.comm") + i, uint64_t(static_cast<unsigned char>(comm[i])), 1);
    if (leader.is_null()) {
      kernel.put(at, "task_struct.signal", at + 0x180);
      leaders.push_back(kernel.place(at, "task_struct.tasks"));
      threads(at, {at});
    }
    return at;
  }
  void threads(VirtualAddress leader, const std::vector<VirtualAddress>& all) {
    std::vector<VirtualAddress> ring = {leader + 0x180};
    for (VirtualAddress t : all) ring.push_back(kernel.place(t, "task_struct.thread_node"));
    kernel.ring(ring);
  }
  void whole_list() { kernel.ring(leaders); }
  const TaskList& read() {
    if (!list) {
      const auto& program = kernel.program();
      cpus.emplace(program);
      list = read_tasks(program, *cpus);
    }
    return *list;
  }
  std::string pids() {
    std::string all;
    for (const Task& t : read().tasks) all += (all.empty() ? "" : " ") + std::to_string(t.pid);
    return all;
  }
  unwind::testing::FakeKernel kernel;
  VirtualAddress init;
  std::vector<VirtualAddress> leaders;
  std::optional<PerCpu> cpus;
  std::optional<TaskList> list;
};

TEST_F(TasksTest, LeadersTheirThreadsAndTheIdleOne) {
  task(0, "swapper/0");
  VirtualAddress one = task(1, "init"), two = task(2, "sixteen letters!"), three = task(3, "worker", one);
  threads(one, {one, three});
  kernel.put(one, "task_struct.mm", kernel.data(0x3000));
  kernel.put(kernel.data(0x3000), "mm_struct.total_vm", 10);
  kernel.put(two, "task_struct.flags", 0x00200000);
  kernel.put(two, "task_struct.__state", 0x402);
  kernel.put(three, "task_struct.__state", 1);
  kernel.put(three, "task_struct.thread_info.cpu", 7);
  kernel.put(kernel.variable("nr_threads", kernel.data(0x10), 4), 3, 4);
  whole_list();
  EXPECT_EQ(pids(), "1 3 2");
  EXPECT_EQ(read().note, "");
  ASSERT_EQ(read().idle.size(), 1u);
  EXPECT_TRUE(read().idle[0].is_idle);
  EXPECT_EQ(read().find_pid(0)->comm, "swapper/0");
  const Task& t = *read().find(three);
  EXPECT_EQ(t.tgid, 1);
  EXPECT_EQ(t.leader, one);
  EXPECT_EQ(t.cpu, 7);
  EXPECT_EQ(t.parent_pid, 0);
  EXPECT_EQ(t.state, "IN");
  EXPECT_EQ(read().find_pid(1)->state, "RU");
  EXPECT_EQ(read().find_pid(1)->vm_bytes, 40960u);
  EXPECT_TRUE(read().find_pid(2)->is_kernel_thread);
  EXPECT_EQ(read().find_pid(2)->state, "ID");
  EXPECT_EQ(read().find_pid(2)->comm, "sixteen letters!");
}

TEST_F(TasksTest, ABreakIsSaidAndTheRestComesFromBehind) {
  task(0, "swapper/0");
  VirtualAddress one = task(1, "a");
  task(2, "b"), task(3, "c");
  whole_list();
  kernel.put(kernel.place(one, "task_struct.tasks"), 0x6b6b6b6b6b6b6b6b);
  EXPECT_EQ(pids(), "1 2 3");
  EXPECT_NE(read().note.find("broken"), std::string::npos);
  EXPECT_FALSE(kernel.ledger().entries().empty());
}

TEST_F(TasksTest, ALoopEnds) {
  task(0, "swapper/0");
  VirtualAddress one = task(1, "a"), two = task(2, "b");
  whole_list();
  kernel.put(kernel.place(two, "task_struct.tasks"), kernel.place(one, "task_struct.tasks"));
  EXPECT_EQ(pids(), "1 2");
  EXPECT_NE(read().note.find("loops"), std::string::npos);
}

TEST_F(TasksTest, ALeaderOutOfReachLeavesFewerThanTheKernelCounted) {
  task(0, "swapper/0");
  VirtualAddress one = task(1, "a");
  whole_list();
  kernel.put(kernel.place(one, "task_struct.tasks"), kernel.place(kernel.missing(), "task_struct.tasks"));
  kernel.put(kernel.variable("nr_threads", kernel.data(0x10), 4), 2, 4);
  EXPECT_EQ(pids(), "1");
  EXPECT_NE(read().note.find("the kernel counted 2"), std::string::npos);
}

TEST_F(TasksTest, AThreadListThatBreaksCostsItsThreadsAlone) {
  task(0, "swapper/0");
  VirtualAddress one = task(1, "a");
  task(2, "b");
  whole_list();
  kernel.put(one + 0x180, uint64_t{8});
  kernel.put(one + 0x188, uint64_t{8});
  EXPECT_EQ(pids(), "1 2");
  EXPECT_NE(read().note.find("1 thread lists are broken"), std::string::npos);
}

TEST(TasksWithoutTypes, NoListIsSaid) {
  unwind::testing::FakeKernel kernel(arch::x86_64());
  kernel.describe("");
  const auto& program = kernel.program();
  PerCpu cpus(program);
  TaskList list = read_tasks(program, cpus);
  EXPECT_TRUE(list.tasks.empty());
  EXPECT_NE(list.note.find("init_task"), std::string::npos);
  EXPECT_EQ(thread_size(program), 16384u);
}

}  // namespace
}  // namespace inquest::kernel
