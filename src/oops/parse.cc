#include "oops/parse.h"

#include "oops/chain.h"

namespace inquest::oops {
namespace {

// A host that warns a million times says nothing new after a few; what is kept stays bounded.
constexpr size_t kMaxEvents = 1024;

}  // namespace

LogReader::LogReader() : scanner_([this](Event&& event) { take(std::move(event)); }) {}

void LogReader::take(Event&& event) {
  if (log_.events.size() < kMaxEvents) {
    log_.events.push_back(std::move(event));
    return;
  }
  log_.left_out++;
  for (auto kept = log_.events.rbegin(); kept != log_.events.rend(); ++kept)
    if (kept->signature_fine == event.signature_fine) {
      kept->repeats++;
      return;
    }
}

Log LogReader::finish() {
  scanner_.finish();
  drop_quotations(log_.events);
  link_events(log_.events);
  log_.release = scanner_.release();
  for (const Event& event : log_.events) {
    if (log_.release.empty()) log_.release = event.release;
    if (log_.arch == Arch::kUnknown) log_.arch = event.arch;
  }
  return std::move(log_);
}

Log parse(std::string_view text) {
  LogReader reader;
  reader.feed(text);
  return reader.finish();
}

}  // namespace inquest::oops
