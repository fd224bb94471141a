// Any bytes as an ELF file: everything the reader offers is touched, and every view must lie inside the input.
#include <cstdlib>

#include "elf/elf_file.h"

using namespace inquest;

static void must_lie_inside(Bytes outer, Bytes inner) {
  if (inner.empty()) return;
  if (inner.data() < outer.data() || inner.data() + inner.size() > outer.data() + outer.size()) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes file(reinterpret_cast<const std::byte*>(data), size);
  Result<elf::ElfFile> parsed = elf::ElfFile::parse(file);
  if (!parsed.ok()) return 0;
  for (const elf::Segment& s : parsed->segments()) must_lie_inside(file, parsed->contents(s));
  for (const elf::Section& s : parsed->sections()) {
    must_lie_inside(file, parsed->contents(s));
    must_lie_inside(file, as_bytes_of(s.name));
  }
  for (const elf::Symbol& s : parsed->symbols()) must_lie_inside(file, as_bytes_of(s.name));
  for (const elf::Note& n : parsed->notes()) must_lie_inside(file, n.description);
  (void)parsed->build_id();
  return 0;
}
