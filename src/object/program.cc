#include "object/program.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::object {

const LoadedDebug& LoadedFile::debug() const {
  std::call_once(lazy_->once, [this] {
    if (load_debug) lazy_->debug = load_debug();
    else lazy_->debug.why_not = "no debuginfo";
  });
  return lazy_->debug;
}

std::shared_ptr<const debuginfo::Btf> LoadedFile::shared_btf() const {
  std::call_once(lazy_->btf_once, [this] {
    if (load_btf) lazy_->btf = load_btf();
  });
  return lazy_->btf;
}

const debuginfo::UnwindTable* LoadedFile::orc() const {
  std::call_once(lazy_->orc_once, [this] {
    if (load_orc) lazy_->orc = load_orc();
  });
  return lazy_->orc.get();
}

const std::vector<MemorySymbol>& LoadedFile::memory_symbols() const {
  std::call_once(lazy_->symbols_once, [this] {
    if (load_symbols) lazy_->symbols = load_symbols();
    std::stable_sort(lazy_->symbols.begin(), lazy_->symbols.end(), [](const MemorySymbol& a, const MemorySymbol& b) { return a.address < b.address; });
  });
  return lazy_->symbols;
}

std::vector<size_t> LoadedFile::memory_symbols_named(std::string_view symbol) const {
  std::call_once(lazy_->names_once, [this] {
    const auto& symbols = memory_symbols();
    lazy_->names.reserve(symbols.size());
    for (size_t i = 0; i < symbols.size(); i++) lazy_->names.emplace(symbols[i].name, uint32_t(i));
  });
  std::vector<size_t> found;
  auto [first, last] = lazy_->names.equal_range(symbol);
  for (auto it = first; it != last; ++it) found.push_back(it->second);
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<uint64_t> LoadedFile::to_file(VirtualAddress address) const {
  for (const SectionMapping& m : debug().mappings)
    if (address >= m.runtime && address - m.runtime < m.size) return m.file_start + (address - m.runtime);
  return std::nullopt;
}

std::optional<VirtualAddress> LoadedFile::to_runtime(uint64_t file_address) const {
  const SectionMapping* end_of = nullptr;
  for (const SectionMapping& m : debug().mappings) {
    if (file_address >= m.file_start && file_address - m.file_start < m.size) return m.runtime + (file_address - m.file_start);
    if (file_address == m.file_start + m.size) end_of = &m;  // one past the end belongs to the section that ends there
  }
  if (end_of) return end_of->runtime + end_of->size;
  return std::nullopt;
}

bool LoadedFile::contains(VirtualAddress address) const {
  for (const auto& [start, size] : extents)
    if (address >= start && address - start < size) return true;
  return address >= text_start && address - text_start < text_size;
}

std::string SymbolOffset::text(bool with_size) const {
  std::string t = with_size && symbol.size ? fmt::format("{}+{:#x}/{:#x}", symbol.name, offset, symbol.size)
                                           : fmt::format("{}+{:#x}", symbol.name, offset);
  if (symbol.file && !symbol.file->name.empty()) t += " [" + symbol.file->name + "]";
  return t;
}

Program::Program(const dump::Dump& dump, target::KernelLayout layout, LossLedger& ledger)
    : dump_(&dump), layout_(std::move(layout)), memory_(dump.memory(), layout_.format, layout_.root), ledger_(&ledger) {}

void Program::add_file(LoadedFile file) { files_.push_back(std::make_unique<LoadedFile>(std::move(file))); }

const LoadedFile* Program::file(std::string_view module) const {
  for (const auto& f : files_)
    if (f->name == module) return f.get();
  return nullptr;
}

const LoadedFile* Program::file_at(VirtualAddress address) const {
  for (const auto& f : files_)
    if (f->contains(address)) return f.get();
  return nullptr;
}

bool Program::is_text(VirtualAddress address) const {
  for (const auto& f : files_)
    if (address >= f->text_start && address - f->text_start < f->text_size) return true;
  return false;
}

namespace {

bool is_code_letter(char type) { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }

std::vector<Symbol> symbols_of(const LoadedFile& file, std::string_view name, bool all) {
  std::vector<Symbol> found;
  if (const auto* debug = file.debug_file()) {
    std::vector<debuginfo::FileSymbol> in_file;
    if (all) {
      in_file = debug->find_symbols(name);
    } else if (auto one = debug->find_symbol(name)) {
      in_file.push_back(*one);
    }
    for (const auto& s : in_file)
      if (auto at = file.to_runtime(s.address)) found.push_back({std::string(s.name), *at, s.size, &file, s.type == elf::kSttFunc});
    if (!found.empty()) return found;
  }
  for (size_t i : file.memory_symbols_named(name)) {
    const MemorySymbol& s = file.memory_symbols()[i];
    uint64_t size = s.size;
    if (!size && i + 1 < file.memory_symbols().size()) size = file.memory_symbols()[i + 1].address - s.address;
    found.push_back({s.name, s.address, size, &file, is_code_letter(s.type)});
    if (!all) break;
  }
  return found;
}

std::optional<SymbolOffset> memory_symbol_at(const LoadedFile& file, VirtualAddress address) {
  const auto& symbols = file.memory_symbols();
  auto after = std::upper_bound(symbols.begin(), symbols.end(), address,
                                [](VirtualAddress a, const MemorySymbol& s) { return a < s.address; });
  if (after == symbols.begin()) return std::nullopt;
  const MemorySymbol* s = &*std::prev(after);
  // Of several names of one place the first that is a function, and no local label, is the one people know; an empty object's is the last.
  auto rank = [](const MemorySymbol& m) {
    bool code = is_code_letter(m.type) && !m.name.starts_with(".");
    return (m.size || code ? 2 : 0) + (code ? 1 : 0);
  };
  for (auto it = std::prev(after);; --it) {
    if (it->address != s->address) break;
    int here = rank(*it), best = rank(*s);
    if (here > best || (here == best && here % 2)) s = &*it;
    if (it == symbols.begin()) break;
  }
  uint64_t size = s->size;
  if (!size && after != symbols.end()) size = after->address - s->address;
  uint64_t offset = address - s->address;
  if (size && offset >= size && s->size) return std::nullopt;
  return SymbolOffset{{s->name, s->address, size, &file, is_code_letter(s->type)}, offset};
}

}  // namespace

std::optional<Symbol> Program::symbol(std::string_view name) const {
  size_t colon = name.find(':');
  std::string_view module = colon == std::string_view::npos ? std::string_view() : name.substr(0, colon);
  std::string_view plain = colon == std::string_view::npos ? name : name.substr(colon + 1);
  for (const auto& f : files_) {
    if (!module.empty() && f->name != module) continue;
    auto found = symbols_of(*f, plain, false);
    if (!found.empty()) return found.front();
  }
  return std::nullopt;
}

std::vector<Symbol> Program::symbols_in(const LoadedFile& file, std::string_view name) const { return symbols_of(file, name, true); }

std::optional<Symbol> Program::kernel_symbol(std::string_view name) const {
  if (files_.empty()) return std::nullopt;
  auto found = symbols_of(kernel(), name, false);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::vector<Symbol> Program::symbols_named(std::string_view name) const {
  std::vector<Symbol> all;
  for (const auto& f : files_)
    for (auto& s : symbols_of(*f, name, true)) all.push_back(std::move(s));
  return all;
}

std::optional<SymbolOffset> Program::symbol_at(VirtualAddress address) const {
  const LoadedFile* file = file_at(address);
  if (!file) return std::nullopt;
  if (const auto* debug = file->debug_file())
    if (auto at = file->to_file(address))
      if (auto s = debug->symbol_at(*at))
        if (auto start = file->to_runtime(s->address))
          return SymbolOffset{{std::string(s->name), *start, s->size, file, s->type == elf::kSttFunc}, address - *start};
  return memory_symbol_at(*file, address);
}

const Type* Program::type(TypeKind kind, std::string_view name, const LoadedFile* near) const {
  if (near && near != files_.front().get() && near->debug_file())
    if (const Type* t = near->debug_file()->find_type(kind, name); t && !t->is_declaration()) return t;
  for (const auto& f : files_) {
    if (f->name.empty() && f->debug_file())
      if (const Type* t = f->debug_file()->find_type(kind, name); t && !t->is_declaration()) return t;
    if (const auto* btf = f->btf())
      if (const Type* t = btf->find_type(kind, name); t && !t->is_declaration()) return t;
  }
  for (const auto& f : files_)
    if (!f->name.empty() && f->debug_file())
      if (const Type* t = f->debug_file()->find_type(kind, name); t && !t->is_declaration()) return t;
  return nullptr;
}

const Type* Program::parse_type(std::string_view spelling, const LoadedFile* near) const {
  if (near && near->debug_file())
    if (const Type* t = near->debug_file()->parse_type(spelling)) return t;
  for (const auto& f : files_)
    if (f->debug_file())
      if (const Type* t = f->debug_file()->parse_type(spelling)) return t;
  // BTF alone: plain "struct x", "union x", "x".
  auto named = [&](std::string_view prefix, TypeKind kind) -> const Type* {
    return spelling.starts_with(prefix) ? type(kind, spelling.substr(prefix.size())) : nullptr;
  };
  if (const Type* t = named("struct ", TypeKind::kStruct)) return t;
  if (const Type* t = named("union ", TypeKind::kUnion)) return t;
  if (const Type* t = named("enum ", TypeKind::kEnum)) return t;
  if (const Type* t = type(TypeKind::kTypedef, spelling)) return t;
  return type(TypeKind::kInteger, spelling);
}

static const Type* aggregate(const Program& program, std::string_view name) {
  if (name.starts_with("struct ")) return program.type(TypeKind::kStruct, name.substr(7));
  if (name.starts_with("union ")) return program.type(TypeKind::kUnion, name.substr(6));
  for (TypeKind kind : {TypeKind::kStruct, TypeKind::kUnion, TypeKind::kTypedef, TypeKind::kInteger})
    if (const Type* t = program.type(kind, name)) return t;
  return nullptr;
}

Result<uint64_t> Program::offset(std::string_view type_name, std::string_view member) const {
  std::string key = std::string(type_name) + "." + std::string(member);
  {
    std::lock_guard lock(mutex_);
    if (auto it = offsets_.find(key); it != offsets_.end()) {
      if (it->second) return *it->second;
      return Error(ErrorCode::kNotFound, "this kernel has no " + key);
    }
  }
  std::optional<uint64_t> value = layout_.identity.vmcoreinfo.offset(key);
  if (const Type* t = aggregate(*this, type_name))
    if (auto found = debuginfo::find_member(t, member)) value = found->member.offset();
  std::lock_guard lock(mutex_);
  offsets_.emplace(key, value);
  if (value) return *value;
  return Error(ErrorCode::kNotFound, "this kernel has no " + key);
}

Result<uint64_t> Program::size_of(std::string_view type_name) const {
  if (const Type* t = aggregate(*this, type_name))
    if (auto size = t->size()) return *size;
  if (auto size = layout_.identity.vmcoreinfo.size(type_name)) return *size;
  return Error(ErrorCode::kNotFound, fmt::format("the size of {} is not known", type_name));
}

std::optional<int64_t> Program::enumerator(std::string_view name) const {
  for (const auto& f : files_) {
    if (f->debug_file())
      if (auto v = f->debug_file()->find_enumerator(name)) return v;
    if (const auto* btf = f->btf())
      if (auto v = btf->find_enumerator(name)) return v;
  }
  return std::nullopt;
}

// pahole keeps one prototype a name, so where several functions have it nobody knows whose it is.
const Type* Program::prototype(const Symbol& function) const {
  const LoadedFile* file = function.file;
  if (!file || !function.is_function || (file->debug_file() && file->debug_file()->has_dwarf()) || !file->btf()) return nullptr;
  return symbols_of(*file, function.name, true).size() == 1 ? file->btf()->function_prototype(function.name) : nullptr;
}

// "f+0x20/0x20" is no code of f any more, but padding, and how the kernel prints a return address there (kernel/kallsyms.c: up to the next symbol).
static std::string function_before(const debuginfo::DebugFile& debug, uint64_t at) {
  constexpr uint64_t kMaxPadding = 64;  // CONFIG_FUNCTION_ALIGNMENT is at most that
  for (uint64_t back = 0; back < std::min(kMaxPadding, at); back++)
    if (auto s = debug.symbol_at(at - back)) return std::string(s->name);
  return "";
}

std::vector<SourceFrame> Program::source_at(VirtualAddress address) const {
  std::vector<SourceFrame> frames;
  const LoadedFile* file = file_at(address);
  if (!file || !file->debug_file()) return frames;
  auto at = file->to_file(address);
  if (!at) return frames;
  const auto& debug = *file->debug_file();
  auto line = debug.line_at(*at).value_or(debuginfo::SourceLine{});
  auto scopes = debug.frames_at(*at);
  if (!scopes.ok()) {
    if (!line.line) return frames;
    frames.push_back({function_before(debug, *at), line.file, line.line, false});
    return frames;
  }
  for (const auto& f : scopes->functions) {
    frames.push_back({std::string(f.name), line.file, line.line, f.inlined});
    line = f.call;
  }
  return frames;
}

std::vector<std::byte> Program::code_bytes(VirtualAddress address, uint64_t size, bool* from_file) const {
  if (from_file) *from_file = false;
  auto bytes = memory_.read_prefix(address, size);
  if (bytes.size() == size) return bytes;
  const LoadedFile* file = file_at(address);
  if (!file || !file->debug_file()) return bytes;
  auto at = file->to_file(address);
  if (!at) return bytes;
  Bytes stored = file->debug_file()->file_bytes(*at, size);
  if (stored.size() <= bytes.size()) return bytes;
  if (from_file) *from_file = true;
  return {stored.begin(), stored.end()};
}

Result<uint64_t> Program::read_member(VirtualAddress object, std::string_view type_name, std::string_view member) const {
  const Type* t = aggregate(*this, type_name);
  if (!t) return Error(ErrorCode::kNotFound, fmt::format("this kernel has no type {}", type_name));
  auto found = debuginfo::find_member(t, member);
  if (!found) return Error(ErrorCode::kNotFound, fmt::format("this kernel has no {}.{}", type_name, member));
  const auto& m = found->member;
  if (m.bit_size) {
    uint64_t first = m.bit_offset / 8, shift = m.bit_offset % 8, bytes = (shift + m.bit_size + 7) / 8;
    if (bytes > 8) return Error(ErrorCode::kUnsupported, fmt::format("{}.{}: a bit-field over nine bytes", type_name, member));
    TRY(uint64_t raw, memory_.read_unsigned(object + first, unsigned(bytes)));
    return raw >> shift & (m.bit_size >= 64 ? ~uint64_t{0} : (uint64_t{1} << m.bit_size) - 1);
  }
  uint64_t size = m.type->size().value_or(8);
  if (size == 0 || size > 8) return Error(ErrorCode::kUsage, fmt::format("{}.{} is no integer", type_name, member));
  return memory_.read_unsigned(object + m.offset(), unsigned(size));
}

Result<uint64_t> Program::read_variable(std::string_view name) const {
  auto s = symbol(name);
  if (!s) return Error(ErrorCode::kNotFound, fmt::format("this kernel has no symbol {}", name));
  uint64_t size = 8;
  if (s->file->debug_file())
    if (auto v = s->file->debug_file()->find_variable(name); v && v->type) size = v->type->size().value_or(8);
  if (size == 0 || size > 8) return Error(ErrorCode::kUsage, fmt::format("{} is no integer", name));
  return memory_.read_unsigned(s->address, unsigned(size)).in(std::string(name));
}

}  // namespace inquest::object
