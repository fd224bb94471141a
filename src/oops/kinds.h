// The table of lines that open an event: what the kernel prints first when something goes wrong.
//
// A header line has a kind and a role: most open an event of their own; a die() line ("Oops: 0002 [#1]")
// belongs to the fault printed before it; a panic belongs to whatever led to it. Pure functions over tables.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "oops/event.h"

namespace inquest::oops {

enum class Role {
  kOpens,   // an event of its own
  kDie,     // from die(): joins the fault, BUG or corruption message before it
  kPanic,   // joins the event before it
  kPrelude, // printed just before the header proper: refcount_t:, list_add corruption
  kAside,   // a further sentence of the report before it; alone, a report
};

struct Header {
  EventKind kind = EventKind::kOther;
  Role role = Role::kOpens;
  size_t at = 0;          // where in the text it begins
  bool generic = false;   // only "BUG:", "WARNING:", "INFO:": no format we know
};

std::optional<Header> classify(std::string_view text);

// Whether a line that holds `word` (of a rule here, of a title group) is known to report nothing wrong.
bool is_harmless(std::string_view word, std::string_view text);

// Words of at least four bytes, one of which every header line contains (and every line of a title group): what
// the pre-filter looks for.
std::span<const std::string_view> header_words();

// Whether a header of role and kind `next` continues an event opened as `open`.
bool joins(EventKind open, bool open_died, bool open_panicked, uint64_t lines_between, bool open_has_stack,
           const Header& next);

}  // namespace inquest::oops
