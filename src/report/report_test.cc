// The three renderings of a report put together by hand.
#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cmath>

namespace inquest::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Report sample() {
  Report r;
  r.path = "vmcore";
  r.facts.format = "kdump-zlib";
  r.facts.system.release = "6.1.0-test";
  scene::EventView event;
  event.id = "E1";
  event.event.header = "BUG: unable to handle page fault";
  event.event.comm = "kworker";
  event.event.pid = 7;
  event.pc = 0xffffffff81000010;
  scene::FrameView frame;
  frame.symbol = "delete_node";
  frame.offset = 0x98;
  event.frames.push_back(frame);
  r.events.push_back(event);
  inquiry::Verdict verdict;
  verdict.cause = "double-rcu-callback";
  verdict.confidence = 0.875;
  verdict.summary = "A callback was queued twice.";
  verdict.guilty.function = "delete_node";
  verdict.evidence = {r.inquiry.dossier.add(inquiry::Origin::kMemory, "The list is empty.", "rd 10", {{"next", "0x10"}})};
  r.inquiry.verdicts.push_back(verdict);
  r.unread.push_back({"a page was left out", "page 3"});
  return r;
}

// Valid JSON of valid UTF-8; a null document says that it is not.
rapidjson::Document parsed(const std::string& json) {
  rapidjson::Document d;
  d.Parse<rapidjson::kParseValidateEncodingFlag>(json.c_str(), json.size());
  EXPECT_FALSE(d.HasParseError()) << "at " << d.GetErrorOffset() << " of " << json;
  if (d.HasParseError()) d.SetNull();
  return d;
}

TEST(Json, ParsesBack) {
  rapidjson::Document d = parsed(to_json(sample()));
  ASSERT_TRUE(d.IsObject());
  EXPECT_EQ(d["schema"].GetInt(), 1);
  EXPECT_STREQ(d["dump"]["path"].GetString(), "vmcore");
  EXPECT_STREQ(d["verdicts"][0]["cause"].GetString(), "double-rcu-callback");
  EXPECT_EQ(d["verdicts"][0]["confidence"].GetDouble(), 0.875);
  EXPECT_STREQ(d["verdicts"][0]["evidence"][0].GetString(), d["evidence"][0]["id"].GetString());
  EXPECT_STREQ(d["evidence"][0]["values"]["next"].GetString(), "0x10");
  EXPECT_STREQ(d["events"][0]["pc"].GetString(), "0xffffffff81000010");
  EXPECT_EQ(d["events"][0]["pid"].GetInt(), 7);
  EXPECT_STREQ(d["unread"][0]["why"].GetString(), "page 3");
}

TEST(Json, UnknownIsNull) {
  rapidjson::Document d = parsed(to_json(sample()));
  ASSERT_TRUE(d.IsObject());
  EXPECT_TRUE(d["crashed"].IsNull());
  for (const char* key : {"kernel", "cpus", "date", "uptime_seconds", "load_average", "tasks", "memory_bytes", "panic", "crashing_cpu"})
    EXPECT_TRUE(d["system"][key].IsNull()) << key;
  for (const char* key : {"arch", "page_size", "dump_level", "pages_stored"}) EXPECT_TRUE(d["dump"][key].IsNull()) << key;
  for (const char* key : {"time", "cpu", "fault_address", "file", "line", "condition"}) EXPECT_TRUE(d["events"][0][key].IsNull()) << key;
  EXPECT_TRUE(d["events"][0]["frames"][0]["address"].IsNull());
  EXPECT_TRUE(d["verdicts"][0]["guilty"]["line"].IsNull());
}

TEST(Json, NumbersThatJsonCannotSayAreNull) {
  Report r = sample();
  r.facts.system.uptime_seconds = std::nan("");
  rapidjson::Document d = parsed(to_json(r));
  ASSERT_TRUE(d.IsObject());
  EXPECT_TRUE(d["system"]["uptime_seconds"].IsNull());
}

TEST(Json, InvalidUtf8IsReplaced) {
  for (const char* bad : {"\xff", "\xc3", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\x80"}) {
    Report r = sample();
    r.events[0].event.header = std::string("a") + bad + "z";
    rapidjson::Document d = parsed(to_json(r));
    ASSERT_TRUE(d.IsObject());
    const std::string header = d["events"][0]["header"].GetString();
    EXPECT_THAT(header, HasSubstr("a\xef\xbf\xbd"));
    EXPECT_EQ(header.back(), 'z');
  }
  Report r = sample();
  r.events[0].event.header = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7 \"quoted\\\n\x01";
  rapidjson::Document d = parsed(to_json(r));
  ASSERT_TRUE(d.IsObject());
  EXPECT_EQ(d["events"][0]["header"].GetString(), r.events[0].event.header);
}

TEST(Text, WithoutColourHasNoEscapeByte) {
  Report r = sample();
  const std::string text = to_text(r, false);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("double-rcu-callback, confidence 0.88"));
  EXPECT_THAT(text, HasSubstr("delete_node+0x98"));
  EXPECT_THAT(text, HasSubstr("What could not be read"));
  EXPECT_THAT(to_text(r, true), HasSubstr("\x1b[1m"));
}

TEST(Text, EscapesOfALogDoNotReachTheTerminal) {
  Report r = sample();
  r.events[0].event.header = "\x1b]0;owned\x07 \x1b[2J";
  r.events[0].event.comm = "\x1b[31mred";
  EXPECT_THAT(to_text(r, false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(to_text(r, false), Not(HasSubstr("\x07")));
  EXPECT_THAT(to_text(r, true), Not(HasSubstr("\x1b]")));
  EXPECT_THAT(to_text(r, true), Not(HasSubstr("\x1b[2J")));
  EXPECT_THAT(to_markdown(r), Not(HasSubstr("\x1b")));
  EXPECT_THAT(events_to_text(r.events, false), Not(HasSubstr("\x1b")));
}

TEST(Text, ADateOutOfRangeIsLeftOut) {
  Report r = sample();
  r.facts.system.date = INT64_MAX;
  EXPECT_THAT(to_text(r, false), Not(HasSubstr("DATE")));
}

TEST(Markdown, HasHeadingsAndFences) {
  const std::string text = to_markdown(sample());
  EXPECT_THAT(text, HasSubstr("# Inquest into vmcore\n"));
  EXPECT_THAT(text, HasSubstr("## Verdict\n"));
  EXPECT_THAT(text, HasSubstr("**double-rcu-callback**"));
  EXPECT_THAT(text, HasSubstr("`rd 10` (memory)"));
  size_t fences = 0;
  for (size_t at = 0; (at = text.find("```", at)) != std::string::npos; at += 3) fences++;
  EXPECT_GT(fences, 0u);
  EXPECT_EQ(fences % 2, 0u);
}

}  // namespace
}  // namespace inquest::report
