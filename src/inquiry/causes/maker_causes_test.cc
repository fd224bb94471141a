// Causes that ask who made a state: objects handed out again, pointers off their object's start, variables of functions that returned, locks left held.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inquiry/inquest.h"
#include "scene/testing/fake_scene.h"

namespace inquest::inquiry {
namespace {

using oops::EventKind;
using scene::testing::FakeScene;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kObject = 0xffff888003300000, kSize = 128, kPc = FakeScene::kText + 0x40, kStack = 0xffffc90000123e00;

const Verdict* find(const Inquiry& inquiry, const std::string& cause) {
  for (const Verdict& v : inquiry.verdicts)
    if (v.cause == cause) return &v;
  return nullptr;
}

scene::StoreSite site(const std::string& function, int line) { return {function, kPc + uint64_t(line), {{function, "drivers/twig/twig.c", line, false}}}; }

scene::MemberView pointer_at(const std::string& path, uint64_t offset) {
  scene::MemberView m;
  m.path = path;
  m.type = "struct leaf *";
  m.offset = offset;
  m.size = 8;
  m.pointer = true;
  return m;
}

// A fault through `twig->leaf`, whose value `base` was loaded from `at`, offset 0x10 of a struct twig.
FakeScene reached(uint64_t base, uint64_t at, uint64_t fault) {
  FakeScene scene;
  auto& e = scene.add_event(EventKind::kPagingRequest, "BUG: unable to handle page fault", {{"rax", base}, {"rsp", kStack}});
  e.event.fault_address = fault;
  e.event.function = "twig_grow";
  e.event.pid = 7;
  e.pc = kPc;
  e.source = {{"twig_grow", "drivers/twig/twig.c", 40, false}};
  scene::TouchView t;
  t.pc = kPc;
  t.reads = true;
  t.base_register = "rax";
  t.base_value = base;
  t.displacement = int64_t(fault - base);
  t.object = "struct leaf";
  t.base_text = "twig->leaf";
  e.touch = t;
  scene::OriginView load;
  load.text = "twig->leaf";
  load.birth = "loaded";
  load.value = base;
  load.value_then = true;
  load.address = at;
  load.now = base;
  load.object = "struct twig";
  load.offset = 0x10;
  load.members = {"leaf"};
  scene.origins[{"E1", "rax"}] = {load};
  scene.sizes["struct twig"] = 0x40;
  scene.members[{"struct twig", 0x10}] = {pointer_at("leaf", 0x10)};
  return scene;
}

TEST(Reused, TwoOwnersOfUnlikeTypesWhereTheMemoryContradictsTheElder) {
  FakeScene scene = reached(0x1234567890abcdef, kObject + 0x10, 0x1234567890abcdf7);
  scene.put_slab(kObject, kSize, "kmalloc-128", false);
  scene.owners[kObject] = {{"struct twig", "branch.twigs[1]", 0x1000}, {"struct note", "notes", 0x2000}};
  scene.members[{"struct twig", 0x18}] = {pointer_at("root", 0x18)};
  scene.put_words(kObject + 0x18, {0x0badc0de12345678});
  Inquiry inquiry = inquire(scene);
  const Verdict& v = inquiry.verdicts.front();
  EXPECT_EQ(v.cause, "use-after-free");
  EXPECT_DOUBLE_EQ(v.confidence, 0.8);
  EXPECT_THAT(v.summary, HasSubstr("handed out again, as a struct note"));
  EXPECT_EQ(v.object.type, "struct twig");
  EXPECT_EQ(v.object.member, "leaf");
}

TEST(Reused, OwnersOfOneTypeOrASoundObjectProveNothing) {
  FakeScene scene = reached(0, kObject + 0x10, 8);
  scene.put_slab(kObject, kSize, "kmalloc-128", false);
  scene.owners[kObject] = {{"struct twig", "a", 0x1000}, {"struct head", "b", 0x2000}};
  scene.members[{"struct twig", 0x18}] = {pointer_at("root", 0x18)};
  scene.put_words(kObject + 0x18, {0});
  Inquiry inquiry = inquire(scene);  // all but the NULL is in order
  EXPECT_EQ(inquiry.verdicts.front().cause, "null-dereference");
  EXPECT_GE(inquiry.verdicts.front().confidence, 0.8);
  scene.owners[kObject] = {{"struct twig", "a", 0x1000}, {"struct twig", "b", 0x2000}};
  EXPECT_EQ(find(inquire(scene), "use-after-free"), nullptr);
}

TEST(EntryOfNull, IsNoErrorPointer) {
  FakeScene scene = reached(uint64_t(-0x18), kObject + 0x10, 0);
  scene.origins[{"E1", "rax"}][0].value = 0;  // what was loaded; 0x18 was taken off it
  scene.origins[{"E1", "rax"}][0].now = 0;
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "null-dereference");
  EXPECT_THAT(inquiry.verdicts.front().summary, HasSubstr("NULL less an offset"));
  EXPECT_EQ(find(inquiry, "wild-pointer"), nullptr);
}

TEST(EntryOfNull, AnErrorThatWasStoredWholeStaysOne) {
  FakeScene scene = reached(uint64_t(-12), kObject + 0x10, 4);
  scene.writers[{"struct twig", 0x10}] = {{site("twig_make", 11), scene::WriterView::What::kResult, "leaf_get"}};
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "wild-pointer");
  EXPECT_THAT(inquiry.verdicts.front().summary, HasSubstr("twig_make stores there what leaf_get() returned"));
  EXPECT_EQ(inquiry.verdicts.front().guilty.function, "twig_make");
}

