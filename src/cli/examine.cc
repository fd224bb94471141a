#include "cli/examine.h"

#include <algorithm>

#include "cli/text_scene.h"
#include "inquiry/inquest.h"
#include "inquiry/pictures.h"
#include "scene/live_scene.h"
#include "shell/shell.h"

namespace inquest::cli {

namespace {

// What the HTML report shows besides: the pictures, and what each command of the verdict's evidence prints.
void add_proofs(const shell::Context& context, report::Report& report) {
  constexpr size_t kMostProofs = 40, kMostBytes = 16 << 10;
  std::vector<std::string> commands;
  auto want = [&](const std::string& command) {
    if (!command.empty() && commands.size() < kMostProofs && std::find(commands.begin(), commands.end(), command) == commands.end()) commands.push_back(command);
  };
  for (const auto& id : report.inquiry.verdicts.front().evidence)
    for (const auto& e : report.inquiry.dossier.evidence())
      if (e.id == id) want(e.command);
  for (const auto& window : report.pictures.memory) want(window.command);
  if (report.pictures.layout) want(report.pictures.layout->command);
  for (const auto& command : commands) {
    auto answer = shell::run_line(context, command);
    report::Proof proof{command, answer.ok() ? std::move(*answer) : "", answer.ok() ? "" : answer.error().message(), false};
    if (proof.text.size() > kMostBytes) {
      proof.cut = true;
      proof.text.resize(proof.text.rfind('\n', kMostBytes) == std::string::npos ? kMostBytes : proof.text.rfind('\n', kMostBytes) + 1);
    }
    report.proofs.push_back(std::move(proof));
  }
}

report::Report make_report(Session& session, const scene::CrashScene& scene, const kernel::Kernel* kernel, bool with_pictures) {
  session.stage("inquire");
  inquiry::Inquiry found = inquiry::inquire(scene);
  inquiry::Pictures pictures;
  if (with_pictures) {
    session.stage("gather pictures");
    pictures = inquiry::gather_pictures(scene, found);
  }
  session.stage("report");
  report::Report report = report::make_report(scene, std::move(found), session.ledger());
  if (!with_pictures) return report;
  report.pictures = std::move(pictures);
  session.stage("gather proofs");
  add_proofs(shell::Context{kernel, &scene}, report);
  return report;
}

Result<report::Report> dump_report(Session& session, bool with_pictures) {
  TRY_VOID(session.open_kernel());
  session.stage("set the scene");
  scene::LiveScene scene(session.kernel());
  return make_report(session, scene, &session.kernel(), with_pictures);
}

}  // namespace

Result<report::Report> examine(Session& session, Session::Input& input, bool with_pictures) {
  if (input.is_dump) return dump_report(session, with_pictures);
  LogScene log = scene_of_log(session, std::move(input.log));
  return make_report(session, *log.scene, log.kernel ? log.kernel->kernel.get() : nullptr, with_pictures);
}

}  // namespace inquest::cli
