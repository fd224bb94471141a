// Sources: lines of the kernel's source tree (--source) for the places a report names.
#pragma once

#include <string>

#include "base/result.h"
#include "report/report.h"

namespace inquest::cli {

// Adds quotes for the guilty line, the events and the crashed thread. What debuginfo calls a file is looked for under `folder` only: absolute names and
// those with ".." are not followed, for a dump may bring its own debuginfo. kNotFound: no such folder. Files that are not there are left out silently, they are many.
Result<void> quote_sources(const std::string& folder, report::Report& report);

}  // namespace inquest::cli
