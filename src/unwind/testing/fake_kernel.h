// FakeKernel: a kernel of a few functions and one stack, for tests: real page tables and a real (tiny) ELF core under a real Program;
// functions are machine code in hexadecimal, stacks are drawn as text, unwind rows come from a table by hand.
#pragma once

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dump/dump.h"
#include "elf/testing/elf_builder.h"
#include "object/program.h"
#include "unwind/stack.h"

namespace inquest::unwind::testing {

inline std::string from_hex(std::string_view hex) {
  std::string bytes, digits;
  for (char c : hex)
    if (c != ' ') digits += c;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) bytes += char(std::strtoul(digits.substr(i, 2).c_str(), nullptr, 16));
  return bytes;
}

class FakeTable : public debuginfo::UnwindTable {
 public:
  struct Range {
    uint64_t low, high;
    debuginfo::UnwindRow row;
  };
  std::vector<Range> ranges;
  std::optional<debuginfo::UnwindRow> row(uint64_t address) const override {
    for (const Range& r : ranges)
      if (address >= r.low && address < r.high) return r.row;
    return std::nullopt;
  }
};

class FakeKernel {
 public:
  // Everything lies in one gigabyte that a single block maps: text at base() + 16 MB, a stack at base() + 32 MB.
  explicit FakeKernel(const arch::Arch& arch) : arch_(arch), text_(0x4000, '\0'), stack_(kStackSize, '\0') {
    file_.load_orc = [table = table_] { return table; };
    file_.text_start = text();
    file_.text_size = 0x4000;
    file_.extents = {{text(), 0x4000}};
  }
  static constexpr uint64_t kStackSize = 0x4000;
  VirtualAddress base() const { return VirtualAddress(arch_.link ? 0xffff800000000000 : 0xffffffff80000000); }
  VirtualAddress text() const { return base() + 0x1000000; }
  VirtualAddress stack() const { return base() + 0x2000000; }
  FakeTable& table() { return *table_; }
  object::LoadedFile& file() { return file_; }

  // Places a function at text() + offset.
  VirtualAddress function(std::string name, uint64_t offset, std::string_view hex) {
    std::string code = from_hex(hex);
    text_.replace(offset, code.size(), code);
    memory_symbols_.push_back({name, text() + offset, code.size(), 't'});
    symbols_[name] = text() + offset;
    return text() + offset;
  }
  VirtualAddress at(const std::string& symbol, uint64_t offset = 0) const { return symbols_.at(symbol) + offset; }

  // Words from stack() + offset up: numbers, "function+offset", "^offset" for stack() + offset.
  void draw(uint64_t offset, std::string_view picture) {
    size_t i = 0;
    while (i < picture.size()) {
      size_t end = std::min(picture.find_first_of(" \n", i), picture.size());
      if (end > i) {
        poke(offset, word(std::string(picture.substr(i, end - i))));
        offset += 8;
      }
      i = end + 1;
    }
  }
  void poke(uint64_t offset, uint64_t value) {
    for (int b = 0; b < 8; b++) stack_[offset + size_t(b)] = char(value >> (8 * b));
  }

  // Call once, after all of the above.
  const object::Program& program(uint64_t pac_mask = 0) {
    elf::testing::ElfBuilder core;
    core.machine = arch_.elf_machine;
    std::string tables(0x2000, '\0');
    auto entry = [&tables](uint64_t at, uint64_t value) {
      for (int b = 0; b < 8; b++) tables[at + size_t(b)] = char(value >> (8 * b));
    };
    bool a64 = arch_.link.has_value();
    entry(a64 ? 256 * 8 : 511 * 8, 0x2000 | (a64 ? 3 : 3));        // root: the table at 0x2000
    entry(0x1000 + (a64 ? 0 : 510 * 8), a64 ? 0x401 : 0x83);       // a block of 1 GB at physical 0
    core.add_load(0x1000, base().value + 0x1000, tables);
    core.add_load(0x1000000, text().value, text_);
    core.add_load(0x2000000, stack().value, stack_);
    bytes_ = core.build();
    auto opened = dump::Dump::open_bytes({as_bytes_of(bytes_)}, {"fake"}, ledger_);
    if (!opened.ok()) std::abort();
    dump_ = std::make_unique<dump::Dump>(std::move(*opened));
    target::KernelLayout layout;
    layout.identity.arch = &arch_;
    layout.format.arch = arch_.id;
    layout.format.page_shift = 12;
    layout.format.virtual_bits = 48;
    layout.root = PhysicalAddress(0x1000);
    layout.pac_mask = pac_mask;
    program_ = std::make_unique<object::Program>(*dump_, layout, ledger_);
    file_.load_symbols = object::ready(std::move(memory_symbols_));
    program_->add_file(std::move(file_));
    return *program_;
  }
  StackOracle oracle() const {
    StackBounds bounds;
    bounds.kind = StackKind::kTask;
    bounds.low = stack();
    bounds.size = kStackSize;
    return [bounds](VirtualAddress a) { return bounds.contains(a) ? std::optional(bounds) : std::nullopt; };
  }
  // "a+3 b+0x10 (user)": the frames as text.
  static std::string text_of(const Stack& stack) {
    std::string text;
    for (const Frame& f : stack.frames) {
      if (!text.empty()) text += ' ';
      if (f.user) text += "(user)";
      else if (f.garbage_pc) text += "(garbage)";
      else text += f.symbol ? f.symbol->text(false) : "?";
    }
    return text;
  }

 private:
  uint64_t word(const std::string& token) const {
    if (token[0] == '^') return stack().value + std::strtoull(token.c_str() + 1, nullptr, 0);
    size_t plus = token.find('+');
    auto symbol = symbols_.find(token.substr(0, plus));
    if (symbol == symbols_.end()) return std::strtoull(token.c_str(), nullptr, 0);
    return symbol->second.value + (plus == token.npos ? 0 : std::strtoull(token.c_str() + plus + 1, nullptr, 0));
  }
  const arch::Arch& arch_;
  std::string text_, stack_, bytes_;
  std::map<std::string, VirtualAddress> symbols_;
  std::shared_ptr<FakeTable> table_ = std::make_shared<FakeTable>();
  object::LoadedFile file_;
  std::vector<object::MemorySymbol> memory_symbols_;
  LossLedger ledger_;
  std::unique_ptr<dump::Dump> dump_;
  std::unique_ptr<object::Program> program_;
};

}  // namespace inquest::unwind::testing