TEST(ShiftedPointer, NotAtTheStartOfTheObjectThatIsThere) {
  FakeScene scene = reached(0x100000005, kObject + 0x30, 0x10000000d);  // twig taken at kObject + 0x20
  scene.put_slab(kObject, kSize, "kmalloc-128", false);
  scene.types_by_reference[kObject] = "struct twig";
  Inquiry inquiry = inquire(scene);
  const Verdict& v = inquiry.verdicts.front();
  EXPECT_EQ(v.cause, "wild-pointer");
  EXPECT_DOUBLE_EQ(v.confidence, 0.75);
  EXPECT_THAT(v.summary, HasSubstr("0x20 bytes behind the start"));
  scene.types_by_reference[kObject] = "struct crate";  // a block that twigs lie in: no proof
  EXPECT_THAT(inquire(scene).verdicts.front().summary, Not(HasSubstr("behind the start")));
}

TEST(StaleStack, UnderTheStackPointerOrInAnothersFrame) {
  FakeScene scene = reached(0x1234567890abcdef, kStack + 0x400, 0x1234567890abcdf7);
  scene::StackPlace place;
  place.pid = 102;
  place.comm = "ship";
  place.function = "ship_log";
  place.frame_known = true;
  place.variable = "page";
  place.type = "char [320]";
  scene.stack_places[kStack + 0x400] = place;
  scene.locals["struct twig"] = {site("twig_watch", 26)};
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "use-after-free");
  EXPECT_EQ(inquiry.verdicts.front().guilty.function, "twig_watch");
  scene.stack_places[kStack + 0x400].type = "struct twig";  // its owner is still there
  EXPECT_EQ(find(inquire(scene), "use-after-free"), nullptr);
  scene.stack_places[kStack + 0x400].pid = 7;  // the own stack, above the stack pointer of the fault
  scene.stack_places[kStack + 0x400].type = "char [320]";
  EXPECT_EQ(find(inquire(scene), "use-after-free"), nullptr);
}

TEST(FreedArea, OfVmallocWaitingToBeUnmapped) {
  FakeScene scene = reached(0xffffc90000480000, kObject + 0x10, 0xffffc90000480008);
  scene.freed_area = {0xffffc90000480000, 0xffffc90000490000};
  Inquiry inquiry = inquire(scene);
  EXPECT_EQ(inquiry.verdicts.front().cause, "use-after-free");
  scene.freed_area.reset();
  EXPECT_EQ(find(inquire(scene), "use-after-free"), nullptr);
}

TEST(UserMemory, ANumberOfThatSizeInNoProcessIsNone) {
  FakeScene scene = reached(0x310000027f, kObject + 0x10, 0x3100000287);
  scene.user_memory = false;
  EXPECT_EQ(inquire(scene).verdicts.front().cause, "wild-pointer");
  EXPECT_THAT(inquire(scene).verdicts.front().summary, HasSubstr("two numbers of 32 bits, 0x27f and 0x31"));
  scene.user_memory = true;
  EXPECT_EQ(inquire(scene).verdicts.front().cause, "user-memory-access");
}

// A task hangs for `gate` of a struct berth, a mutex.
FakeScene waiting() {
  FakeScene scene;
  auto& e = scene.add_event(EventKind::kHungTask, "INFO: task rope-watch:55 blocked for more than 120 seconds.");
  e.event.pid = 55;
  e.event.comm = "rope-watch";
  scene.lock_graph.emplace();
  scene::LockView lock;
  lock.address = kObject + 0x18;
  lock.kind = "mutex";
  lock.object = "struct berth";
  lock.member = "gate";
  lock.offset = 0x18;
  lock.held = true;
  lock.waits = {0};
  scene.lock_graph->locks.push_back(lock);
  scene::WaitView wait;
  wait.task.pid = 55;
  wait.task.comm = "rope-watch";
  scene::FrameView frame;
  frame.symbol = "rope_wind";
  frame.module = "rope";
  frame.source = {{"rope_wind", "drivers/rope/rope.c", 54, false}};
  wait.frames = {frame};
  scene.lock_graph->waits.push_back(wait);
  return scene;
}

TEST(LockLeftHeld, ByATaskThatHasExited) {
  FakeScene scene = waiting();
  scene.lock_graph->locks[0].exited.emplace();
  scene.lock_graph->locks[0].exited->pid = 105;
  scene.lock_graph->locks[0].exited->comm = "sh";
  scene.leakers[{"struct berth", 0x18}] = {site("rope_send", 47)};
  Inquiry inquiry = inquire(scene);
  const Verdict& v = inquiry.verdicts.front();
  EXPECT_EQ(v.cause, "lock-held-too-long");
  EXPECT_EQ(v.guilty.function, "rope_send");
  EXPECT_THAT(v.summary, HasSubstr("sh (pid 105), which has exited"));
  EXPECT_EQ(v.object.member, "gate");
}

TEST(LockLeftHeld, AMutexWithoutAnExitedOwnerIsNotOne) {
  FakeScene scene = waiting();
  scene.leakers[{"struct berth", 0x18}] = {site("rope_send", 47)};
  EXPECT_THAT(inquire(scene).verdicts.front().summary, Not(HasSubstr("left held")));
}

}  // namespace
}  // namespace inquest::inquiry
