// Program: the dead kernel as memory with names: an address space, the files that describe it, and where each was loaded.
//
// Everything here is in run-time addresses; the debuginfo's file addresses do not leave this room. The kernel itself is files()[0];
// modules are added by `kernel::` once it has read their list. Build it single-threaded (add_*), then share it const: thread-safe.
// Answers that need what is missing (a type, a symbol, a page) fail alone.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/loss_ledger.h"
#include "debuginfo/debug_file.h"
#include "debuginfo/kallsyms.h"
#include "target/address_space.h"
#include "target/kernel_layout.h"

namespace inquest::object {

using debuginfo::Type;
using debuginfo::TypeKind;

// A piece of a file and where it lies at run time.
struct SectionMapping {
  uint64_t file_start = 0, size = 0;
  VirtualAddress runtime;
};

struct MemorySymbol {      // from kallsyms, or a module's own symbol table, in memory
  std::string name;
  VirtualAddress address;
  uint64_t size = 0;       // 0 = up to the next
  char type = '?';
};

// A file's debuginfo put in place. `mappings` cover what of it lies in memory (freed .init sections do not).
struct LoadedDebug {
  std::shared_ptr<const debuginfo::DebugFile> file;  // null: none, and `why_not` says why
  std::vector<SectionMapping> mappings;
  std::string why_not;
};

// The kernel image or one module. Filled by `kernel::`, then given to Program::add_file and not changed any more.
struct LoadedFile {
  std::string name;                                        // "" for the kernel itself, else the module's name
  std::function<LoadedDebug()> load_debug;                 // called once, by the first question that needs it
  std::function<std::shared_ptr<const debuginfo::Btf>()> load_btf;    // the same; null: none
  std::function<std::shared_ptr<const debuginfo::UnwindTable>()> load_orc;  // the same; null: none
  std::function<std::vector<MemorySymbol>()> load_symbols;  // the same, in any order
  VirtualAddress text_start;                               // run-time extent of its code (for "is this address code?")
  uint64_t text_size = 0;
  std::vector<std::pair<VirtualAddress, uint64_t>> extents;  // all its memory, code included
  std::string build_id;

  // Thread-safe, all of them.
  const LoadedDebug& debug() const;
  std::shared_ptr<const debuginfo::Btf> shared_btf() const;
  const debuginfo::Btf* btf() const { return shared_btf().get(); }  // null: none
  const debuginfo::UnwindTable* orc() const;               // rows by run-time address; null: none
  const std::vector<MemorySymbol>& memory_symbols() const; // by address; used where debuginfo has no symbol
  // Where memory_symbols of that name lie in the vector, in address order. Built at the first call.
  std::vector<size_t> memory_symbols_named(std::string_view symbol) const;
  const debuginfo::DebugFile* debug_file() const { return debug().file.get(); }
  std::optional<uint64_t> to_file(VirtualAddress address) const;
  std::optional<VirtualAddress> to_runtime(uint64_t file_address) const;
  bool contains(VirtualAddress address) const;

 private:
  struct Lazy {
    std::once_flag once, btf_once, orc_once, symbols_once, names_once;
    LoadedDebug debug;
    std::shared_ptr<const debuginfo::Btf> btf;
    std::shared_ptr<const debuginfo::UnwindTable> orc;
    std::vector<MemorySymbol> symbols;
    std::unordered_multimap<std::string_view, uint32_t> names;
  };
  std::shared_ptr<Lazy> lazy_ = std::make_shared<Lazy>();
};

// For a LoadedFile's load_…: what is there already.
template <typename T>
std::function<T()> ready(T value) {
  return [kept = std::make_shared<T>(std::move(value))] { return std::move(*kept); };
}

struct Symbol {
  std::string name;
  VirtualAddress address;
  uint64_t size = 0;
  const LoadedFile* file = nullptr;
  bool is_function = false;
};
// A size the kernel printed (up to the next symbol: kernel/kallsyms.c) against one of a symbol table: padding lies between.
inline bool size_agrees(uint64_t printed, uint64_t in_table) { return printed >= in_table && printed - in_table < 64; }

struct SymbolOffset {
  Symbol symbol;
  uint64_t offset = 0;
  // "delete_node+0x98/0x250 [module]"
  std::string text(bool with_size = true) const;
};

// One source frame at an address: innermost inlined function first, the concrete one last.
struct SourceFrame {
  std::string function, file;  // file "" and line 0: unknown
  int line = 0;
  bool inlined = false;
};

class Program {
 public:
  Program(const dump::Dump& dump, target::KernelLayout layout, LossLedger& ledger);

