#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "inquiry/inquest.h"
#include "triage/inputs.h"
#include "triage/run.h"
#include "triage/story.h"
#include "triage/table.h"
#include "triage/typed.h"
#include "triage/when.h"

namespace inquest::triage {
namespace {

report::Report report_of(const std::string& log) {
  scene::TextScene scene(log);
  LossLedger ledger;
  return report::make_report(scene, inquiry::inquire(scene), ledger);
}

const std::string kWarning =
    "[10.000000] WARNING: CPU: 1 PID: 7 at lib/idr.c:9 delete_node+0x98/0x250\n[10.000001] CPU: 1 PID: 7 Comm: kworker/1:1 Not tainted 5.4.0 #1\n"
    "[10.000002] Call Trace:\n[10.000003]  idr_remove+0x18/0x20\n[10.000004]  put_ticket+0x40/0xa0 [desk]\n[10.000005]  process_one_work+0x1f8/0x490\n";
std::string panic(double time, const std::string& interrupted) {
  return "[" + std::to_string(time) + "] BUG: unable to handle page fault for address: ffff88810000beef\n[" + std::to_string(time) +
         "] CPU: 3 PID: 0 Comm: swapper/3 Not tainted 5.4.0 #1\n[" + std::to_string(time) + "] RIP: 0010:rcu_core+0x10/0x20\n[" + std::to_string(time) + "] Call Trace:\n[" +
         std::to_string(time) + "]  <IRQ>\n[" + std::to_string(time) + "]  __do_softirq+0x1/0x9\n[" + std::to_string(time) + "]  irq_exit+0x1/0x9\n[" + std::to_string(time) + "]  " + interrupted +
         "+0x1/0x9\n";
}

TEST(Story, TheFirstCauseNamesTheGroup) {
  Story both = story_of(report_of(kWarning + panic(10.05, "do_idle")));
  EXPECT_EQ(both.cause_id, "E1");
  EXPECT_EQ(both.death_id, "E2");
  EXPECT_NE(both.title.find("put_ticket"), std::string::npos) << both.title;
  // The same warning, killed elsewhere: the same story.
  EXPECT_EQ(story_of(report_of(kWarning + panic(10.05, "finish_task_switch"))).key, both.key);
  EXPECT_EQ(story_of(report_of(kWarning)).key, both.key);
}

TEST(Story, WithoutACauseThePanicsStackInsideTheInterruptDoes) {
  Story one = story_of(report_of(panic(10, "do_idle"))), other = story_of(report_of(panic(99, "nice_driver_poll")));
  EXPECT_EQ(one.cause_id, "");
  EXPECT_EQ(one.key, other.key);
  EXPECT_NE(one.key, story_of(report_of(kWarning + panic(10.05, "do_idle"))).key);
  EXPECT_EQ(one.panic, "bad-access in rcu_core");
}

TEST(Story, AWarningOfLongAgoIsAnotherStory) {
  Story story = story_of(report_of(kWarning + panic(9000, "do_idle")));
  EXPECT_EQ(story.cause_id, "");
  EXPECT_EQ(story.key, story_of(report_of(panic(1, "do_idle"))).key);
}

TEST(Typed, AStackAloneTellsACrash) {
  const std::string stack = "idr_remove+0x18/0x20\nput_ticket+0x40/0xa0 [desk]\nclose_desk+0x1/0x9 [desk]\n";
  auto plain = typed_stack(stack), traced = typed_stack("Call trace:\n " + stack);
  ASSERT_TRUE(plain && traced);
  EXPECT_EQ(plain->frames[1].symbol, "put_ticket");
  EXPECT_EQ(plain->frames[1].module, "desk");
  report::Report a, b;
  a.events = {*plain};
  b.events = {*traced};
  EXPECT_EQ(story_of(a).key, story_of(b).key);
  EXPECT_TRUE(story_of(a).key.starts_with("put_ticket-")) << story_of(a).key;
  EXPECT_FALSE(typed_stack("x+0x1/0x2\ny+0x1/0x2\n"));
  EXPECT_FALSE(typed_stack("a = b+0x1/0x2 and\nso on+0x1/0x2 it\ngoes+1\n"));
}

TEST(When, DatesOfPathsAndLogs) {
  EXPECT_EQ(shown(date_of_path("/var/crash/127.0.0.1-2024-01-05-09:05:11/vmcore-dmesg.txt")), "2024-01-05 09:05:11");
  EXPECT_EQ(shown(date_of_path("/x/20240712-104419.log")), "2024-07-12 10:44:19");
  EXPECT_EQ(shown(date_of_path("/x/202407121044.log")), "2024-07-12 10:44:00");
  EXPECT_EQ(shown(date_of_path("/x/20240710/dmesg")), "2024-07-10");
  EXPECT_EQ(date_of_path("/x/vmcore-4.19.90-2101-12345678"), 0);
  EXPECT_EQ(date_of_path("/x/99999999.log"), 0);
  EXPECT_EQ(shown(date_of_wall_time("2024-01-05T09:03:20.123456+08:00 host kernel:")), "2024-01-05 09:03:20");
  EXPECT_EQ(shown(date_of_wall_time("Fri Jan  5 09:03:20 2024")), "2024-01-05 09:03:20");
  EXPECT_EQ(date_of_wall_time("Jan  5 09:03:20"), 0);  // which year?
}

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "triage_test_XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name) << text;
  }
  std::string path;
};

