// Words that point into a range, in a dump of a few pages: an image, a vmapped stack, and plain memory of the linear map.
#include "kernel/references.h"

#include <gtest/gtest.h>

#include "unwind/testing/fake_kernel.h"

namespace inquest::kernel {
namespace {

constexpr uint64_t kTarget = 0xffff88800abc0000;
constexpr PhysicalAddress kDataAt(0x3000000);

class ReferencesTest : public ::testing::Test {
 protected:
  ReferencesTest() : fake(arch::x86_64()) {
    fake.function("twig", 0, "90 90 c3");
    fake.describe("struct list_head { struct list_head *next, *prev; }; union thread_union { unsigned long stack[512]; };"
                  "struct task_struct { struct list_head tasks, thread_group; int pid; void *stack; };");
  }
  // init_task is idle and in the image, which is text() alone here; another task lies in the linear map.
  void add_task(VirtualAddress stack) {
    VirtualAddress init = fake.variable("init_task", fake.text() + 0x1000, 64), task = fake.data(0x1000), linear = fake.linear(task);
    auto ring = [&](VirtualAddress at, VirtualAddress next) { fake.put(at, next), fake.put(at + 8, next); };
    ring(fake.place(init, "task_struct.tasks"), fake.place(linear, "task_struct.tasks"));
    ring(fake.place(task, "task_struct.tasks"), fake.place(init, "task_struct.tasks"));
    ring(fake.place(init, "task_struct.thread_group"), fake.place(init, "task_struct.thread_group"));
    ring(fake.place(task, "task_struct.thread_group"), fake.place(linear, "task_struct.thread_group"));
    fake.put(task, "task_struct.pid", 7);
    fake.put(task, "task_struct.stack", stack);
  }
  // The last step: the memory is as it shall be.
  const Kernel& kernel() {
    if (!kernel_) kernel_ = Kernel::without_dump(fake.dump(), fake.program().layout(), fake.debug(), {}, fake.ledger());
    return *kernel_;
  }
  References find(uint64_t low, uint64_t high) { return find_references(kernel(), low, high); }
  unwind::testing::FakeKernel fake;

 private:
  std::unique_ptr<Kernel> kernel_;
};

TEST_F(ReferencesTest, EachPlaceIsNamedAsTheKernelKnowsIt) {
  add_task(fake.vmapped(fake.stack() + 0x1000));
  fake.put(fake.text() + 0x3000, kTarget);       // the image
  fake.put(fake.stack() + 0x1808, kTarget + 8);  // the task's stack
  fake.put(fake.stack() + 0x2008, kTarget + 8);  // behind it
  fake.put(fake.data(0x4000), kTarget + 0xff);
  fake.put(fake.data(0x4010), kTarget + 0x100);  // one too far
  fake.put(fake.data(0x4018), kTarget - 1);
  References all = find(kTarget, kTarget + 0x100);
  ASSERT_EQ(kernel().tasks().tasks.size(), 1u);
  ASSERT_EQ(all.found.size(), 4u);
  EXPECT_EQ(all.found[0].at, fake.linear(fake.stack() + 0x2008));
  EXPECT_EQ(all.found[1].at, fake.linear(fake.data(0x4000)));
  EXPECT_EQ(all.found[1].value, kTarget + 0xff);
  EXPECT_EQ(all.found[1].physical, kDataAt + 0x4000);
  EXPECT_EQ(all.found[2].at, fake.vmapped(fake.stack() + 0x1808));
  EXPECT_EQ(all.found[3].at, fake.text() + 0x3000);
  EXPECT_FALSE(all.limited);
  EXPECT_GE(all.bytes_scanned, fake.kDataSize + fake.kStackSize);
}

TEST_F(ReferencesTest, WordsAreAlignedAndARangeMayBeEmpty) {
  add_task(fake.stack());
  fake.put(fake.data(0x4004), kTarget);
  EXPECT_TRUE(find(kTarget, kTarget + 8).found.empty());
  fake.put(fake.data(0x5000), kTarget);
  EXPECT_TRUE(find(kTarget, kTarget).found.empty());
  EXPECT_TRUE(find(kTarget + 8, kTarget).found.empty());  // its ends exchanged
}

TEST_F(ReferencesTest, TheRangeMayEndWithMemory) {
  add_task(fake.stack());
  fake.put(fake.data(0x4000), ~uint64_t{0} - 1);
  fake.put(fake.data(0x4008), ~uint64_t{0});
  EXPECT_EQ(find(~uint64_t{0} - 15, ~uint64_t{0}).found.size(), 1u);
}

TEST_F(ReferencesTest, WithoutATaskTheLinearMapIsNotKnown) {
  fake.put(fake.text() + 0x3000, kTarget);
  fake.put(fake.data(0x4000), kTarget);
  References all = find(kTarget, kTarget + 8);
  ASSERT_EQ(all.found.size(), 2u);
  EXPECT_TRUE(all.found[0].at.is_null());
  EXPECT_EQ(all.found[0].physical, kDataAt + 0x4000);
  EXPECT_EQ(all.found[1].at, fake.text() + 0x3000);
}

TEST_F(ReferencesTest, AStackThatIsNotMappedIsPassedOver) {
  add_task(VirtualAddress(~uint64_t{0} - 100));
  ReverseMap map(kernel());
  EXPECT_EQ(map.virtual_of(kDataAt + 0x4010), fake.linear(fake.data(0x4010)));
  EXPECT_EQ(map.virtual_of(PhysicalAddress(0x1000010)), fake.text() + 0x10);
}

TEST_F(ReferencesTest, OfTooManyTheLowestStay) {
  for (uint64_t at = 0; at < 0x4000; at += 8) fake.put(fake.text() + at, kTarget);
  for (uint64_t at = 0; at < fake.kStackSize; at += 8) fake.put(fake.stack() + at, kTarget);
  for (uint64_t at = 0; at < fake.kDataSize; at += 8) fake.put(fake.data(at), kTarget);
  uint64_t before_data = (0x4000 + fake.kStackSize) / 8;
  for (int again = 0; again < 20; again++) {
    References all = find(kTarget, kTarget + 8);
    EXPECT_TRUE(all.limited);
    ASSERT_EQ(all.found.size(), kMaxReferences);
    PhysicalAddress last(0);
    for (const Reference& r : all.found) last = std::max(last, r.physical);
    ASSERT_EQ(last, kDataAt + 8 * (kMaxReferences - before_data - 1));
  }
}

}  // namespace
}  // namespace inquest::kernel
