#include "kernel/memory_search.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxTables = 1 << 17;  // 512 MB of tables with 4K pages: a walk of a second or two

// Gives places their virtual addresses while the page tables go by.
class Namer {
 public:
  Namer(const object::Program& program, std::vector<FoundWord>& words) : program_(program), words_(words) {}

  void see(const arch::Mapping& m) {
    auto first = std::lower_bound(words_.begin(), words_.end(), m.physical_start, [](const FoundWord& w, PhysicalAddress a) { return w.physical < a; });
    for (auto it = first; it != words_.end() && it->physical - m.physical_start < m.size; ++it) {
      VirtualAddress here = m.virtual_start + (it->physical - m.physical_start);
      // The first name stays (the linear map lies below the others on x86_64, and on aarch64 since 5.4), but one with a symbol is better.
      if (!it->address || (!program_.file_at(*it->address) && program_.file_at(here))) it->address = here;
    }
  }

 private:
  const object::Program& program_;
  std::vector<FoundWord>& words_;
};

struct Tables {
  arch::PageTableFormat format;
  PhysicalAddress root;
  VirtualAddress from, to;
};

Tables kernel_tables(const object::Program& program) {
  const auto& memory = program.memory();
  uint64_t half = ~uint64_t{0} << (memory.format().virtual_bits - (memory.format().arch == arch::ArchId::kX86_64 ? 1 : 0));
  return {memory.format(), memory.root(), VirtualAddress(half), VirtualAddress(~uint64_t{0})};
}

Result<Tables> user_tables(const object::Program& program, const Task& task) {
  KernelView view(program);
  if (task.mm.is_null()) return Error(ErrorCode::kUsage, fmt::format("pid {} ({}) has no user memory", task.pid, task.comm));
  TRY(uint64_t pgd, view.read(task.mm, "mm_struct", "pgd"));
  TRY(PhysicalAddress root, view.memory().translate(VirtualAddress(pgd)));
  Tables tables{view.memory().format(), root, VirtualAddress(0), VirtualAddress(0)};
  bool x86 = tables.format.arch == arch::ArchId::kX86_64;
  tables.format.user_half = !x86;
  tables.to = VirtualAddress((uint64_t{1} << (tables.format.virtual_bits - (x86 ? 1 : 0))) - 1);
  return tables;
}

}  // namespace

Result<FoundWords> find_words(const object::Program& program, const dump::WordSearch& wanted, const Task* user) {
  const auto& physical = program.memory().physical();
  TRY(Tables tables, user ? user_tables(program, *user) : Result<Tables>(kernel_tables(program)));
  dump::WordHits hits = dump::find_word(physical, wanted);
  FoundWords result;
  result.found = hits.found;
  result.bytes = hits.bytes;
  for (PhysicalAddress at : hits.at) result.words.push_back({at, std::nullopt});
  if (result.words.empty()) return result;
  Namer namer(program, result.words);
  auto walked = arch::for_each_mapping(
      tables.format, tables.root, tables.from, tables.to, [&](PhysicalAddress at) { return physical.read_u64(at); },
      [&](const arch::Mapping& m) {
        namer.see(m);
        return true;
      },
      kMaxTables);
  if (!walked.ok()) result.note = walked.error().message();
  else if (*walked) result.note = fmt::format("{} page tables are not in the dump: what only they map has no virtual address here", *walked);
  if (user) std::erase_if(result.words, [](const FoundWord& w) { return !w.address; });
  return result;
}

}  // namespace inquest::kernel
