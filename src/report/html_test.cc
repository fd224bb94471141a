// The HTML of reports put together by hand: hostile words stay words, elements are closed, links lead somewhere, pictures hold what was gathered.
#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "report/clean.h"
#include "report/svg.h"

namespace inquest::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kScript = "<script>alert(1)</script>\"'&";

// Every field that a dump fills, filled with markup.
Report hostile() {
  Report r;
  r.path = "/tmp/" + kScript;
  r.shell_prefix = kScript;
  auto& s = r.facts.system;
  s.release = s.nodename = s.version = s.machine = s.panic = s.kernel = kScript;
  s.taints = {kScript};
  r.facts.format = kScript;
  scene::EventView event;
  event.id = "E1";
  event.event.header = event.event.title = event.event.comm = event.event.workqueue = event.event.context = kScript;
  event.event.time = 1.5;
  event.event.cpu = 0;
  event.event.pid = 1;
  event.event.registers = {{kScript, 1}};
  event.registers = {{kScript, 1, kScript, kScript}};
  event.source = {{kScript, kScript, 3, false}};
  event.condition.emplace();
  event.condition->text = kScript;
  scene::FrameView frame;
  frame.symbol = frame.module = kScript;
  frame.source = {{kScript, kScript, 3, false}, {kScript, kScript, 4, false}};
  frame.locals = {{kScript, kScript, kScript, "", kScript}, {kScript, kScript, "", kScript, kScript}};
  event.frames = {frame};
  r.events = {event, event};
  r.events[1].id = kScript;
  r.fatal_event = "E1";
  r.crashed.emplace();
  r.crashed->comm = r.crashed->how = r.crashed->why_incomplete = kScript;
  r.crashed->pid = 7;
  r.crashed->frames = {frame};
  inquiry::Verdict v;
  v.cause = v.summary = v.guilty.function = v.guilty.file = v.guilty.module = kScript;
  v.object = {kScript, kScript, kScript, kScript, {kScript}};
  v.alternatives = {{kScript, kScript}};
  v.would_settle = {kScript};
  v.evidence = {r.inquiry.dossier.add(inquiry::Origin::kMemory, kScript + "`" + kScript + "`", kScript, {{"event", kScript}})};
  r.inquiry.verdicts = {v};
  r.similar = {{kScript, kScript, kScript, kScript, 1, {kScript}}};
  r.fixes = {{kScript, kScript, kScript, kScript, kScript, kScript, 1, {kScript}, {kScript}, kScript, {kScript}, {kScript}, {kScript}}};
  r.quotes = {{kScript, 3, 3, {kScript}}};
  r.unread = {{kScript, kScript}};
  r.proofs = {{kScript, kScript, kScript, true}};
  return r;
}

void add_pictures(Report& r) {
  inquiry::MemoryWindow w{kScript, kScript, {}, {}};
  w.words.push_back({0x1000, 0x1000, "", inquiry::WordShape::kSelf, kScript, kScript, {kScript}});
  w.words.push_back({0x1008, std::nullopt, kScript, inquiry::WordShape::kUnread, "", "", {}});
  w.objects.push_back({0x1000, 16, kScript, kScript, true, true});
  r.pictures.memory = {w};
  inquiry::StructLayout layout{kScript, kScript, 0x1000, 16, 0, {}, false, false};
  layout.blocks.push_back({0, 8, {{{kScript, kScript, kScript, 0, 8, 0, true}}, {{"b", "int", "", 0, 8, 0, false}}}});
  layout.blocks.push_back({8, 8, {}});
  r.pictures.layout = layout;
  r.pictures.journey = {{inquiry::JourneyStep::Kind::kBirth, kScript, kScript, kScript, kScript, kScript, kScript, true}};
  r.pictures.waits = inquiry::WaitGraph{{{kScript, kScript, kScript, true, true}, {"b", "b", "", false, true}, {"c", "c", "", false, false}},
                                        {{kScript, "b", kScript}, {"b", kScript, "x"}, {"c", "b", "x"}, {"c", "nobody", "x"}, {"c", "c", "x"}}};
}

// A small reader of our own markup: every element closed in order, every attribute quoted, no id twice, every #link there.
struct Survey {
  std::vector<std::string> faults;
  std::set<std::string> tags, ids, links;

