// The "Code:" line as instructions, what the faulting one reached for, and values that repeat.
#include "scene/code_words.h"

#include <gtest/gtest.h>

#include "scene/event_words.h"

namespace inquest::scene {
namespace {

// 48 8b 47 18: mov 0x18(%rdi),%rax. The dump starts in the middle of an instruction, as the kernel's does.
constexpr const char* kX86 = R"([   10.250000] BUG: unable to handle page fault for address: ffff888004a0d018
[   10.250001] #PF: supervisor read access in kernel mode
[   10.250002] Oops: 0000 [#1] PREEMPT SMP
[   10.250003] CPU: 1 PID: 77 Comm: poller Not tainted 6.1.0-test #1
[   10.250004] RIP: 0010:twig_read+0x4/0x20
[   10.250005] Code: 00 00 0f 1f 44 00 00 55 48 89 e5 <48> 8b 47 18 5d c3 90
[   10.250006] RSP: 0018:ffffc90000123e00 EFLAGS: 00010286
[   10.250007] RAX: dead000000000100 RBX: ffff888004a0d000 RCX: 7fffffffffffffff
[   10.250008] RDX: fffffffffffffff4 RSI: 0000000000000000 RDI: ffff888004a0d000
[   10.250009] Call Trace:
[   10.250010]  twig_poll+0x50/0x90
[   10.250011] ---[ end trace 0000000000000001 ]---
)";

TEST(CodeWords, X86TouchFromRegistersAndBytes) {
  TextScene scene{std::string_view(kX86)};
  ASSERT_EQ(scene.events().size(), 1u);
  const EventView& view = scene.events()[0];
  ASSERT_TRUE(view.touch);
  EXPECT_EQ(view.touch->base_register, "rdi");
  EXPECT_EQ(view.touch->base_value, 0xffff888004a0d000);
  EXPECT_EQ(view.touch->displacement, 0x18);
  EXPECT_EQ(view.touch->address, 0xffff888004a0d018);
  EXPECT_TRUE(view.touch->reads);
  EXPECT_FALSE(view.touch->writes);
  EXPECT_EQ(view.touch->size, 8u);
  size_t faulting = 0;
  for (const CodeLine& l : view.code) faulting += l.faulting;
  EXPECT_EQ(faulting, 1u);
  ASSERT_GE(view.code.size(), 5u);
  EXPECT_EQ(view.code.back().text, "nop");
}

TEST(CodeWords, TellingValuesAreSpelledAndOthersAreNot) {
  TextScene scene{std::string_view(kX86)};
  const auto& notes = scene.events().at(0).notes;
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[0].where, "rax");
  EXPECT_TRUE(notes[0].text.starts_with("LIST_POISON1"));
  EXPECT_EQ(notes[1].where, "rdx");
}

TEST(CodeWords, Arm64TouchOfAWrite) {
  TextScene scene{std::string_view(R"([    5.000000] Unable to handle kernel paging request at virtual address dead000000000108
[    5.000001] Internal error: Oops: 96000044 [#1] SMP
[    5.000002] CPU: 0 PID: 9 Comm: twigd Not tainted 5.10.0-test #1
[    5.000003] pc : twig_drop+0x10/0x20
[    5.000004] lr : twig_poll+0x30/0x90
[    5.000005] sp : ffff800010003e00
[    5.000006] x29: ffff800010003e00 x28: 0000000000000000
[    5.000007] x1 : ffff000004a0d018 x0 : dead000000000100
[    5.000008] Call trace:
[    5.000009]  twig_drop+0x10/0x20
[    5.000010] Code: d503201f aa0003e2 (f9000401) d65f03c0
[    5.000011] ---[ end trace 0000000000000000 ]---
)")};
  ASSERT_EQ(scene.events().size(), 1u);
  const EventView& view = scene.events()[0];
  ASSERT_TRUE(view.touch);  // str x1, [x0, #8]
  EXPECT_EQ(view.touch->base_register, "x0");
  EXPECT_EQ(view.touch->displacement, 8);
  EXPECT_TRUE(view.touch->writes);
  EXPECT_EQ(view.touch->address, view.event.fault_address);
  ASSERT_FALSE(view.notes.empty());
  EXPECT_EQ(view.notes[0].where, "fault address");
  EXPECT_TRUE(view.notes[0].text.starts_with("LIST_POISON1 + 0x8"));
}

TEST(CodeWords, ABrokenCodeLineGivesNothing) {
  EventView view;
  view.event.arch = oops::Arch::kX86_64;
  view.event.code = {0xff, 0xff, 0xff};
  view.event.code_mark = 7;
  describe_code(view);
  EXPECT_TRUE(view.code.empty());
  view.event.code_mark = 2;
  describe_code(view);
  EXPECT_FALSE(view.touch);
}

TEST(CodeWords, TheNextEventsAddressIsFoundInTheFirstsRegisters) {
  std::string log = R"([   10.000000] WARNING: CPU: 1 PID: 77 at drivers/twig/core.c:12 twig_drop+0x20/0x80
[   10.000001] CPU: 1 PID: 77 Comm: poller Not tainted 6.1.0-test #1
[   10.000002] RIP: 0010:twig_drop+0x20/0x80
[   10.000004] RAX: 0000000000000000 RBX: ffff888004a0d018 RCX: 0000000000000000
[   10.000005] RDX: 0000000000000000 RSI: ffff888004a0d000 RDI: 0000000000000001
[   10.000006] Call Trace:
[   10.000009]  twig_poll+0x30/0x90
[   10.000012] ---[ end trace 0000000000000000 ]---
)" + std::string(kX86);
  TextScene scene{std::string_view(log)};
  ASSERT_EQ(scene.events().size(), 2u);
  bool told = false;
  for (const auto& n : scene.events()[1].notes) told |= n.where == "fault address" && n.text == "equals rbx of E1, rsi + 0x18";
  EXPECT_TRUE(told);
  std::string all;
  for (const auto& line : event_words(scene.events()[1])) all += line + "\n";
  EXPECT_NE(all.find("reads 8 bytes at rdi 0xffff888004a0d000 + 0x18 = 0xffff888004a0d018"), std::string::npos) << all;
}

}  // namespace
}  // namespace inquest::scene
