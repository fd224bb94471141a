#include "inquiry/byte_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace inquest::inquiry {

namespace {

constexpr size_t kWord = 8;

bool printable(uint8_t b) { return (b >= 0x20 && b < 0x7f) || b == '\n' || b == '\t'; }

uint64_t number_at(const std::vector<uint8_t>& bytes, size_t at, unsigned width) {
  uint64_t n = 0;
  for (unsigned i = 0; i < width; i++) n |= uint64_t{bytes[at + i]} << (8 * i);
  return n;
}

uint64_t difference(uint64_t a, uint64_t b, unsigned width) { return width >= 8 ? a - b : (a - b) & ((uint64_t{1} << (8 * width)) - 1); }

void keep_longer(ByteRun& best, ByteRun run, size_t shortest) {
  if (run.before < shortest && run.after < shortest) return;
  if (!best.found() || run.before > best.before || (run.before == best.before && run.after > best.after)) best = std::move(run);
}

// How far a pattern goes on from the word, both ways, in steps of `width` bytes. `holds(i)`: the element at i fits the one behind it (before the word) or the one
// before it (behind the word); `towards` -1 or 1.
ByteRun spread(const std::vector<uint8_t>& bytes, size_t at, size_t width, const std::function<bool(size_t at, int towards)>& holds) {
  ByteRun run;
  while (run.before + width <= at && holds(at - run.before - width, -1)) run.before += width;
  while (at + kWord + run.after + width <= bytes.size() && holds(at + kWord + run.after, 1)) run.after += width;
  return run;
}

ByteRun text_run(const std::vector<uint8_t>& bytes, size_t at) {
  size_t own = 0;
  while (own < kWord && printable(bytes[at + own])) own++;
  if (own < 4) return {};
  ByteRun run = spread(bytes, at, 1, [&](size_t i, int towards) { return printable(bytes[i]) && (towards < 0 || own == kWord); });
  run.pattern = "text";
  return run;
}

// One value of `width` bytes over and over; the word itself is made of it.
ByteRun repeated_run(const std::vector<uint8_t>& bytes, size_t at, unsigned width) {
  uint64_t value = number_at(bytes, at, width);
  if (!value) return {};
  for (size_t i = at; i < at + kWord; i += width)
    if (number_at(bytes, i, width) != value) return {};
  ByteRun run = spread(bytes, at, width, [&](size_t i, int) { return number_at(bytes, i, width) == value; });
  if (run.before < 2 * width && run.after < 2 * width) return {};
  run.pattern = fmt::format("one value of {} byte{}, over and over", width, width == 1 ? "" : "s");
  return run;
}

// Values of `width` bytes, each `step` more than the one before; the word itself goes on so.
ByteRun stepped_run(const std::vector<uint8_t>& bytes, size_t at, unsigned width) {
  if (width == kWord && at < kWord) return {};
  uint64_t step = width == kWord ? difference(number_at(bytes, at, 8), number_at(bytes, at - 8, 8), 8) : difference(number_at(bytes, at + width, width), number_at(bytes, at, width), width);
  if (!step) return {};
  for (size_t i = at; i + 2 * width <= at + kWord; i += width)
    if (difference(number_at(bytes, i + width, width), number_at(bytes, i, width), width) != step) return {};
  ByteRun run = spread(bytes, at, width, [&](size_t i, int towards) {
    return towards < 0 ? difference(number_at(bytes, i + width, width), number_at(bytes, i, width), width) == step
                       : difference(number_at(bytes, i, width), number_at(bytes, i - width, width), width) == step;
  });
  // Two numbers always have a difference: a progression has more of them.
  constexpr size_t kFewest = 4;
  if ((run.before + run.after + kWord) / width < kFewest) return {};
  bool falls = width >= 8 ? step >> 63 : step >> (8 * width - 1) & 1;
  run.pattern = fmt::format("values of {} byte{} that {} by {:#x}", width, width == 1 ? "" : "s", falls ? "fall" : "grow", falls ? difference(0, step, width) : step);
  return run;
}

}  // namespace

ByteRun byte_run(const std::vector<uint8_t>& bytes, size_t at, size_t shortest) {
  ByteRun best;
  if (at + kWord > bytes.size()) return best;
  keep_longer(best, text_run(bytes, at), shortest);
  for (unsigned width : {1u, 2u, 4u, 8u}) {
    keep_longer(best, repeated_run(bytes, at, width), shortest);
    keep_longer(best, stepped_run(bytes, at, width), shortest);
  }
  return best;
}

bool looks_like_elements(const std::vector<uint8_t>& bytes, size_t at, unsigned width) {
  constexpr size_t kFewest = 8, kMost = 64;
  constexpr double kChance = 1e-3;
  if ((width != 2 && width != 4) || at + kWord > bytes.size()) return false;
  uint64_t low = ~uint64_t{0}, high = 0;
  size_t count = 0, zeroes = 0;
  for (size_t i = at; count < kMost && i >= width; count++) {
    i -= width;
    uint64_t n = number_at(bytes, i, width);
    zeroes += n == 0;
    low = std::min(low, n);
    high = std::max(high, n);
  }
  if (count < kFewest || zeroes * 2 > count || low == high) return false;
  uint64_t slack = (high - low) / 4 + 1;
  low = low > slack ? low - slack : 0;
  high += slack;
  double chance = 1, all = width == 2 ? 0x1p16 : 0x1p32;
  for (size_t i = at; i < at + kWord; i += width) {
    uint64_t n = number_at(bytes, i, width);
    if (n < low || n > high) return false;
    chance *= double(high - low + 1) / all;
  }
  return chance < kChance;
}

}  // namespace inquest::inquiry