  explicit Survey(const std::string& html) {
    std::vector<std::string> open;
    for (size_t at = 0; (at = html.find('<', at)) != std::string::npos;) {
      size_t end = html.find('>', at);
      if (end == std::string::npos) {
        faults.push_back("unfinished tag");
        return;
      }
      std::string tag = html.substr(at + 1, end - at - 1);
      at = end + 1;
      if (tag.starts_with("!")) continue;
      if (tag.starts_with("/")) {
        if (open.empty() || open.back() != tag.substr(1)) faults.push_back("closes " + tag);
        else open.pop_back();
        continue;
      }
      std::string name = tag.substr(0, tag.find_first_of(" /"));
      tags.insert(name);
      attributes(tag);
      if (!tag.ends_with("/") && name != "meta") open.push_back(name);
    }
    if (!open.empty()) faults.push_back("left open: " + open.back());
    for (const auto& link : links)
      if (!ids.contains(link)) faults.push_back("no target: " + link);
  }

  void attributes(const std::string& tag) {
    if (std::count(tag.begin(), tag.end(), '"') % 2) faults.push_back("quotes: " + tag);
    if (size_t at = tag.find(" id=\""); at != std::string::npos) {
      std::string id = tag.substr(at + 5, tag.find('"', at + 5) - at - 5);
      if (!ids.insert(id).second) faults.push_back("twice: " + id);
    }
    if (size_t at = tag.find(" href=\""); at != std::string::npos) {
      std::string to = tag.substr(at + 7, tag.find('"', at + 7) - at - 7);
      if (!to.starts_with("#")) faults.push_back("leads out: " + to);
      links.insert(to.substr(1));
    }
  }
};

TEST(Html, NoWordOfADumpBecomesMarkup) {
  Report r = hostile();
  add_pictures(r);
  std::string html = to_html(r);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
  Survey survey(html);
  EXPECT_THAT(survey.faults, ::testing::IsEmpty());
  EXPECT_FALSE(survey.tags.contains("script"));
  for (const char* tag : {"svg", "figure", "details", "table"}) EXPECT_TRUE(survey.tags.contains(tag)) << tag;
}

TEST(Html, NothingIsFetchedAndNothingRuns) {
  std::string html = to_html(hostile());
  EXPECT_THAT(html, HasSubstr("Content-Security-Policy\" content=\"default-src 'none'"));
  for (const char* bad : {"http://", "https://", "url(", "@import", "src=", " onload", "javascript:"}) EXPECT_THAT(html, Not(HasSubstr(bad))) << bad;
}

TEST(Html, TheVerdictComesFirstThenTheChainWithItsProofs) {
  Report r;
  r.path = "vmcore";
  inquiry::Verdict v;
  v.cause = "null-dereference";
  v.confidence = 0.9;
  v.summary = "`h->peer` is NULL.";
  v.evidence = {r.inquiry.dossier.add(inquiry::Origin::kMemory, "It holds 0.", "rd 10", {}), r.inquiry.dossier.add(inquiry::Origin::kCode, "It reads.", "dis f", {})};
  r.inquiry.verdicts = {v};
  r.proofs = {{"rd 10", "10: 0000\n", "", false}, {"dis f", "", "no such function", false}};
  std::string html = to_html(r);
  size_t verdict = html.find("null-dereference<"), step = html.find("It holds 0."), proof = html.find("10: 0000"), error = html.find("no such function");
  EXPECT_LT(verdict, step);
  EXPECT_LT(step, proof);
  EXPECT_LT(proof, error);
  EXPECT_NE(error, std::string::npos);
  EXPECT_THAT(html, HasSubstr("<code>h-&gt;peer</code> is NULL."));
  EXPECT_THAT(html, HasSubstr("confidence 0.90"));
  EXPECT_THAT(Survey(html).faults, ::testing::IsEmpty());
}

TEST(Html, NumbersOutOfRangeAndNoVerdictAtAllStillMakeAPage) {
  Report r;
  EXPECT_THAT(Survey(to_html(r)).faults, ::testing::IsEmpty());
  r = hostile();
  r.inquiry.verdicts.front().confidence = std::nan("");
  r.events[0].event.time = std::nan("");
  r.events[1].event.time = INFINITY;
  r.facts.system.uptime_seconds = -1e300;
  EXPECT_THAT(Survey(to_html(r)).faults, ::testing::IsEmpty());
}