TEST(Inputs, ADumpAndItsLogAreOneAndPartsAreJoined) {
  Folder folder;
  folder.put("a/vmcore", "dump");
  folder.put("a/vmcore-dmesg.txt", "log");
  folder.put("b/vmcore.1", "KDUMP   1");
  folder.put("b/vmcore.2", "KDUMP   2");
  folder.put("c/messages.1", "text");
  folder.put("c/messages.2", "text too");
  folder.put("c/catalogue", "not an input");
  folder.put(".hidden", "x");
  folder.put("empty", "");
  Inputs inputs = find_inputs({folder.path, "/no/such"}, {folder.path + "/c/catalogue"});
  ASSERT_EQ(inputs.list.size(), 5u);
  EXPECT_EQ(inputs.list[0].fallback, folder.path + "/a/vmcore-dmesg.txt");
  EXPECT_EQ(inputs.list[1].paths.size(), 2u);
  EXPECT_EQ(inputs.list[2].paths.size(), 1u);
  EXPECT_TRUE(inputs.list[4].given);
}

TEST(Inputs, TheSameBytesAreTheSameCrashUnlessTheirDatesDiffer) {
  Folder folder;
  folder.put("20240101.log", "text");
  folder.put("20240102.log", "text");
  folder.put("copy/20240102.log", "text");
  auto id = [&](const char* name) { return *id_of({{folder.path + "/" + name}, "", false}, false); };
  EXPECT_NE(id("20240101.log"), id("20240102.log"));
  EXPECT_EQ(id("20240102.log"), id("copy/20240102.log"));
  EXPECT_FALSE(id_of({{folder.path + "/absent"}, "", false}, false).ok());
}

records::CrashGroup group(const std::string& key, const std::string& cause, const std::string& panic, const std::string& verdict, double confidence) {
  records::CrashGroup g;
  g.key = key;
  g.cause = cause;
  g.panics = {{panic, 1}};
  g.verdicts = {verdict};
  g.confidence = confidence;
  g.count = 1;
  return g;
}

TEST(Table, AVerdictIsSuggestedByLikeGroupsOnly) {
  auto proven = group("a", "warning in x: y", "bad-access in rcu_do_batch", "double-rcu-callback", 0.9);
  auto like = group("b", "", "bad-access in rcu_do_batch", "unknown", 0), bare = group("c", "", "bad-access", "unknown", 0);
  EXPECT_EQ(suggested_verdict(like, {proven, like}).verdict, "double-rcu-callback");
  EXPECT_EQ(suggested_verdict(bare, {proven, bare}).verdict, "");
  EXPECT_EQ(suggested_verdict(proven, {proven, like}).verdict, "");
  // Two causes end alike: the end tells nothing.
  auto other = group("d", "warning in z: z", "bad-access in rcu_do_batch", "use-after-free", 0.8);
  EXPECT_EQ(suggested_verdict(like, {proven, like, other}).verdict, "");
}

// An input that brings the examination down costs itself only; the rest is recorded, and told to be known next time.
class Fragile : public Examination {
 public:
  Fragile(std::string text) : text_(std::move(text)) {}
  bool is_dump() const override { return false; }
  Result<report::Report> report() override {
    if (text_.find("poison") != std::string::npos) std::abort();
    return report_of(text_);
  }
  void look_for_fix(report::Report&) override {}

 private:
  std::string text_;
};

TEST(Run, AnInputThatCrashesTheExaminationCostsItselfOnly) {
  Folder folder;
  folder.put("in/1.log", kWarning);
  folder.put("in/2.log", "poison");
  folder.put("in/3.log", panic(10, "do_idle"));
  Request request;
  request.given = {folder.path + "/in"};
  request.catalogue = folder.path + "/catalogue";
  request.jobs = 1;
  request.open = [](const std::vector<std::string>& paths) -> Result<std::unique_ptr<Examination>> {
    std::ifstream in(paths[0]);
    return std::unique_ptr<Examination>(std::make_unique<Fragile>(std::string(std::istreambuf_iterator<char>(in), {})));
  };
  auto first = run_triage(request);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->inputs[0].outcome, Outcome::kNew);
  EXPECT_EQ(first->inputs[1].outcome, Outcome::kFailed);
  EXPECT_NE(first->inputs[1].why.find("Aborted"), std::string::npos) << first->inputs[1].why;
  EXPECT_EQ(first->inputs[2].outcome, Outcome::kNew);
  auto again = run_triage(request);
  EXPECT_EQ(again->inputs[0].outcome, Outcome::kRepeated);
  EXPECT_EQ(again->known_before.size(), 2u);
  EXPECT_NE(to_text(*again, false).find("2 recorded before"), std::string::npos);
  EXPECT_NE(to_json(*again, true).find("\"repeated\""), std::string::npos);
}

}  // namespace
}  // namespace inquest::triage
