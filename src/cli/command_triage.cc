// `inquest triage`: many crashes into groups, known or new; and notes on the groups of a catalogue.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/cache_folder.h"
#include "cli/archives.h"
#include "cli/emit.h"
#include "cli/examine.h"
#include "triage/run.h"
#include "triage/table.h"
#include "triage/typed.h"

namespace inquest::cli {

namespace {

// One dump or log, opened in a session of its own.
class OpenedInput : public triage::Examination {
 public:
  OpenedInput(const Options& options, const std::vector<std::string>& paths) : options_(options), session_(options_) {
    options_.inputs = paths;
    options_.timings = false;
  }
  Result<void> open() {
    TRY(input_, session_.open_input());
    return {};
  }
  bool is_dump() const override { return input_.is_dump; }
  Result<report::Report> report() override {
    TRY(report::Report report, examine(session_, input_));
    if (report.events.empty() && !input_.is_dump)
      if (auto typed = triage::typed_stack(input_.text)) report.events.push_back(std::move(*typed));
    return report;
  }
  void look_for_fix(report::Report& report) override { ask_archives(options_, input_.text, session_.opened_kernel(), report); }

 private:
  Options options_;
  Session session_;
  Session::Input input_;
};

// A catalogue for this run alone.
class ForgottenCatalogue {
 public:
  ForgottenCatalogue() {
    std::string name = (std::filesystem::temp_directory_path() / "inquest-triage-XXXXXX").string();
    if (::mkdtemp(name.data())) folder_ = name;
  }
  ~ForgottenCatalogue() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  std::string path() const { return folder_ + "/catalogue"; }

 private:
  std::string folder_;
};

// "GROUP=TEXT"; GROUP may be shortened as long as it names one.
Result<void> attach(records::Catalogue& catalogue, const std::string& note) {
  size_t equals = note.find('=');
  if (equals == std::string::npos || equals == 0) return Error(ErrorCode::kUsage, "--note wants GROUP=TEXT, not " + note);
  std::string wanted = note.substr(0, equals);
  TRY(std::vector<records::CrashGroup> groups, catalogue.groups());
  std::vector<std::string> fitting;
  for (const auto& g : groups) {
    if (g.key == wanted) fitting.assign(1, g.key);
    if (g.key == wanted) break;
    if (g.key.starts_with(wanted)) fitting.push_back(g.key);
  }
  if (fitting.empty()) return Error(ErrorCode::kNotFound, "no group " + wanted + " in the catalogue");
  if (fitting.size() > 1) return Error(ErrorCode::kUsage, fmt::format("{} names {} groups: {}, {}, …", wanted, fitting.size(), fitting[0], fitting[1]));
  return catalogue.set_note(fitting[0], note.substr(equals + 1));
}

Result<void> attach_notes(const Options& options) {
  TRY(records::Catalogue catalogue, records::Catalogue::open(options.catalogue));
  for (const auto& note : options.notes) TRY_VOID(attach(catalogue, note));
  return {};
}

}  // namespace

int run_triage(const Options& options) {
  if (options.inputs.empty() && options.catalogue.empty()) return std::fputs("inquest: triage: an INPUT, or a --catalogue to show\n", stderr), 2;
  if (!options.notes.empty() && options.catalogue.empty()) return std::fputs("inquest: triage: --note needs a --catalogue\n", stderr), 2;
  ForgottenCatalogue forgotten;
  Session session(options);
  triage::Request request;
  request.given = options.inputs;
  request.catalogue = options.catalogue.empty() ? forgotten.path() : options.catalogue;
  request.jobs = options.jobs;
  request.open = [&](const std::vector<std::string>& paths) -> Result<std::unique_ptr<triage::Examination>> {
    auto input = std::make_unique<OpenedInput>(options, paths);
    TRY_VOID(input->open());
    return std::unique_ptr<triage::Examination>(std::move(input));
  };
  request.progress = [&](uint64_t done, uint64_t total) { session.progress().show("triage", done, total, "inputs"); };
  int status = 0;
  auto outcomes = triage::run_triage(request);
  if (!outcomes.ok() && !options.catalogue.empty() && !options.inputs.empty()) {
    // Its memory is lost to this run, the crashes given are not.
    status = fail(std::move(outcomes).error().in("grouped without the catalogue, nothing is kept"));
    request.catalogue = forgotten.path();
    outcomes = triage::run_triage(request);
  }
  if (!outcomes.ok()) return fail(outcomes.error());
  if (!options.notes.empty() && status == 0) {
    if (auto attached = attach_notes(options); !attached.ok()) return fail(attached.error());
    if (auto catalogue = records::Catalogue::open(options.catalogue); catalogue.ok()) outcomes->groups = catalogue->groups().value_or(outcomes->groups);
  }
  bool whole = options.all_groups || options.inputs.empty();
  auto written = emit(options.output, options.format == "json" ? triage::to_json(*outcomes, whole) : triage::to_text(*outcomes, whole));
  if (!written.ok()) return fail(written.error());
  bool unopened = std::any_of(outcomes->inputs.begin(), outcomes->inputs.end(), [](const auto& i) { return i.outcome == triage::Outcome::kFailed; });
  bool any = std::any_of(outcomes->inputs.begin(), outcomes->inputs.end(), [](const auto& i) { return i.outcome != triage::Outcome::kFailed; });
  return unopened && !any ? 1 : status;
}

}  // namespace inquest::cli
