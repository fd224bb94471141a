// A kernel stack ran over its end: by recursion (the cycle is named), or by frames that are too large.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

using oops::EventKind;

constexpr size_t kLongestCycle = 16, kFewestRounds = 3;
constexpr uint64_t kLargeFrame = 2048;  // CONFIG_FRAME_WARN's usual limit on 64 bits

// x86 (arch/x86/kernel/traps.c: handle_stack_overflow), arm64 (arch/arm64/kernel/traps.c: handle_bad_stack: "kernel stack overflow"), and its panic line.
bool overflowed(const oops::Event& e) {
  return e.kind == EventKind::kStackGuard || e.header.find("stack guard page") != std::string::npos || e.header.find("kernel stack overflow") != std::string::npos ||
         e.header.find("Insufficient stack space") != std::string::npos || e.header.find("stack-overflow") != std::string::npos;
}

struct Cycle {
  size_t first = 0, length = 0, rounds = 0;
};

// The shortest run of functions that follows itself most often.
Cycle find_cycle(const std::vector<scene::FrameView>& frames) {
  Cycle best;
  for (size_t length = 1; length <= kLongestCycle && length * kFewestRounds <= frames.size(); length++)
    for (size_t first = 0; first + length * kFewestRounds <= frames.size(); first++) {
      size_t same = 0;
      while (first + length + same < frames.size() && !frames[first + same].symbol.empty() && frames[first + same].symbol == frames[first + length + same].symbol) same++;
      size_t rounds = same / length + 1;
      if (rounds >= kFewestRounds && (best.rounds == 0 || rounds * length > best.rounds * best.length)) best = {first, length, rounds};
    }
  return best;
}

void by_recursion(Verdict& v, Dossier& dossier, const std::vector<scene::FrameView>& frames, const Cycle& cycle) {
  // The second round: the innermost one may be on its way into a leaf.
  size_t first = cycle.first + (cycle.rounds > 1 ? cycle.length : 0);
  std::vector<scene::FrameView> round(frames.begin() + long(first), frames.begin() + long(first + cycle.length));
  std::string names;
  for (auto it = round.rbegin(); it != round.rend(); ++it) names += (names.empty() ? "" : " -> ") + it->symbol;
  std::string again = round.back().symbol;
  v.guilty = guilty_of(round);
  if (v.guilty.function.empty()) v.guilty.function = round.front().symbol;
  cite(v, dossier.add(Origin::kStack, fmt::format("the stack holds the cycle {} -> {} at least {} times in a row", names, again, cycle.rounds), "bt",
                      {{"cycle", names}, {"rounds", fmt::format("{}", cycle.rounds)}}));
  v.confidence = 0.95;
  v.summary = fmt::format("The kernel stack overflowed by recursion: {} -> {}, {} rounds of it on the stack.", names, again, cycle.rounds);
}

void by_frames(Verdict& v, Dossier& dossier, const std::vector<scene::FrameView>& frames) {
  const scene::FrameView* largest = nullptr;
  uint64_t all = 0;
  for (const auto& f : frames) {
    if (!f.bytes) continue;
    all += *f.bytes;
    if (!largest || *f.bytes > *largest->bytes) largest = &f;
  }
  if (!largest || *largest->bytes < kLargeFrame) return;
  v.guilty = guilty_of({*largest});
  if (v.guilty.function.empty()) v.guilty = {largest->symbol, "", largest->module, 0};
  cite(v, dossier.add(Origin::kStack, fmt::format("the frame of {} takes {} bytes of the stack, of {} that the frames seen take", largest->symbol, *largest->bytes, all), "bt",
                      {{"function", largest->symbol}, {"bytes", fmt::format("{}", *largest->bytes)}}));
  v.confidence = *largest->bytes * 2 > all ? 0.9 : 0.75;
  v.summary = fmt::format("The kernel stack overflowed: the frame of {} alone takes {} bytes.", largest->symbol, *largest->bytes);
}

}  // namespace

Verdicts stack_overflow(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  const scene::EventView* event = nullptr;
  for (const auto& e : scene.events())
    if (!event && overflowed(e.event)) event = &e;
  if (!event) return {};
  Verdict v;
  v.cause = "stack-overflow";
  v.confidence = 0.7;
  cite(v, add_event(dossier, *event));
  auto frames = frames_behind(scene, *event);
  if (frames.empty()) frames = event->frames;
  v.guilty = guilty_of(frames);
  v.summary = fmt::format("A kernel stack ran over its end{}.", v.guilty.function.empty() ? "" : " in " + v.guilty.function);
  if (Cycle cycle = find_cycle(frames); cycle.rounds) by_recursion(v, dossier, frames, cycle);
  else by_frames(v, dossier, frames);
  v.alternatives.push_back({"wild-pointer", "the address that could not be reached is the guard behind this very stack"});
  (void)seen;
  return {v};
}

}  // namespace inquest::inquiry::causes