  const arch::Arch& arch() const { return *layout_.identity.arch; }
  const target::KernelLayout& layout() const { return layout_; }
  const target::AddressSpace& memory() const { return memory_; }
  const dump::Dump& dump() const { return *dump_; }
  LossLedger& ledger() const { return *ledger_; }

  void add_file(LoadedFile file);                              // the kernel first
  const std::vector<std::unique_ptr<LoadedFile>>& files() const { return files_; }
  const LoadedFile& kernel() const { return *files_.front(); }
  const debuginfo::DebugFile* vmlinux() const { return files_.empty() ? nullptr : files_.front()->debug_file(); }
  const LoadedFile* file(std::string_view module) const;       // "" = kernel
  const LoadedFile* file_at(VirtualAddress address) const;     // whose memory holds it

  // Symbols at run time. symbol(): kernel first, then modules in load order; "module:name" asks one module.
  std::optional<Symbol> symbol(std::string_view name) const;
  // The kernel image alone: asking it for what does not exist opens no module's debuginfo.
  std::optional<Symbol> kernel_symbol(std::string_view name) const;
  std::vector<Symbol> symbols_named(std::string_view name) const;
  std::vector<Symbol> symbols_in(const LoadedFile& file, std::string_view name) const;
  std::optional<SymbolOffset> symbol_at(VirtualAddress address) const;
  // Whether it lies in the code of the kernel or a module (text sections; not data).
  bool is_text(VirtualAddress address) const;

  // Types: vmlinux, then BTF, then modules (or `near`'s file first).
  const Type* type(TypeKind kind, std::string_view name, const LoadedFile* near = nullptr) const;
  const Type* parse_type(std::string_view spelling, const LoadedFile* near = nullptr) const;
  // Offset of a dotted member of a struct, kept after the first look-up. Error kNotFound names what is missing.
  Result<uint64_t> offset(std::string_view type, std::string_view member) const;
  bool has_member(std::string_view type, std::string_view member) const { return offset(type, member).ok(); }
  Result<uint64_t> size_of(std::string_view type) const;
  std::optional<int64_t> enumerator(std::string_view name) const;

  // The prototype of a function that no DWARF describes, from its file's BTF; null: none, or several functions share the name.
  const Type* prototype(const Symbol& function) const;

  // Source at an address; for a return address pass the address of the call (address - 1).
  std::vector<SourceFrame> source_at(VirtualAddress address) const;
  // Instruction bytes: of the dump, else (page filtered) of the file; `from_file` says which.
  std::vector<std::byte> code_bytes(VirtualAddress address, uint64_t size, bool* from_file = nullptr) const;

  // Short cuts to typed reads.
  Result<uint64_t> read_member(VirtualAddress object, std::string_view type, std::string_view member) const;  // integers, pointers, bit-fields
  Result<uint64_t> read_variable(std::string_view symbol) const;                                              // by its type's size, else 8 bytes

 private:
  const dump::Dump* dump_;
  target::KernelLayout layout_;
  target::AddressSpace memory_;
  LossLedger* ledger_;
  std::vector<std::unique_ptr<LoadedFile>> files_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::optional<uint64_t>, std::less<>> offsets_;
};

}  // namespace inquest::object
