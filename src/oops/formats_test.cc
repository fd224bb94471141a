// The kernel's own print formats (tests/oops/formats.log), each behind every prefix a log may come with.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "oops/parse.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

struct Case {
  std::string name, kinds, function, cpu, pid, comm;
  std::vector<std::string> lines;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  std::ifstream file(std::string(INQUEST_SOURCE_DIR) + "/tests/oops/formats.log");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ") && all.empty()) continue;
    if (!line.starts_with("=== ")) {
      all.back().lines.push_back(line);
      continue;
    }
    std::vector<std::string> parts;
    std::stringstream head(line.substr(4));
    for (std::string part; std::getline(head, part, '|');) parts.emplace_back(trim(part));
    parts.resize(6, "-");
    all.push_back({parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], {}});
  }
  return all;
}

using Prefix = std::function<std::string(size_t, const std::string&)>;

std::string seconds(size_t i) { return fmt::format("[   10.{:06}]", i); }

const std::pair<const char*, Prefix> kPrefixes[] = {
    {"none", [](size_t, const std::string& l) { return l; }},
    {"printk", [](size_t i, const std::string& l) { return seconds(i) + " " + l; }},
    {"printk, caller", [](size_t i, const std::string& l) { return seconds(i) + "[   T77] " + l; }},
    {"level", [](size_t i, const std::string& l) { return "<4>" + seconds(i) + " " + l; }},
    {"dmesg -x", [](size_t i, const std::string& l) { return "kern  :warn  : " + seconds(i) + " " + l; }},
    {"dmesg -d", [](size_t i, const std::string& l) { return fmt::format("[   10.{:06} <    0.000010>] {}", i, l); }},
    {"dmesg -T", [](size_t, const std::string& l) { return "[Wed Jan 29 10:11:17 2025] " + l; }},
    {"dmesg iso", [](size_t, const std::string& l) { return "2025-01-21T12:07:18,015541+01:00 " + l; }},
    {"syslog", [](size_t, const std::string& l) { return "Nov  1 12:00:00 host kernel: " + l; }},
    {"syslog, printk", [](size_t i, const std::string& l) { return "Nov  1 12:00:00 host kernel: " + seconds(i) + " " + l; }},
    {"syslog, level", [](size_t, const std::string& l) { return "<4>Nov  1 12:00:00 host kernel: " + l; }},
    {"syslog, year", [](size_t, const std::string& l) { return "2025 Nov  1 12:00:00 host kernel: " + l; }},
    {"busybox", [](size_t i, const std::string& l) { return "Jan  1 00:00:12 (none) kern.alert kernel: " + seconds(i) + " " + l; }},
    {"journald iso", [](size_t, const std::string& l) { return "2025-01-21T12:07:18.015541+01:00 host kernel: " + l; }},
    {"journalctl -o cat", [](size_t, const std::string& l) { return "kernel: " + l; }},
    {"short-monotonic", [](size_t i, const std::string& l) { return seconds(i) + " host kernel: " + l; }},
    {"PREEMPT_RT", [](size_t i, const std::string& l) { return seconds(i) + " 003: " + l; }},
    {"Android", [](size_t i, const std::string& l) { return "<6>" + seconds(i) + " (3)[77:poller]" + l; }},
    {"GitLab", [](size_t i, const std::string& l) { return "2025-01-21T12:07:18.015541Z 01O " + seconds(i) + " " + l; }},
    {"LAVA", [](size_t i, const std::string& l) { return "2025-01-21T12:07:18.015541  <4>" + seconds(i) + " " + l; }},
    {"terminal's clock", [](size_t i, const std::string& l) { return "[12:34:56.789] " + seconds(i) + " " + l; }},
    {"quoted", [](size_t i, const std::string& l) { return "> " + seconds(i) + " " + l; }},
    {"indented", [](size_t i, const std::string& l) { return "    " + seconds(i) + " " + l; }},
    {"carriage returns", [](size_t i, const std::string& l) { return seconds(i) + " " + l + "\r"; }},
    {"colours", [](size_t i, const std::string& l) { return "\x1b[32m" + seconds(i) + " \x1b[0m\x1b[33m" + l + "\x1b[0m"; }},
    {"non-breaking blanks", [](size_t i, const std::string& l) { return fmt::format("[\u00a0\u00a0\u00a010.{:06}] {}", i, l); }},
};

void check(const Case& want, const Log& log, const std::string& how) {
  SCOPED_TRACE(want.name + ", " + how);
  if (want.kinds == "none") {
    EXPECT_TRUE(log.events.empty()) << log.events.front().header;
    return;
  }
  ASSERT_EQ(log.events.size(), 1u);
  const Event& e = log.events[0];
  EXPECT_NE(("," + want.kinds + ",").find(fmt::format(",{},", name_of(e.kind))), std::string::npos) << name_of(e.kind);
  auto number = [](const std::optional<int>& v) { return v ? std::to_string(*v) : std::string("-"); };
  if (want.function != "-") {
    EXPECT_EQ(e.function, want.function);
  }
  if (want.cpu != "-") {
    EXPECT_EQ(number(e.cpu), want.cpu);
  }
  if (want.pid != "-") {
    EXPECT_EQ(number(e.pid), want.pid);
  }
  if (want.comm != "-") {
    EXPECT_EQ(e.comm, want.comm);
  }
}

TEST(Formats, EachBehindEveryPrefix) {
  auto all = cases();
  ASSERT_GT(all.size(), 90u);
  for (const auto& [name, prefix] : kPrefixes)
    for (const Case& c : all) {
      std::string text;
      for (size_t i = 0; i < c.lines.size(); i++) text += prefix(i, c.lines[i]) + "\n";
      check(c, parse(text), name);
    }
}

// As mailers fold: at the last blank before a column.
std::string folded(std::string line, size_t column) {
  std::string out;
  while (line.size() > column) {
    size_t at = line.rfind(' ', column);
    if (at == line.npos || at < 20) at = line.find(' ', column);
    if (at == line.npos) break;
    out += line.substr(0, at) + "\n";
    line.erase(0, at + 1);
  }
  return out + line + "\n";
}

TEST(Formats, EachFoldedByAMailer) {
  for (const Case& c : cases()) {
    std::string text;
    for (size_t i = 0; i < c.lines.size(); i++) {
      std::string line = seconds(i) + " " + c.lines[i];
      for (char& ch : line) ch = ch == '\t' ? ' ' : ch;
      text += folded(line, 76);
    }
    check(c, parse(text), "folded at 76");
  }
}

}  // namespace
}  // namespace inquest::oops
