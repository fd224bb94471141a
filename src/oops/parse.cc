#include "oops/parse.h"

#include "oops/chain.h"
#include "oops/scanner.h"

namespace inquest::oops {
namespace {

// A host that warns a million times says nothing new after a few; what is kept stays bounded.
constexpr size_t kMaxEvents = 1024;

}  // namespace

Log parse(std::string_view text) {
  Log log;
  Scanner scanner([&](Event&& event) {
    if (log.events.size() < kMaxEvents) {
      log.events.push_back(std::move(event));
      return;
    }
    log.left_out++;
    for (auto kept = log.events.rbegin(); kept != log.events.rend(); ++kept)
      if (kept->signature_fine == event.signature_fine) {
        kept->repeats++;
        return;
      }
  });
  scanner.feed(text);
  scanner.finish();
  drop_quotations(log.events);
  link_events(log.events);
  log.release = scanner.release();
  for (const Event& event : log.events) {
    if (log.release.empty()) log.release = event.release;
    if (log.arch == Arch::kUnknown) log.arch = event.arch;
  }
  return log;
}

}  // namespace inquest::oops
