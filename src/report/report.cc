#include "report/report.h"

#include <fmt/format.h>

namespace inquest::report {

Report make_report(const scene::CrashScene& scene, inquiry::Inquiry inquiry, const LossLedger& ledger) {
  Report report;
  report.facts = scene.facts();
  report.events = scene.events();
  report.crashed = scene.crashed();
  report.inquiry = std::move(inquiry);
  if (report.inquiry.seen.fatal) report.fatal_event = report.inquiry.seen.fatal->id;
  // They pointed into the scene, which may be gone when the report is read.
  report.inquiry.seen.fatal = nullptr;
  report.inquiry.seen.warning = nullptr;
  for (const auto& entry : ledger.entries()) {
    std::string details;
    for (const auto& d : entry.details) details += (details.empty() ? "" : "; ") + d;
    if (entry.count > entry.details.size()) details += fmt::format(" ({} in all)", entry.count);
    report.unread.push_back({sentence_of(entry.loss), details});
  }
  if (report.crashed && !report.crashed->complete)
    report.unread.push_back({"the crashed thread's stack could not be followed to its end", report.crashed->why_incomplete});
  return report;
}

}  // namespace inquest::report
