// Whose stack an address is on, and where tasks slept: two CPUs of 6.1 on x86_64, and arm64's saved registers.
#include "kernel/stacks.h"

#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::kernel {
namespace {

using unwind::StackKind;
using unwind::testing::FakeKernel;

constexpr const char* kX86 = R"(
union thread_union { unsigned long stack[512]; };
struct irq_stack { char stack[4096]; };
struct cea_exception_stacks { char DF_stack_guard[4096], DF_stack[4096], NMI_stack_guard[4096], NMI_stack[4096]; };
struct inactive_task_frame { unsigned long r15, r14, r13, r12, bx, bp, ret_addr; };
struct task_struct { struct { unsigned long sp; } thread; struct { unsigned long flags; } thread_info; };
unsigned int nr_cpu_ids;
)";
constexpr const char* kArm64 = R"(
union thread_union { unsigned long stack[512]; };
struct cpu_context { unsigned long x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, fp, sp, pc; };
struct task_struct { struct { struct cpu_context cpu_context; } thread; };
)";

struct Machine {
  explicit Machine(const arch::Arch& arch, const char* types) : kernel(arch) {
    kernel.describe(types);
    for (int i = 0; i < 2; i++) {
      Task t;
      t.address = kernel.data(0x1000 + 0x200 * uint64_t(i));
      t.pid = 5 + i;
      t.stack = kernel.stack() + 0x1000 * uint64_t(i);
      tasks.tasks.push_back(t);
    }
  }
  // The last step: the memory is as it shall be.
  void start() {
    program = &kernel.program();
    cpus.emplace(*program);
    made.emplace(*program, *cpus, tasks);
  }
  FakeKernel kernel;
  TaskList tasks;
  const object::Program* program = nullptr;
  std::optional<PerCpu> cpus;
  std::optional<Stacks> made;
};

class StacksX86 : public ::testing::Test, protected Machine {
 protected:
  StacksX86() : Machine(arch::x86_64(), kX86) {
    number("nr_cpu_ids", 0, 2, 4);
    number("__cpu_possible_mask", 8, 3);
    kernel.variable("__per_cpu_offset", kernel.data(16), 16);
    kernel.put(kernel.data(24), 0x100);
    kernel.variable("hardirq_stack_ptr", kernel.data(0x200));
    kernel.put(kernel.data(0x200), kernel.data(0x6000) - 8);   // the top, as since 5.8
    kernel.put(kernel.data(0x300), kernel.data(0x8000));       // as before
    kernel.variable("cea_exception_stacks", kernel.data(0x208));
    kernel.put(kernel.data(0x208), kernel.data(0x9000));
  }
  void number(const char* name, uint64_t at, uint64_t value, uint64_t size = 8) { kernel.put(kernel.variable(name, kernel.data(at), size), value, size); }
  std::string kind_at(VirtualAddress a) {
    auto s = made->find(a);
    return s ? s->name : "";
  }
};

TEST_F(StacksX86, EachOfTheirKinds) {
  start();
  EXPECT_EQ(kind_at(kernel.stack() + 0x1008), "stack of  (pid 6)");
  EXPECT_EQ(kind_at(kernel.stack() + 0x2000), "");
  EXPECT_EQ(kind_at(kernel.data(0x5000)), "IRQ stack of CPU 0");
  EXPECT_EQ(kind_at(kernel.data(0x5fff)), "IRQ stack of CPU 0");
  EXPECT_EQ(kind_at(kernel.data(0x4fff)), "");
  EXPECT_EQ(kind_at(kernel.data(0x7000)), "IRQ stack of CPU 1");
  EXPECT_EQ(kind_at(kernel.data(0x8000)), "");
  EXPECT_EQ(kind_at(kernel.data(0x9000)), "");  // a guard
  EXPECT_EQ(kind_at(kernel.data(0xa000)), "double fault stack of CPU 0");
  EXPECT_EQ(kind_at(kernel.data(0xcff8)), "NMI stack of CPU 0");
  auto own = made->find(kernel.stack() + 0x1008);
  EXPECT_EQ(own->task, tasks.tasks[1].address);
  EXPECT_EQ(own->kind, StackKind::kTask);
}

TEST_F(StacksX86, PointersThatLieMakeNoStack) {
  kernel.put(kernel.data(0x200), 0x1000);
  kernel.put(kernel.data(0x208), 0x6b6b6b6b6b6b6b6b);
  kernel.put(kernel.data(0x300), uint64_t{0});
  start();
  EXPECT_TRUE(made->per_cpu_stacks().empty());
}

