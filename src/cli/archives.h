// What archives know of a report: its similar reports and candidate fixes, asked with the report's own facts.
#pragma once

#include "cli/options.h"
#include "kernel/kernel.h"
#include "report/report.h"

namespace inquest::cli {

// Fills report.similar and report.fixes from each --archive, and report.similar from --catalogue. What cannot be read becomes an
// `unread` entry. `log`: the text of a log input, "" for a dump. `kernel`: the dead kernel, to look for the marks of each candidate
// fix in; null where there is only a log.
void ask_archives(const Options& options, const std::string& log, const kernel::Kernel* kernel, report::Report& report);

}  // namespace inquest::cli
