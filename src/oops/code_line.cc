// "Code: 85 db <0f> 0b" (x86, bytes), "Code: f54fe8b0 (c7d2bb28)" (arm64, arm: words), powerpc's "Instruction dump:"
// rows, s390's "Krnl Code:" listing. Words are little-endian in memory except on s390 and big-endian powerpc, whose
// rows are kept as text only.
#include "oops/builder.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

// Instructions around the fault are 64 bytes at most (x86: opcodes of 64, arm64: 5 words).
constexpr size_t kMaxCodeBytes = 256;

bool one_item(std::string_view item, Event& event) {
  bool marked = item.size() > 2 && ((item.front() == '<' && item.back() == '>') || (item.front() == '(' && item.back() == ')'));
  if (marked) item = item.substr(1, item.size() - 2);
  if (item != "??" && item != "????????" && (item.size() % 2 || item.size() > 8 || !to_hex(item))) return false;
  if (marked) event.code_mark = event.code.size();
  uint64_t value = to_hex(item).value_or(0);
  for (size_t i = 0; i < item.size() / 2 && event.code.size() < kMaxCodeBytes; i++) event.code.push_back(uint8_t(value >> (8 * i)));
  return true;
}

}  // namespace

bool read_code(std::string_view text, Event& event) {
  if (!text.starts_with("Code:")) return false;
  std::string_view items = trim(text.substr(5));
  if (items.starts_with("Bad ") || items.starts_with("Unable to access")) {
    if (event.code_text.empty()) event.code_text = std::string(items);
    return true;
  }
  if (!event.code.empty()) return true;  // printed again after "end trace", or the user's
  event.code_text = std::string(items.substr(0, 1024));
  Scan s(items);
  while (!s.done()) {
    s.blanks();
    if (s.done()) break;
    if (!one_item(s.take_word(), event)) break;
  }
  return true;
}

}  // namespace inquest::oops
