// `inquest report` and `inquest log`: the stages in order.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>

#include "cli/archives.h"
#include "cli/emit.h"
#include "cli/examine.h"
#include "cli/session.h"
#include "cli/sources.h"
#include "cli/text_scene.h"
#include "oops/parse.h"
#include "report/report.h"
#include "scene/live_scene.h"

namespace inquest::cli {

namespace {

// As a shell takes it: a path with anything unusual in it is quoted.
std::string quoted(const std::string& word) {
  bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("/._-+=:,@%~", c); });
  if (plain) return word;
  std::string text = "'";
  for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string shell_prefix(const Options& options) {
  std::string prefix = "inquest shell";
  for (const auto& i : options.inputs) prefix += " " + quoted(i);
  for (const auto& d : options.debuginfo) prefix += " -d " + quoted(d);
  return prefix;
}

Result<std::string> render(const Options& options, const report::Report& report) {
  if (options.format == "json") return report::to_json(report);
  if (options.format == "markdown") return report::to_markdown(report);
  if (options.format == "html") return report::to_html(report);
  return report::to_text(report, options.output.empty() && ::isatty(STDOUT_FILENO) == 1);
}

// The log of a dump needs no debuginfo when VMCOREINFO tells its layout.
Result<std::string> log_of_dump(Session& session) {
  TRY(auto identity, target::identify(session.dump(), session.ledger()));
  if (!identity.vmcoreinfo.empty()) {
    TRY(auto layout, target::locate(session.dump(), identity, {}, session.ledger()));
    target::AddressSpace memory(session.dump().memory(), layout.format, layout.root);
    auto log = kernel::read_log(memory, kernel::log_layout(layout.identity.vmcoreinfo));
    if (log.ok()) return log->text();
  }
  TRY_VOID(session.open_kernel());
  if (const auto& log = session.kernel().log(); !log.ok()) return Error(log.error());
  return session.kernel().log()->text();
}

Result<std::string> answer_log(const Options& options, Session& session) {
  TRY(bool is_dump, session.open_dump());
  if (is_dump && !options.events) return log_of_dump(session);
  std::vector<scene::EventView> events;
  if (is_dump) {
    TRY_VOID(session.open_kernel());
    events = scene::LiveScene(session.kernel(), false).events();
    if (const auto& log = session.kernel().log(); !log.ok()) return Error(log.error());
  } else if (options.events) {
    oops::LogReader reader;
    TRY_VOID(session.stream_log([&](std::string_view piece) { reader.feed(piece); }));
    events = scene_of_log(session, reader.finish()).scene->events();
  } else {
    std::string text;
    TRY_VOID(session.stream_log([&](std::string_view piece) {
      if (options.output.empty() || options.output == "-") std::fwrite(piece.data(), 1, piece.size(), stdout);
      else text += piece;
    }));
    return text;
  }
  return options.format == "json" ? report::events_to_json(events) : report::events_to_text(events, ::isatty(STDOUT_FILENO) == 1);
}

}  // namespace

int run_report(const Options& options) {
  Session session(options);
  auto input = session.open_input();
  if (!input.ok()) return fail(input.error());
  auto report = examine(session, *input, options.format == "html");
  if (!report.ok()) return fail(report.error());
  report->path = options.inputs.front();
  report->paths = options.inputs;
  report->shell_prefix = shell_prefix(options);
  session.stage("ask the archives");
  ask_archives(options, input->text, session.opened_kernel(), *report);
  if (!options.source.empty())
    if (auto quoted = quote_sources(options.source, *report); !quoted.ok()) return fail(quoted.error());
  auto text = render(options, *report);
  if (!text.ok()) return fail(text.error());
  auto written = emit(options.output, *text);
  session.leave(written.ok() ? 0 : fail(written.error()));
}

int run_log(const Options& options) {
  Session session(options);
  auto text = answer_log(options, session);
  if (!text.ok()) return fail(text.error());
  auto written = emit(options.output, *text);
  session.leave(written.ok() ? 0 : fail(written.error()));
}

}  // namespace inquest::cli
