#include <gtest/gtest.h>

#include "kernel/freelist.h"
#include "kernel/kernel_view.h"
#include "kernel/modules.h"
#include "kernel/system.h"
#include "kernel/testing/fake_memory.h"

namespace inquest::kernel {
namespace {

using testing::FakeMemory;
using testing::kLinear;

constexpr uint64_t kHead = kLinear + 0x8000;
uint64_t node(int i) { return kLinear + 0x8100 + 0x40 * uint64_t(i); }

void link(FakeMemory& memory, const std::vector<uint64_t>& ring) {
  for (size_t i = 0; i < ring.size(); i++) {
    memory.put<uint64_t>(ring[i], ring[(i + 1) % ring.size()]);
    memory.put<uint64_t>(ring[i] + 8, ring[(i + ring.size() - 1) % ring.size()]);
  }
}

TEST(List, InOrderAndWhole) {
  FakeMemory memory;
  link(memory, {kHead, node(1), node(2), node(3)});
  auto list = read_list(memory.space(), VirtualAddress(kHead));
  EXPECT_EQ(list.nodes, (std::vector{VirtualAddress(node(1)), VirtualAddress(node(2)), VirtualAddress(node(3))}));
  EXPECT_EQ(list.problem, "");
}

TEST(List, BehindABreakTheRestIsReachedBackwards) {
  FakeMemory memory;
  link(memory, {kHead, node(1), node(2), node(3), node(4)});
  memory.put<uint64_t>(node(2), 0x6b6b6b6b6b6b6b6b);
  auto list = read_list(memory.space(), VirtualAddress(kHead));
  EXPECT_EQ(list.nodes.size(), 4u);
  EXPECT_EQ(list.nodes.back(), VirtualAddress(node(4)));
  EXPECT_NE(list.problem.find("0x6b6b6b6b6b6b6b6b"), std::string::npos);
}

TEST(List, ALoopIsNoticed) {
  FakeMemory memory;
  link(memory, {kHead, node(1), node(2), node(3)});
  memory.put<uint64_t>(node(3), node(2));
  auto list = read_list(memory.space(), VirtualAddress(kHead));
  EXPECT_EQ(list.nodes.size(), 3u);
  EXPECT_NE(list.problem.find("loops"), std::string::npos);
}

TEST(List, AnUnreadableEntryIsLeftOut) {
  FakeMemory memory;
  link(memory, {kHead, node(1), node(2)});
  memory.put<uint64_t>(node(1), kLinear + (uint64_t{1} << 29));  // mapped, but no RAM
  auto list = read_list(memory.space(), VirtualAddress(kHead));
  EXPECT_EQ(list.nodes, (std::vector{VirtualAddress(node(1)), VirtualAddress(node(2))}));
  EXPECT_NE(list.problem, "");
}

class FreelistTest : public ::testing::Test {
 protected:
  FreelistTest() {
    cache_.size = 64;
    cache_.free_pointer_offset = 32;
  }
  uint64_t object(uint64_t i) const { return kLinear + 0x9000 + 64 * i; }
  void chain(const std::vector<uint64_t>& indices, bool swapped) {
    for (size_t i = 0; i < indices.size(); i++) {
      uint64_t at = object(indices[i]) + 32, next = i + 1 < indices.size() ? object(indices[i + 1]) : 0;
      uint64_t key = cache_.random ? *cache_.random ^ (swapped ? __builtin_bswap64(at) : at) : 0;
      memory_.put<uint64_t>(at, next ^ key);
    }
  }
  Freelist read(uint64_t head) { return read_freelist(memory_.space(), cache_, {VirtualAddress(object(0)), 8}, VirtualAddress(head)); }
  FakeMemory memory_;
  SlabCache cache_;
};

TEST_F(FreelistTest, PlainAndBothHardenedForms) {
  for (int form = 0; form < 3; form++) {
    if (form) cache_.random = 0x1234567890abcdef;
    chain({3, 1, 7}, form == 2);
    auto list = read(object(3));
    EXPECT_TRUE(list.complete) << form << ": " << list.problem;
    EXPECT_EQ(list.objects, (std::vector{VirtualAddress(object(3)), VirtualAddress(object(1)), VirtualAddress(object(7))})) << form;
  }
}

TEST_F(FreelistTest, BreaksAreSaid) {
  cache_.random = 42;
  chain({3, 1, 7}, true);
  memory_.put<uint64_t>(object(1) + 32, 0x6b6b6b6b6b6b6b6b);
  auto list = read(object(3));
  EXPECT_FALSE(list.complete);
  EXPECT_EQ(list.objects.size(), 2u);
  EXPECT_NE(list.problem, "");
  EXPECT_FALSE(read(object(0) + 8).complete);  // no start of an object
}

TEST_F(FreelistTest, ALoopEnds) {
  chain({3, 1}, false);
  memory_.put<uint64_t>(object(1) + 32, object(3));
  auto list = read(object(3));
  EXPECT_FALSE(list.complete);
  EXPECT_NE(list.problem.find("loops"), std::string::npos);
}

TEST(FatalLines, AnX86OopsThatPanicked) {
  auto f = fatal_lines(
      "[    3.1] WARNING: CPU: 0 PID: 116 at lib/radix-tree.c:506 delete_node+0x166/0x1d0\n"
      "[    3.1] CPU: 0 PID: 116 Comm: kworker/0:2\n"
      "[    3.170000] BUG: unable to handle page fault for address: ff23646e025ba260\n"
      "[    3.170001] #PF: supervisor instruction fetch in kernel mode\n"
      "[    3.170002] Oops: 0011 [#1] PREEMPT SMP NOPTI\n"
      "[    3.170003] CPU: 1 PID: 0 Comm: swapper/1 Tainted: G        W  OE\n"
      "[    3.180000] ---[ end trace 0000000000000000 ]---\n"
      "[    3.190000] Kernel panic - not syncing: Fatal exception in interrupt\n");
  EXPECT_EQ(f.panic, "Oops: 0011 [#1] PREEMPT SMP NOPTI");
  EXPECT_EQ(f.oops_line, "BUG: unable to handle page fault for address: ff23646e025ba260");
  EXPECT_EQ(f.panic_line, "Kernel panic - not syncing: Fatal exception in interrupt");
  EXPECT_EQ(f.cpu, 1);
}

TEST(FatalLines, TheSeedsArm64Oops) {
  auto f = fatal_lines(
      "[51807.645808] Unable to handle kernel execute from non-executable memory at virtual address ffff4bbbc30626f0\n"
      "[51807.645900] Internal error: Oops: 8600000e [#1] SMP\n"
      "[51807.645901] CPU: 33 PID: 0 Comm: swapper/33\n");
  EXPECT_EQ(f.panic, "Internal error: Oops: 8600000e [#1] SMP");
  EXPECT_EQ(f.cpu, 33);
}

TEST(FatalLines, APanicAlone) {
  auto f = fatal_lines("<0>[    1.000000][    T1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n");
  EXPECT_EQ(f.panic, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)");
  EXPECT_EQ(f.oops_line, "");
  EXPECT_FALSE(f.cpu);
}

TEST(FatalLines, SysrqWinsAndNothingGivesNothing) {
  EXPECT_EQ(fatal_lines("[ 1.000000] sysrq: Trigger a crash\n[ 1.0] Kernel panic - not syncing: sysrq triggered crash\n").panic,
            "sysrq: Trigger a crash");
  EXPECT_EQ(fatal_lines("[ 1.000000] all is well\n").panic, "");
}

TEST(Taints, LettersAsTheKernelPrintsThem) {
  EXPECT_EQ(taint_letters(1 << 9 | 1 << 12 | 1 << 13, true), "GWOE");
  EXPECT_EQ(taint_letters(1, true), "P");
  EXPECT_EQ(taint_letters(0, true), "");
  EXPECT_EQ(taint_meaning('O'), "an out-of-tree module was loaded");
}

}  // namespace
}  // namespace inquest::kernel
