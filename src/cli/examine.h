// One input examined: from an opened dump or a log's text to a report. What `report` and `triage` share.
#pragma once

#include <string>

#include "cli/session.h"
#include "report/report.h"

namespace inquest::cli {

// `session` has an input open (Session::open_input). `with_pictures`: what only the HTML report shows, too.
Result<report::Report> examine(Session& session, Session::Input& input, bool with_pictures = false);

}  // namespace inquest::cli