TEST(Html, AFloodOfEventsIsCutButNotTheFatalOne) {
  Report r;
  r.inquiry.verdicts.resize(1);
  scene::EventView e;
  e.event.time = 1;
  for (int i = 1; i <= 5000; i++) {
    e.id = "E" + std::to_string(i);
    *e.event.time += 0.001;
    r.events.push_back(e);
  }
  r.fatal_event = "E4999";
  std::string html = to_html(r);
  EXPECT_LT(html.size(), 200000u);
  Survey survey(html);
  EXPECT_THAT(survey.faults, ::testing::IsEmpty());
  EXPECT_TRUE(survey.ids.contains("E4999"));
  EXPECT_THAT(html, HasSubstr("4939 more"));
}

TEST(Clean, TextIsEscapedAndControlsAreReplaced) {
  EXPECT_EQ(escape_html("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(escape_html("a\tb\nc"), "a\tb\nc");
  for (const char* bad : {"\x1b", "\x07", "\x7f", "\xc2\x85", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\x8b", "\xef\xbb\xbf", "\xff", "\xed\xa0\x80"})
    EXPECT_EQ(escape_html(std::string("a") + bad + "z").substr(0, 4), "a\xef\xbf\xbd") << bad;
  EXPECT_EQ(escape_html("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(Clean, FitCutsByColumnsNotBytes) {
  EXPECT_EQ(columns("caf\xc3\xa9"), 4u);
  EXPECT_EQ(columns("\xe6\xbc\xa2\xe5\xad\x97"), 4u);
  EXPECT_EQ(fit("caf\xc3\xa9", 4), "caf\xc3\xa9");
  EXPECT_EQ(fit("caf\xc3\xa9s", 4), "caf…");
  EXPECT_EQ(fit("\xe6\xbc\xa2\xe5\xad\x97", 3), "\xe6\xbc\xa2…");
  EXPECT_EQ(fit("abc", 0), "");
}

TEST(Svg, WrapKeepsToItsRoomAndLines) {
  EXPECT_THAT(wrap("one two three", 7, 3), ::testing::ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("one two three four", 7, 2), ::testing::ElementsAre("one two", "three …"));
  EXPECT_THAT(wrap("", 7, 2), ::testing::IsEmpty());
}

TEST(Svg, EqualWordsAreOneRowButNotAcrossABorder) {
  inquiry::MemoryWindow w{"x", "rd", {}, {}};
  for (uint64_t i = 0; i < 16; i++) w.words.push_back({0x1000 + 8 * i, 0, "", inquiry::WordShape::kZero, "", "", {}});
  EXPECT_THAT(draw_memory(w), HasSubstr("15 more words"));
  w.objects.push_back({0x1040, 0x40, "c", "", false, false});
  std::string svg = draw_memory(w);
  EXPECT_THAT(svg, HasSubstr("7 more words"));
  EXPECT_THAT(svg, HasSubstr("object of cache c, 64 bytes at 0x1040, allocated"));
  w.words[3].marks = {"here"};
  EXPECT_THAT(draw_memory(w), HasSubstr("◀ here"));
}

TEST(Svg, UnionArmsStandSideBySide) {
  inquiry::StructLayout layout{"struct twig", "", std::nullopt, 16, 0, {}, false, false};
  layout.blocks.push_back({0, 16, {{{"list.next", "p", "", 0, 8, 0, true}, {"list.prev", "p", "", 8, 8, 0, false}}, {{"rcu.next", "p", "", 0, 8, 0, true}, {"rcu.func", "p", "", 8, 8, 0, false}}}});
  std::string svg = draw_layout(layout);
  // The same height, another column.
  EXPECT_THAT(svg, HasSubstr("<rect x=\"65\" y=\"5\" width=\"344\" height=\"32\" class=\"cell marked\">"));
  EXPECT_THAT(svg, HasSubstr("<rect x=\"411\" y=\"5\" width=\"344\" height=\"32\" class=\"cell marked\">"));
}

}  // namespace
}  // namespace inquest::report
