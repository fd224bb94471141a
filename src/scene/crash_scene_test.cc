// TextScene over short logs: events with names, nothing resolved, and every question about memory or code answered "unknown".
#include "scene/crash_scene.h"

#include <gtest/gtest.h>

namespace inquest::scene {
namespace {

constexpr const char* kX86 = R"([   10.000000] WARNING: CPU: 1 PID: 77 at drivers/twig/core.c:12 twig_drop+0x20/0x80 [twigs]
[   10.000001] CPU: 1 PID: 77 Comm: poller Not tainted 6.1.0-test #1
[   10.000002] RIP: 0010:twig_drop+0x20/0x80 [twigs]
[   10.000003] RSP: 0018:ffffc90000123e00 EFLAGS: 00010286
[   10.000004] RAX: 0000000000000000 RBX: ffff888004a0d000 RCX: 0000000000000000
[   10.000005] RDX: 0000000000000000 RSI: ffff888004a0d018 RDI: ffff888004a0d000
[   10.000006] Call Trace:
[   10.000007]  <TASK>
[   10.000008]  ? stale_name+0x10/0x20
[   10.000009]  twig_poll+0x30/0x90 [twigs]
[   10.000010]  kthread+0xd7/0x100
[   10.000011]  </TASK>
[   10.000012] ---[ end trace 0000000000000000 ]---
[   10.250000] BUG: kernel NULL pointer dereference, address: 0000000000000018
[   10.250001] #PF: supervisor read access in kernel mode
[   10.250002] Oops: 0000 [#1] PREEMPT SMP
[   10.250003] CPU: 1 PID: 77 Comm: poller Not tainted 6.1.0-test #1
[   10.250004] RIP: 0010:twig_read+0x4/0x20 [twigs]
[   10.250005] RSP: 0018:ffffc90000123e00 EFLAGS: 00010286
[   10.250006] RAX: 0000000000000000 RBX: ffff888004a0d000 RCX: 0000000000000000
[   10.250007] Call Trace:
[   10.250008]  <TASK>
[   10.250009]  twig_poll+0x50/0x90 [twigs]
[   10.250010]  </TASK>
[   10.250011] ---[ end trace 0000000000000001 ]---
)";

constexpr const char* kArm = R"([    5.000000] Unable to handle kernel paging request at virtual address ffff000004a0d018
[    5.000001] Internal error: Oops: 96000004 [#1] SMP
[    5.000002] CPU: 0 PID: 9 Comm: ksoftirqd/0 Not tainted 5.10.0-test #1
[    5.000003] pc : twig_read+0x4/0x20
[    5.000004] lr : twig_poll+0x30/0x90
[    5.000005] sp : ffff800010003e00
[    5.000006] x29: ffff800010003e00 x28: 0000000000000000
[    5.000007] x1 : 0000000000000000 x0 : ffff000004a0d000
[    5.000008] Call trace:
[    5.000009]  twig_read+0x4/0x20
[    5.000010]  twig_poll+0x30/0x90
[    5.000011] ---[ end trace 0000000000000000 ]---
)";

TEST(TextScene, AnX86LogGivesItsEventsInOrder) {
  TextScene scene(kX86);
  ASSERT_EQ(scene.events().size(), 2u);
  const EventView& warning = scene.events()[0];
  const EventView& oops = scene.events()[1];
  EXPECT_EQ(warning.id, "E1");
  EXPECT_EQ(warning.event.kind, oops::EventKind::kWarning);
  EXPECT_EQ(warning.event.function, "twig_drop");
  EXPECT_EQ(warning.event.reg("rsi"), 0xffff888004a0d018);
  EXPECT_EQ(oops.id, "E2");
  EXPECT_EQ(oops.event.kind, oops::EventKind::kNullDereference);
  EXPECT_EQ(oops.event.fault_address, uint64_t{0x18});
  EXPECT_EQ(scene.facts().arch, oops::name_of(oops::Arch::kX86_64));
  EXPECT_EQ(scene.facts().system.release, "6.1.0-test");
  EXPECT_EQ(scene.facts().format, "text");
  EXPECT_FALSE(scene.facts().has_dump);
  EXPECT_FALSE(scene.crashed());
}

TEST(TextScene, FramesKeepNameOffsetModuleAndDoubt) {
  TextScene scene(kX86);
  ASSERT_FALSE(scene.events().empty());
  const FrameView* poll = nullptr;
  const FrameView* stale = nullptr;
  for (const FrameView& f : scene.events()[0].frames) {
    if (f.symbol == "twig_poll") poll = &f;
    if (f.symbol == "stale_name") stale = &f;
  }
  ASSERT_TRUE(poll);
  EXPECT_EQ(poll->module, "twigs");
  EXPECT_EQ(poll->offset, 0x30u);
  EXPECT_EQ(poll->size, 0x90u);
  EXPECT_TRUE(poll->reliable);
  EXPECT_TRUE(poll->source.empty());
  ASSERT_TRUE(stale);
  EXPECT_FALSE(stale->reliable);
}

TEST(TextScene, AnArm64LogGivesLinkAndRegisters) {
  TextScene scene(kArm);
  ASSERT_EQ(scene.events().size(), 1u);
  const oops::Event& e = scene.events()[0].event;
  EXPECT_EQ(e.fault_address, 0xffff000004a0d018);
  EXPECT_EQ(e.function, "twig_read");
  EXPECT_EQ(e.link.symbol, "twig_poll");
  EXPECT_EQ(e.reg("x0"), 0xffff000004a0d000);
  EXPECT_EQ(scene.facts().arch, oops::name_of(oops::Arch::kArm64));
  EXPECT_EQ(scene.facts().system.release, "5.10.0-test");
}

TEST(TextScene, EventsAreFoundById) {
  TextScene scene(kX86);
  ASSERT_TRUE(scene.event("E2"));
  EXPECT_EQ(scene.event("E2")->id, "E2");
  EXPECT_FALSE(scene.event("E3"));
  EXPECT_FALSE(scene.event(""));
}

TEST(TextScene, ALogKnowsNoMemoryTypesOrCode) {
  TextScene scene(kX86);
  Reading reading = scene.read(0xffff888004a0d000, 16);
  EXPECT_FALSE(reading.ok());
  EXPECT_FALSE(reading.why_not.empty());
  EXPECT_TRUE(reading.bytes.empty());
  EXPECT_FALSE(scene.is_text(0xffffffff81000000));
  EXPECT_FALSE(scene.size_of("struct list_head"));
  EXPECT_TRUE(scene.members_at("struct list_head", 0).empty());
  EXPECT_FALSE(scene.call_before(0xffffffff81000000));
  EXPECT_EQ(scene.identify(0xffff888004a0d000).kind, Identity::Kind::kUnknown);
  EXPECT_EQ(scene.identify(0).text, "NULL");
  EXPECT_EQ(scene.identify(0x18).kind, Identity::Kind::kNull);
  EXPECT_EQ(scene.identify(0x18).offset, 0x18u);
}

TEST(TextScene, AnEmptyOrQuietLogHasNoEvents) {
  EXPECT_TRUE(TextScene("").events().empty());
  EXPECT_TRUE(TextScene("[    0.000000] Linux version 6.1.0-test\n[    1.000000] all is well\n").events().empty());
}

}  // namespace
}  // namespace inquest::scene
