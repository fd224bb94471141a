// Machines that stand still, each as a graph of a few lines: who is named, and who is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "inquiry/inquest.h"
#include "scene/testing/fake_scene.h"

namespace inquest::inquiry {
namespace {

using oops::EventKind;
using scene::testing::FakeScene;
using testing::HasSubstr;

scene::FrameView frame(const std::string& function, int line, const std::string& caller = "", int caller_line = 0) {
  scene::FrameView f;
  f.address = FakeScene::kText + uint64_t(line);
  f.symbol = caller.empty() ? function : caller;
  f.module = "quay";
  f.source.push_back({function, "drivers/quay.c", line, !caller.empty()});
  if (!caller.empty()) f.source.push_back({caller, "drivers/quay.c", caller_line, false});
  return f;
}

scene::TaskView task(int pid, const std::string& comm) {
  scene::TaskView t;
  t.address = 0xffff888000000000 + uint64_t(pid) * 0x1000;
  t.pid = pid;
  t.comm = comm;
  t.state = "UN";
  return t;
}

// Tasks 1 … n; lock i has an address of its own, and a typed place.
struct Graph {
  FakeScene scene;
  Graph() { scene.lock_graph.emplace(); }
  size_t lock(const std::string& kind, const std::string& member) {
    scene::LockView l;
    l.address = 0xffff888004000018 + 0x100 * scene.lock_graph->locks.size();
    l.kind = kind;
    l.object = "struct berth";
    l.member = member;
    l.object_address = l.address - 0x18;
    l.text = "&berth->" + member;
    l.held = true;
    scene.lock_graph->locks.push_back(l);
    return scene.lock_graph->locks.size() - 1;
  }
  size_t waits(const scene::TaskView& who, size_t lock, std::vector<scene::FrameView> frames) {
    scene::WaitView w;
    w.task = who;
    w.lock = lock;
    w.frames = std::move(frames);
    scene.lock_graph->locks[lock].waits.push_back(scene.lock_graph->waits.size());
    scene.lock_graph->waits.push_back(w);
    return scene.lock_graph->waits.size() - 1;
  }
  scene::LockHolder& holds(const scene::TaskView& who, size_t lock, std::optional<size_t> wait, std::vector<scene::FrameView> frames = {}) {
    scene::LockHolder h;
    h.task = who;
    h.how = "the lock's owner word";
    h.sure = true;
    h.waits = wait;
    h.frames = std::move(frames);
    scene.lock_graph->locks[lock].holders.push_back(h);
    return scene.lock_graph->locks[lock].holders.back();
  }
  void hung(int pid, const std::string& comm) {
    auto& e = scene.add_event(EventKind::kHungTask, "INFO: task " + comm + " blocked for more than 120 seconds.");
    e.event.pid = pid;
    e.event.comm = comm;
    e.frames.push_back(frame("berth_survey", 110));
  }
};

const Verdict* find(const Inquiry& inquiry, const std::string& cause) {
  for (const Verdict& v : inquiry.verdicts)
    if (v.cause == cause) return &v;
  return nullptr;
}

// Two tasks each hold what the other wants; a third waits behind them and is the one reported.
Graph two_mutexes() {
  Graph g;
  size_t a = g.lock("mutex", "gate"), b = g.lock("mutex", "gate");
  auto one = task(1, "shuttle/0"), two = task(2, "shuttle/1"), victim = task(3, "surveyor");
  g.waits(victim, a, {frame("berth_survey", 110)});
  size_t w1 = g.waits(one, b, {frame("berth_close", 61, "deliver", 85)});
  size_t w2 = g.waits(two, a, {frame("berth_close", 61, "deliver", 85)});
  for (auto [who, lock, wait] : {std::tuple(one, a, w1), std::tuple(two, b, w2)}) {
    auto& h = g.holds(who, lock, wait);
    h.taken_frame = 0;
    h.taken_at = {{"berth_close", "drivers/quay.c", 61, true}, {"deliver", "drivers/quay.c", 83, false}};
  }
  g.scene.lock_graph->cycles = {{w1, w2}};
  return g;
}

TEST(Deadlock, NamesTheFunctionThatHoldsOneAndAsksForTheOther) {
  Graph g = two_mutexes();
  g.hung(3, "surveyor");
  Inquiry inquiry = inquire(g.scene);
  const Verdict& v = inquiry.verdicts.front();
  EXPECT_EQ(v.cause, "deadlock");
  EXPECT_GE(v.confidence, 0.9);
  EXPECT_EQ(v.guilty.function, "deliver");
  EXPECT_EQ(v.guilty.line, 85);
  EXPECT_EQ(v.object.type, "struct berth");
  EXPECT_EQ(v.object.member, "gate");
  EXPECT_THAT(v.summary, testing::Not(HasSubstr("surveyor")));
}

TEST(Deadlock, EveryCitedClaimHasACommand) {
  Graph g = two_mutexes();
  g.hung(3, "surveyor");
  Inquiry inquiry = inquire(g.scene);
  for (const std::string& id : inquiry.verdicts.front().evidence) {
    auto e = std::find_if(inquiry.dossier.evidence().begin(), inquiry.dossier.evidence().end(), [&](const Evidence& x) { return x.id == id; });
    ASSERT_NE(e, inquiry.dossier.evidence().end()) << id;
    EXPECT_FALSE(e->command.empty()) << e->claim;
  }
}

TEST(Deadlock, IsLessSureWhenAHolderIsOnlyLikely) {
  Graph g = two_mutexes();
  g.hung(3, "surveyor");
  g.scene.lock_graph->locks[0].holders[0].sure = false;
  EXPECT_LT(inquire(g.scene).verdicts.front().confidence, 0.8);
}

TEST(Deadlock, DoesNotOutbidAnOops) {
  Graph g = two_mutexes();
  g.scene.add_event(EventKind::kNullDereference, "BUG: kernel NULL pointer dereference", {{"rip", FakeScene::kText + 4}}).event.fault_address = 8;
  Inquiry inquiry = inquire(g.scene);
  EXPECT_NE(inquiry.verdicts.front().cause, "deadlock");
}

TEST(LockHeldTooLong, TheSleepingHolderIsTheCulprit) {
  Graph g;
  size_t lock = g.lock("mutex", "access");
  g.waits(task(1, "display"), lock, {frame("kiln_query", 104)});
  g.holds(task(2, "heater"), lock, {}, {frame("await_target", 74), frame("kiln_fire", 84)});
  g.hung(1, "display");
  Inquiry inquiry = inquire(g.scene);
  const Verdict& v = inquiry.verdicts.front();
  EXPECT_EQ(v.cause, "lock-held-too-long");
  EXPECT_EQ(v.guilty.function, "await_target");
  ASSERT_TRUE(find(inquiry, "hung-task"));
  EXPECT_LT(find(inquiry, "hung-task")->confidence, v.confidence);
}

TEST(LockHeldTooLong, WaitsAloneAreNoTrouble) {
  Graph g;
  size_t lock = g.lock("mutex", "access");
  g.waits(task(1, "display"), lock, {frame("kiln_query", 104)});
  g.holds(task(2, "heater"), lock, {}, {frame("await_target", 74)});
  EXPECT_EQ(inquire(g.scene).verdicts.front().cause, "unknown");
}

TEST(HungTask, AnEventThatNobodyOwns) {
  Graph g;
  size_t done = g.lock("completion", "delivered");
  g.scene.lock_graph->locks[done].held.reset();
  g.waits(task(1, "sh"), done, {frame("send", 117)});
  g.hung(1, "sh");
  const Verdict v = inquire(g.scene).verdicts.front();
  EXPECT_EQ(v.cause, "hung-task");
  EXPECT_GE(v.confidence, 0.8);
  EXPECT_EQ(v.guilty.function, "send");
  EXPECT_EQ(v.object.member, "delivered");
}

TEST(HungTask, ALogAloneIsHalfAnAnswer) {
  FakeScene log;
  log.without_dump();
  auto& e = log.add_event(EventKind::kHungTask, "INFO: task sh:101 blocked for more than 120 seconds.");
  e.event.pid = 101;
  e.frames.push_back(frame("send", 117));
  const Verdict v = inquire(log).verdicts.front();
  EXPECT_EQ(v.cause, "hung-task");
  EXPECT_LE(v.confidence, 0.5);
  EXPECT_EQ(v.guilty.function, "send");
}

TEST(SpinlockLockup, TheHolderThatLoopsIsTheCulpritNotWhoSpins) {
  Graph g;
  size_t lock = g.lock("spinlock", "lock");
  auto spinner = task(1, "road"), holder = task(2, "kworker");
  spinner.running_on = 1;
  holder.running_on = 0;
  g.scene.lock_graph->waits[g.waits(spinner, lock, {frame("arrive", 91)})].spins = true;
  auto loop = frame("release", 60);
  g.scene.loops[loop.address] = {"release", "drivers/quay.c", 60, 63, {"owner->waiting.next != &owner->waiting"}, 60, "struct plaza", "owner", {"waiting.next"}};
  g.holds(holder, lock, {}, {loop});
  g.scene.add_event(EventKind::kSoftLockup, "BUG: soft lockup - CPU#1 stuck for 22s!").event.cpu = 1;
  const Verdict v = inquire(g.scene).verdicts.front();
  EXPECT_EQ(v.cause, "spinlock-lockup");
  EXPECT_EQ(v.guilty.function, "release");
  EXPECT_EQ(v.object.type, "struct berth");
}

TEST(SoftLockup, NamesTheLoopNotTheHelperItCalls) {
  FakeScene scene;
  auto& e = scene.add_event(EventKind::kSoftLockup, "BUG: soft lockup - CPU#0 stuck for 22s!");
  e.event.function = "show";
  e.pc = FakeScene::kText + 5;
  e.event.function_module = "quay";
  auto loop = frame("drain", 69);
  e.frames.push_back(loop);
  scene.loops[loop.address] = {"drain", "drivers/quay.c", 69, 71, {"reel->read != reel->write"}, 69, "struct reel", "reel", {"write"}};
  const Verdict v = inquire(scene).verdicts.front();
  EXPECT_EQ(v.cause, "soft-lockup");
  EXPECT_EQ(v.guilty.function, "drain");
  EXPECT_EQ(v.object.type, "struct reel");
  EXPECT_THAT(v.summary, HasSubstr("reel->read != reel->write"));
}

TEST(SoftLockup, OnlyALoopThatNothingLeavesIsEndless) {
  for (bool leaves : {false, true}) {
    FakeScene scene;
    auto& e = scene.add_event(EventKind::kSoftLockup, "BUG: soft lockup - CPU#0 stuck for 22s!");
    e.event.function = "drain";
    e.pc = FakeScene::kText + 5;
    auto loop = frame("drain", 69);
    e.frames.push_back(loop);
    scene.loops[loop.address] = {"drain", "drivers/quay.c", 69, 71, {}, 0, "", "", {}, leaves};
    const Verdict v = inquire(scene).verdicts.front();
    EXPECT_EQ(v.guilty.function, "drain");
    EXPECT_EQ(v.summary.find("endless") == std::string::npos, leaves) << v.summary;
  }
}

TEST(SchedulingWhileAtomic, WhoTookTheSpinlockForbadeSleeping) {
  FakeScene scene;
  auto& e = scene.add_event(EventKind::kSchedulingWhileAtomic, "BUG: scheduling while atomic: lift/102/0x00000202");
  e.event.comm = "lift";
  e.frames = {frame("brake_release", 48), frame("car_serve", 73)};
  scene::HeldLockView held;
  held.frame = 1;
  held.kind = "spinlock";
  held.api = "_raw_spin_lock_bh";
  held.text = "&own->lock";
  held.object = "struct car";
  held.member = "lock";
  held.source = {{"car_serve", "drivers/quay.c", 70, false}};
  held.certain = true;
  scene.held = {held};
  const Verdict v = inquire(scene).verdicts.front();
  EXPECT_EQ(v.cause, "scheduling-while-atomic");
  EXPECT_EQ(v.guilty.function, "car_serve");
  EXPECT_EQ(v.guilty.line, 73);
  EXPECT_EQ(v.object.member, "lock");
  scene.held.clear();
  EXPECT_LT(inquire(scene).verdicts.front().confidence, v.confidence);
}

}  // namespace
}  // namespace inquest::inquiry
