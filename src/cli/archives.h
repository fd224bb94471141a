// What archives know of a report: its similar reports and candidate fixes, asked with the report's own facts.
#pragma once

#include "cli/options.h"
#include "report/report.h"

namespace inquest::cli {

// Fills report.similar and report.fixes from each --archive. An archive that cannot be read becomes an `unread` entry.
void ask_archives(const Options& options, report::Report& report);

}  // namespace inquest::cli
