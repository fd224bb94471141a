#include "kernel/modules.h"

namespace inquest::kernel {

namespace {

// kernel/panic.c, taint_flags[]; Documentation/admin-guide/tainted-kernels.rst. By bit.
struct Taint {
  char letter;
  std::string_view meaning;
};
constexpr Taint kTaints[] = {
    {'P', "a proprietary module was loaded"},
    {'F', "a module was loaded by force"},
    {'S', "the kernel runs on hardware out of its specification"},
    {'R', "a module was unloaded by force"},
    {'M', "the processor reported a machine check"},
    {'B', "a bad page was found"},
    {'U', "taint was requested by a user space program"},
    {'D', "the kernel died recently: an oops or BUG"},
    {'A', "an ACPI table was overridden by the user"},
    {'W', "the kernel issued a warning"},
    {'C', "a staging driver was loaded"},
    {'I', "a bug in the platform firmware is worked around"},
    {'O', "an out-of-tree module was loaded"},
    {'E', "an unsigned module was loaded"},
    {'L', "a soft lockup occurred"},
    {'K', "the kernel was live patched"},
    {'X', "auxiliary taint, defined by the distribution"},
    {'T', "the kernel was built with the struct randomization plugin"},
    {'N', "an in-kernel test was run"},
    {'J', "user space used a mutating debug operation in fwctl"},
};

}  // namespace

std::string taint_letters(uint64_t mask, bool with_g) {
  std::string letters;
  if (with_g && mask && !(mask & 1)) letters += 'G';
  for (size_t i = 0; i < std::size(kTaints); i++)
    if (mask >> i & 1) letters += kTaints[i].letter;
  return letters;
}

std::string_view taint_meaning(char letter) {
  if (letter == 'G') return "no proprietary module was loaded";
  for (const Taint& t : kTaints)
    if (t.letter == letter) return t.meaning;
  return {};
}

}  // namespace inquest::kernel
