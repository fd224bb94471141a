#include "cli/text_scene.h"

#include <cstdio>

#include "scene/live_scene.h"

namespace inquest::cli {

LogScene scene_of_log(Session& session, oops::Log log) {
  LogScene made;
  // Only what was asked for: a log is read far from the machine it came from, where the usual places hold another kernel's debuginfo.
  if (!session.options().debuginfo.empty() && !log.events.empty()) {
    session.stage("find debuginfo");
    auto finder = session.finder();
    auto kernel = finder.ok() ? scene::open_for_log(log, *finder, session.debuginfo_options(), session.ledger())
                              : Result<std::unique_ptr<scene::TextKernel>>(finder.error());
    if (kernel.ok()) {
      session.stage("set the scene");
      made.kernel = std::move(*kernel);
      made.scene = std::make_unique<scene::LiveScene>(*made.kernel, std::move(log));
      return made;
    }
    session.ledger().add(Loss::kNoDebuginfo, kernel.error().message());
    std::fprintf(stderr, "inquest: debuginfo not used: %s\n", kernel.error().message().c_str());
  }
  made.scene = std::make_unique<scene::TextScene>(std::move(log));
  return made;
}

}  // namespace inquest::cli
