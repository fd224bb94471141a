#include "kernel/task_rescue.h"

#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::kernel {
namespace {

class TaskRescueTest : public ::testing::Test {
 protected:
  TaskRescueTest() : kernel(arch::x86_64()) {
    kernel.describe("struct xa_node { unsigned char shift; void *slots[4]; }; struct pid { int count; void *tasks[4]; };"
                    "struct pid_namespace { struct { struct { unsigned int lock; void *xa_head; } idr_rt; } idr; };"
                    "struct task_struct { int pid; struct { void *next, **pprev; } pid_links[4]; };");
    kernel.put(kernel.variable("init_pid_ns", kernel.data(), 24), "pid_namespace.idr.idr_rt.xa_head", root.value | 2);
  }
  void slot(VirtualAddress node, uint64_t i, uint64_t entry) { kernel.put(kernel.place(node, "xa_node.slots") + 8 * i, entry); }
  // A struct pid at data(at) of the task at data(at + 0x80).
  uint64_t pid(uint64_t at) {
    kernel.put(kernel.place(kernel.data(at), "pid.tasks"), kernel.place(kernel.data(at + 0x80), "task_struct.pid_links"));
    return kernel.data(at).value;
  }
  RescuedTasks read() { return tasks_by_pid(KernelView(kernel.program())); }
  unwind::testing::FakeKernel kernel;
  VirtualAddress root = kernel.data(0x1000), below = kernel.data(0x1100);
};

TEST_F(TaskRescueTest, EveryPidOfTheTable) {
  slot(root, 0, pid(0x2000));
  slot(root, 2, below.value | 2);
  slot(below, 3, pid(0x2200));
  slot(below, 1, kernel.data(0x2400).value);  // a pid that heads no task
  EXPECT_EQ(read().tasks, (std::vector{kernel.data(0x2080), kernel.data(0x2280)}));
}

TEST_F(TaskRescueTest, WhatIsOutOfReachIsCounted) {
  slot(root, 0, kernel.missing().value);
  slot(root, 1, kernel.missing().value | 2);
  slot(root, 2, 0x6b6b6b6b6b6b6b6b);  // neither node nor pid
  slot(root, 3, pid(0x2000));
  RescuedTasks r = read();
  EXPECT_EQ(r.tasks.size(), 1u);
  EXPECT_EQ(r.unreadable, 2u);
}

TEST_F(TaskRescueTest, ATableThatLeadsBackIntoItselfIsReadOnce) {
  slot(root, 0, pid(0x2000));
  for (uint64_t i : {1, 2, 3}) slot(root, i, root.value | 2);
  EXPECT_EQ(read().tasks.size(), 1u);
}

}  // namespace
}  // namespace inquest::kernel
