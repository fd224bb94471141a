// Where a value is in the dump's memory, each place under one name: its virtual address, once, though several may lead there.
//
// The scan is physical (dump/word_search.h), so pages that a broken page table hides are seen too; then one walk over the page tables gives
// the places found their virtual addresses: the kernel image's or a module's, if it is in one, else the linear map's, else another.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dump/word_search.h"
#include "kernel/kernel_view.h"
#include "kernel/tasks.h"

namespace inquest::kernel {

struct FoundWord {
  PhysicalAddress physical;
  std::optional<VirtualAddress> address;  // absent: no page table that could be read maps it
};

struct FoundWords {
  std::vector<FoundWord> words;           // by physical address
  uint64_t found = 0, bytes = 0;
  std::string note;                       // "" or what of the naming is incomplete
};

// `user`: only what this task's own page tables map, under its addresses; null: all of memory, under the kernel's addresses.
Result<FoundWords> find_words(const object::Program& program, const dump::WordSearch& wanted, const Task* user);

}  // namespace inquest::kernel
