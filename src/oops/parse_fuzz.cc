// Any bytes are a log. Fed whole and in pieces, they must give the same events, in bounded time and memory.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "oops/parse.h"
#include "oops/scanner.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  inquest::oops::Log log = inquest::oops::parse(text);
  for (const auto& event : log.events)
    if (event.first_line < 1 || event.last_line < event.first_line) std::abort();

  std::vector<std::string> whole, pieces;
  inquest::oops::Scanner first([&](inquest::oops::Event&& e) { whole.push_back(e.title + e.header); });
  first.feed(text);
  first.finish();
  inquest::oops::Scanner second([&](inquest::oops::Event&& e) { pieces.push_back(e.title + e.header); });
  size_t step = size % 97 + 1;
  for (size_t at = 0; at < size; at += step) second.feed(text.substr(at, step));
  second.finish();
  if (whole != pieces || first.lines() != second.lines()) std::abort();
  return 0;
}
