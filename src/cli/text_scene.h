// The scene over a log: with debuginfo if it was given and fits, else of the text alone.
#pragma once

#include <memory>

#include "cli/session.h"
#include "oops/parse.h"
#include "scene/crash_scene.h"
#include "scene/text_kernel.h"

namespace inquest::cli {

struct LogScene {
  std::unique_ptr<scene::TextKernel> kernel;  // what `scene` stands on, if anything
  std::unique_ptr<scene::CrashScene> scene;
};

LogScene scene_of_log(Session& session, oops::Log log);

}  // namespace inquest::cli