TEST_F(StacksX86, WhereATaskSlept) {
  VirtualAddress frame = kernel.stack() + 0x800;
  kernel.put(tasks.tasks[0].address, "task_struct.thread.sp", frame);
  kernel.put(frame, "inactive_task_frame.bx", 0x33);
  kernel.put(frame, "inactive_task_frame.ret_addr", kernel.text() + 0x10);
  start();
  auto c = made->context_of(tasks.tasks[0]);
  ASSERT_TRUE(c.ok()) << c.error().message();
  EXPECT_EQ(c->registers.get(arch::x86::kRbx), 0x33u);
  EXPECT_EQ(c->registers.get(arch::x86::kRip), (kernel.text() + 0x10).value);
  EXPECT_EQ(c->registers.get(arch::x86::kRsp), (frame + 56).value);
  EXPECT_TRUE(c->pc_is_return);
  EXPECT_FALSE(c->registers.get(arch::x86::kRax));
}

TEST_F(StacksX86, ATaskWithoutAStackOrWithAWildPointerSleptNowhere) {
  kernel.put(tasks.tasks[0].address, "task_struct.thread.sp", kernel.missing());
  tasks.tasks[1].stack = {};
  start();
  EXPECT_FALSE(made->sleeping(tasks.tasks[0]).ok());
  auto exited = made->sleeping(tasks.tasks[1]);
  ASSERT_FALSE(exited.ok());
  EXPECT_NE(exited.error().message().find("has exited"), std::string::npos);
}

// The processor's frame at the top of the NMI stack: all there is where the dump has no notes.
TEST_F(StacksX86, ACpuWithoutANoteShowsItsLastNmi) {
  VirtualAddress top = kernel.data(0xd000);
  kernel.put(top - 40, kernel.text() + 0x20);
  kernel.put(top - 32, 0x10);
  kernel.put(top - 16, kernel.stack() + 0x900);
  start();
  auto c = made->running(0);
  ASSERT_TRUE(c.ok()) << c.error().message();
  EXPECT_TRUE(c->maybe_stale);
  EXPECT_FALSE(c->user);
  EXPECT_EQ(c->registers.get(arch::x86::kRsp), (kernel.stack() + 0x900).value);
  EXPECT_FALSE(made->running(1).ok());
  EXPECT_FALSE(made->running(-1).ok());
}

TEST_F(StacksX86, AnNmiFrameWithAWildSelectorIsNone) {
  VirtualAddress top = kernel.data(0xd000);
  kernel.put(top - 40, kernel.text() + 0x20);
  kernel.put(top - 32, 0x6b6b6b60);
  start();
  EXPECT_FALSE(made->running(0).ok());
}

TEST_F(StacksX86, TheCanaryAtItsEnd) {
  kernel.put(kernel.stack(), 0x57AC6E9D);
  tasks.tasks.push_back({});
  tasks.tasks.back().stack = kernel.missing();
  start();
  EXPECT_EQ(made->stack_end_intact(tasks.tasks[0]), true);
  EXPECT_EQ(made->stack_end_intact(tasks.tasks[1]), false);
  EXPECT_EQ(made->stack_end_intact(tasks.tasks[2]), std::nullopt);
}

TEST(StacksA64, TheSavedContext) {
  Machine m(arch::aarch64(), kArm64);
  m.kernel.put(m.tasks.tasks[0].address, "task_struct.thread.cpu_context.x19", 0x19);
  m.kernel.put(m.tasks.tasks[0].address, "task_struct.thread.cpu_context.sp", m.kernel.stack() + 0x700);
  m.kernel.put(m.tasks.tasks[0].address, "task_struct.thread.cpu_context.pc", m.kernel.text() + 8);
  m.start();
  auto r = m.made->sleeping(m.tasks.tasks[0]);
  ASSERT_TRUE(r.ok()) << r.error().message();
  EXPECT_EQ(r->get(19), 0x19u);
  EXPECT_EQ(r->get(31), (m.kernel.stack() + 0x700).value);
  EXPECT_EQ(r->get(arch::a64::kPc), (m.kernel.text() + 8).value);
}

TEST(StacksWithoutTypes, SayWhatIsMissing) {
  for (const auto* arch : {&arch::x86_64(), &arch::aarch64()}) {
    Machine m(*arch, "");
    m.start();
    EXPECT_FALSE(m.made->sleeping(m.tasks.tasks[0]).ok());
    EXPECT_TRUE(m.made->per_cpu_stacks().empty());
  }
}

}  // namespace
}  // namespace inquest::kernel
