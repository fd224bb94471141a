// What the header itself tells: "WARNING: CPU: 5 PID: 3 at lib/radix-tree.c:784 delete_node+0x84/0x1f0",
// "kernel BUG at fs/inode.c:519!", "BUG: KASAN: use-after-free in f+0x1/0x2 [mod]", "… LOCKUP @ f+0x1/0x2".
#include "oops/builder.h"
#include "oops/frame_line.h"
#include "oops/pattern.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

void set_source(std::string_view source, Event& event) {
  size_t colon = source.rfind(':');
  event.file = std::string(source.substr(0, colon));
  event.source_line = int(to_dec(source.substr(colon + 1)).value_or(0));
}

// "file.c:12" anywhere after `from`, then perhaps a location.
void source_and_function(std::string_view text, Event& event) {
  auto m = match("<s>", text);
  if (m && event.file.empty()) set_source(m->capture[0], event);
}

void function_at(std::string_view text, Event& event) {
  Scan s(text);
  s.blanks();
  Frame frame;
  if (!read_location(s, frame, true) || (frame.symbol.empty() && !frame.address)) return;
  if (!event.function.empty()) return;
  event.function = frame.symbol;
  event.function_offset = frame.offset;
  event.function_size = frame.size;
  event.function_module = frame.module;
}

}  // namespace

void read_header(std::string_view text, Event& event) {
  switch (event.kind) {
    case EventKind::kWarning:
    case EventKind::kRefcount:
    case EventKind::kCfiFailure: {
      auto m = match("WARNING: *<s>", text);
      if (!m) return;
      set_source(m->capture[0], event);
      std::string_view after = trim(text.substr(m->end));
      if (after.starts_with("at ")) after.remove_prefix(3);
      size_t comma = after.find(", CPU#");
      function_at(after.substr(0, comma), event);
      return;
    }
    case EventKind::kKasan: case EventKind::kKfence: case EventKind::kKmsan: case EventKind::kKcsan: {
      size_t in = text.find(" in ");
      if (in != text.npos) function_at(text.substr(in + 4), event);
      return;
    }
    case EventKind::kHardLockup: {
      size_t at = text.find(" @ ");
      if (at != text.npos) function_at(text.substr(at + 3), event);
      return;
    }
    case EventKind::kStackProtector: case EventKind::kPanic: {
      size_t in = text.find("corrupted in: ");
      if (in != text.npos) function_at(text.substr(in + 14), event);
      return;
    }
    case EventKind::kBugAt: case EventKind::kListCorruption: case EventKind::kUbsan: case EventKind::kSleepingInAtomic:
      source_and_function(text, event);
      return;
    default:
      return;
  }
}

}  // namespace inquest::oops
