#include "kernel/task_state.h"

namespace inquest::kernel {

// include/linux/sched.h. 3.15 (ad86622b478e) swapped EXIT_ZOMBIE and EXIT_DEAD; 4.14 (8ef9925b02c2) moved TASK_PARKED below TASK_DEAD and
// renumbered what follows it: TASK_DEAD 64, WAKEKILL 128, WAKING 256, PARKED 512, NOLOAD 1024, NEW 2048 before;
// PARKED 64, DEAD 128, WAKEKILL 256, WAKING 512, NOLOAD 1024, NEW 2048 since.
TaskStates::TaskStates(const KernelView& view) {
  letters_ = {'S', 'D', 'T', 't', 'X', 'Z', 'P', 'x'};
  auto table = view.symbol("task_state_array");
  if (!table) return;
  std::array<char, kBits> read{};
  for (size_t i = 1; i <= 10; i++) {
    std::string text = view.pointed_text(*table + 8 * i, 24);  // "S (sleeping)"
    if (text.size() < 4 || text[1] != ' ' || text[2] != '(') break;
    if (text[0] != 'I') read[i - 1] = text[0];  // TASK_REPORT_IDLE is no bit of the state
  }
  if (read[0] != 'S' || read[1] != 'D') return;
  letters_ = read;
  if (letters_[6] == 'P') letters_[7] = 'x';  // not in the table any more
  else waking_ = 0x100;
}

std::string TaskStates::name(uint64_t bits) const {
  if (bits == 0) return "RU";
  auto has = [&](char letter) {
    for (size_t i = 0; i < kBits; i++)
      if (letters_[i] == letter && (bits >> i & 1)) return true;
    return false;
  };
  // What has ended first: exit_state stays beside the state it ended in.
  if (has('Z')) return "ZO";
  if (has('X') || has('x')) return "DE";
  if (has('D')) return bits & no_load_ ? "ID" : "UN";
  if (has('S')) return "IN";
  if (has('T')) return "ST";
  if (has('t')) return "TR";
  if (has('P')) return "PA";
  if (bits & waking_) return "WA";
  if (bits & fresh_) return "NE";
  return "??";
}

}  // namespace inquest::kernel
