// give_guilty(): the source file to blame, from the file names a decoded report carries.
#pragma once

#include "oops/event.h"
#include "oops/report_lines.h"

namespace inquest::oops {

void give_guilty(Event& event, const ReportLines& lines);

}  // namespace inquest::oops
