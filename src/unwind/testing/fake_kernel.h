// FakeKernel: a kernel of a few functions and one stack, for tests: real page tables and a real (tiny) ELF core under a real Program;
// functions are machine code in hexadecimal, stacks are drawn as text, unwind rows come from a table by hand. With describe() it has debuginfo,
// too: types as C text, by whose members its memory is filled.
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
#include "unwind/testing/fake_debug.h"

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
  // Everything lies in one gigabyte that a single block maps: text at base() + 16 MB, a stack at base() + 32 MB, data at base() + 48 MB. What lies
  // elsewhere in it is mapped, but not in the dump. The same gigabyte is at linear() and vmapped().
  explicit FakeKernel(const arch::Arch& arch) : arch_(arch), text_(0x4000, '\0'), stack_(kStackSize, '\0'), data_(kDataSize, '\0') {
    file_.load_orc = [table = table_] { return table; };
    file_.text_start = text();
    file_.text_size = 0x4000;
    file_.extents = {{text(), 0x4000}};
  }
  static constexpr uint64_t kStackSize = 0x4000, kDataSize = 0x20000;
  VirtualAddress base() const { return VirtualAddress(arch_.link ? 0xffff800000000000 : 0xffffffff80000000); }
  VirtualAddress text() const { return base() + 0x1000000; }
  VirtualAddress stack() const { return base() + 0x2000000; }
  VirtualAddress data(uint64_t offset = 0) const { return base() + (0x3000000 + offset); }
  VirtualAddress missing() const { return base() + 0x8000000; }
  VirtualAddress linear(VirtualAddress of) const { return VirtualAddress(arch_.link ? 0xffff000000000000 : 0xffff888000000000) + (of - base()); }
  VirtualAddress vmapped(VirtualAddress of) const { return VirtualAddress(arch_.link ? 0xffff808000000000 : 0xffffc90000000000) + (of - base()); }
  FakeTable& table() { return *table_; }
  object::LoadedFile& file() { return file_; }

  // Places a function at text() + offset.
  VirtualAddress function(std::string name, uint64_t offset, std::string_view hex) {
    std::string code = from_hex(hex);
    text_.replace(offset, code.size(), code);
    return name_it(std::move(name), text() + offset, code.size(), 't');
  }
  // Names a place in data().
  VirtualAddress variable(std::string name, VirtualAddress at, uint64_t size = 8) { return name_it(std::move(name), at, size, 'd'); }
  // Debuginfo from now on: types of this text (debuginfo/testing/text_types.h) and a symbol for everything named. File addresses are run-time ones.
  FakeDebug& describe(std::string_view types) {
    if (!debug_) {
      debug_ = std::make_shared<FakeDebug>(arch_);
      debug_->add_section(".text", text().value, text_.size(), elf::kShfAlloc | elf::kShfExecinstr);
      debug_->add_symbol("_stext", text().value, 0, true);
      debug_->add_symbol("_etext", text().value + text_.size(), 0, true);
      for (const auto& s : memory_symbols_) debug_->add_symbol(s.name, s.address.value, s.size, s.type == 't');
      file_.load_debug = [d = debug_, at = base()] { return object::LoadedDebug{d, {{at.value, uint64_t{1} << 30, at}}, ""}; };
    }
    debug_->types.add(types);
    return *debug_;
  }
  std::shared_ptr<FakeDebug> debug() const { return debug_; }
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
  void poke(uint64_t offset, uint64_t value) { put(stack() + offset, value); }
  // Anywhere in text, stack and data.
  void put(VirtualAddress at, uint64_t value, uint64_t size = 8) {
    for (auto [start, bytes] : {std::pair{text(), &text_}, {stack(), &stack_}, {data(), &data_}}) {
      if (at < start || at - start > bytes->size() || size > bytes->size() - (at - start)) continue;
      for (uint64_t b = 0; b < size; b++) (*bytes)[at - start + b] = b < 8 ? char(value >> (8 * b)) : 0;
      return;
    }
    std::abort();
  }
  void put(VirtualAddress at, VirtualAddress value) { put(at, value.value); }
  // A member of a described struct: put(lock, "mutex.owner", task).
  void put(VirtualAddress object, std::string_view member, uint64_t value) {
    auto found = member_of(member);
    put(object + found.offset(), value, found.type->size().value_or(8));
  }
  void put(VirtualAddress object, std::string_view member, VirtualAddress value) { put(object, member, value.value); }
  VirtualAddress place(VirtualAddress object, std::string_view member) const { return object + member_of(member).offset(); }
  // A list_head ring through these, the first of which is its head.
  void ring(const std::vector<VirtualAddress>& nodes) {
    for (size_t i = 0; i < nodes.size(); i++) {
      put(nodes[i], nodes[(i + 1) % nodes.size()]);
      put(nodes[i] + 8, nodes[(i + nodes.size() - 1) % nodes.size()]);
    }
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
    entry(a64 ? 0 : 273 * 8, 0x2000 | 3);                          // the linear map: the same table, its first entry
    entry(a64 ? 257 * 8 : 402 * 8, 0x2000 | 3);                    // where vmalloc() has its addresses: again
    entry(0x1000, a64 ? 0x401 : 0x83);
    core.add_load(0x1000, base().value + 0x1000, tables);
    core.add_load(0x1000000, text().value, text_);
    core.add_load(0x2000000, stack().value, stack_);
    core.add_load(0x3000000, data().value, data_);
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
  // What program() was made of.
  const dump::Dump& dump() const { return *dump_; }
  LossLedger& ledger() { return ledger_; }
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
  debuginfo::Member member_of(std::string_view path) const {
    size_t dot = path.find('.');
    const auto* type = debug_->types.find(debuginfo::TypeKind::kStruct, path.substr(0, dot));
    auto found = type ? debuginfo::find_member(type, path.substr(dot + 1)) : std::nullopt;
    if (!found) std::abort();
    return found->member;
  }
  VirtualAddress name_it(std::string name, VirtualAddress at, uint64_t size, char type) {
    if (debug_) debug_->add_symbol(name, at.value, size, type == 't');
    memory_symbols_.push_back({name, at, size, type});
    return symbols_[std::move(name)] = at;
  }
  uint64_t word(const std::string& token) const {
    if (token[0] == '^') return stack().value + std::strtoull(token.c_str() + 1, nullptr, 0);
    size_t plus = token.find('+');
    auto symbol = symbols_.find(token.substr(0, plus));
    if (symbol == symbols_.end()) return std::strtoull(token.c_str(), nullptr, 0);
    return symbol->second.value + (plus == token.npos ? 0 : std::strtoull(token.c_str() + plus + 1, nullptr, 0));
  }
  const arch::Arch& arch_;
  std::string text_, stack_, data_, bytes_;
  std::shared_ptr<FakeDebug> debug_;
  std::map<std::string, VirtualAddress> symbols_;
  std::shared_ptr<FakeTable> table_ = std::make_shared<FakeTable>();
  object::LoadedFile file_;
  std::vector<object::MemorySymbol> memory_symbols_;
  LossLedger ledger_;
  std::unique_ptr<dump::Dump> dump_;
  std::unique_ptr<object::Program> program_;
};

}  // namespace inquest::unwind::testing
