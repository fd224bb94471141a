#include "kernel/data_symbols.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "arch/instruction.h"
#include "debuginfo/type.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxExports = 1 << 17, kMaxFunction = 16384, kMaxName = 512;

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxName) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; });
}

// One table of struct kernel_symbol within a piece, found by one of its names and followed both ways.
class ExportTable {
 public:
  ExportTable(const Piece& piece, size_t name_field, size_t entry) : bytes_(piece.bytes), start_(piece.start), name_field_(name_field), entry_(entry) {}

  std::vector<object::MemorySymbol> symbols() const {
    std::vector<object::MemorySymbol> all;
    size_t first = name_field_;
    for (uint64_t n = 0; first >= entry_ + 4 && n < kMaxExports && !name_at(first - entry_).empty(); n++) first -= entry_;
    for (size_t at = first; at + 4 <= bytes_.size() && all.size() < kMaxExports; at += entry_) {
      std::string_view name = name_at(at);
      if (name.empty()) break;
      all.push_back({std::string(name), start_ + (at - 4 + uint64_t(int64_t(load_unchecked<int32_t>(bytes_.data() + at - 4)))), 0, 'D'});
    }
    return all;
  }

 private:
  // The name a field refers to, in the same piece; a linker that merges strings lets one name be the end of another.
  std::string_view name_at(size_t field) const {
    int64_t at = int64_t(field) + load_unchecked<int32_t>(bytes_.data() + field);
    if (at < 1 || uint64_t(at) >= bytes_.size()) return {};
    std::string_view text = as_text(bytes_).substr(size_t(at), kMaxName);
    size_t end = text.find('\0');
    return end != std::string_view::npos && is_name(text.substr(0, end)) ? text.substr(0, end) : std::string_view();
  }

  Bytes bytes_;
  VirtualAddress start_;
  size_t name_field_, entry_;
};

// The addresses a function's code names: constants put together (adrp and add, lea), and what it reads or writes at an offset from them.
std::set<uint64_t> addresses_in(const object::Program& program, VirtualAddress function, uint64_t size) {
  std::set<uint64_t> found;
  auto bytes = program.memory().read_prefix(function, std::min(size, kMaxFunction));
  std::array<std::optional<uint64_t>, arch::kRegisterCount> held;
  auto value_of = [&](const arch::Operand& o) -> std::optional<uint64_t> {
    if (o.is_register()) return o.reg < held.size() ? held[o.reg] : std::nullopt;
    if (o.is_immediate()) return uint64_t(o.immediate);
    return o.is_memory() ? o.memory.absolute : std::nullopt;
  };
  arch::Decoder decoder(program.arch().id);
  for (const auto& insn : decoder.decode_all(bytes, function)) {
    for (const arch::Operand* o : {&insn.destination, &insn.left, &insn.right}) {
      if (!o->is_memory()) continue;
      if (o->memory.absolute) found.insert(*o->memory.absolute);
      if (o->memory.base < held.size() && held[o->memory.base]) found.insert(*held[o->memory.base] + uint64_t(o->memory.displacement));
    }
    using arch::Operation;
    std::optional<uint64_t> result;
    bool moves = insn.operation == Operation::kMove || (insn.operation == Operation::kAddress && (!insn.left.is_memory() || insn.left.memory.absolute));
    if (moves) result = value_of(insn.left);
    if (auto left = value_of(insn.left), right = value_of(insn.right); insn.operation == Operation::kAdd && left && right) result = *left + *right;
    for (unsigned r : insn.written)
      if (r < held.size()) held[r] = std::nullopt;
    if (result && insn.destination.is_register() && insn.destination.reg < held.size()) {
      held[insn.destination.reg] = result;
      found.insert(*result);
    }
  }
  return found;
}

std::string name_of_object(const target::AddressSpace& memory, VirtualAddress object, const debuginfo::Member& name) {
  VirtualAddress at = object + name.offset();
  if (name.type->is_pointer()) {
    auto to = memory.read_pointer(at);
    if (!to.ok()) return "";
    at = *to;
  }
  return memory.read_string(at, 64).value_or("");
}

// Whether `head` heads a list, whole at both ends, of objects that have names.
bool heads(const object::Program& program, VirtualAddress head, uint64_t link, const debuginfo::Member& name) {
  const auto& memory = program.memory();
  if (!memory.format().is_kernel_address(head) || head.value % 8) return false;
  auto next = memory.read_pointer(head), prev = memory.read_pointer(head + 8);
  if (!next.ok() || !prev.ok() || *next == head || next->value % 8 || prev->value % 8) return false;
  auto back = memory.read_pointer(*next + 8), forth = memory.read_pointer(*prev);
  if (!back.ok() || !forth.ok() || *back != head || *forth != head) return false;
  return is_name(name_of_object(memory, *next - link, name)) && is_name(name_of_object(memory, *prev - link, name));
}

}  // namespace

std::vector<object::MemorySymbol> exported_symbols(std::span<const Piece> pieces, std::string_view known) {
  std::vector<object::MemorySymbol> best;
  const std::string text = std::string(known) + '\0';
  for (const Piece& piece : pieces) {
    std::string_view all = as_text(piece.bytes);
    for (size_t at = all.find(text); at != std::string_view::npos; at = all.find(text, at + 1)) {
      if (at == 0 || all[at - 1] != '\0') continue;
      const int64_t name = int64_t(at);
      const size_t skew = (0 - piece.start.value) & 3;
      for (size_t field = skew + 4; field + 4 <= all.size(); field += 4) {
        if (int64_t(field) + load_unchecked<int32_t>(piece.bytes.data() + field) != name) continue;
        for (size_t entry : {size_t{12}, size_t{8}}) {  // with a namespace (5.4, 8651ec01daed), and before
          auto symbols = ExportTable(piece, field, entry).symbols();
          if (symbols.size() > best.size()) best = std::move(symbols);
        }
      }
    }
  }
  return best.size() >= 16 ? best : std::vector<object::MemorySymbol>();
}

std::vector<object::MemorySymbol> per_cpu_symbols(const debuginfo::Btf& btf, std::span<const object::MemorySymbol> exported) {
  std::vector<object::MemorySymbol> symbols;
  auto variables = btf.section_variables(".data..percpu");
  std::map<std::string_view, uint32_t> offsets(variables.begin(), variables.end());
  std::map<uint64_t, size_t> votes;  // where the section starts
  for (const auto& s : exported)
    if (auto it = offsets.find(s.name); it != offsets.end()) votes[s.address.value - it->second]++;
  if (votes.empty()) return symbols;
  auto best = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (best->second < 2) return symbols;
  for (const auto& [name, offset] : variables) symbols.push_back({std::string(name), VirtualAddress(best->first + offset), 0, 'D'});
  return symbols;
}

std::optional<object::MemorySymbol> list_by_code(const object::Program& program, const debuginfo::Btf& btf, std::span<const object::MemorySymbol> functions,
                                                 const ListByCode& list) {
  const object::Type* type = btf.find_type(object::TypeKind::kStruct, list.type);
  auto link = type ? debuginfo::find_member(type, list.link) : std::nullopt;
  auto name = type ? debuginfo::find_member(type, list.name) : std::nullopt;
  auto walker = std::find_if(functions.begin(), functions.end(), [&](const auto& s) { return s.name == list.function; });
  if (!link || !name || walker == functions.end()) return std::nullopt;
  uint64_t size = kMaxFunction;
  for (const auto& s : functions)
    if (s.address > walker->address) size = std::min(size, s.address - walker->address);
  std::optional<object::MemorySymbol> found;
  for (uint64_t at : addresses_in(program, walker->address, size)) {
    if (!heads(program, VirtualAddress(at), link->member.offset(), name->member)) continue;
    if (found) return std::nullopt;  // two that could be it: neither
    found = object::MemorySymbol{std::string(list.symbol), VirtualAddress(at), 0, 'd'};
  }
  return found;
}

void add_data_symbols(const object::Program& program, std::span<const Piece> pieces, const debuginfo::Btf* btf, std::vector<object::MemorySymbol>& symbols) {
  static constexpr ListByCode kLists[] = {
      {"modules", "print_modules", "module", "list", "name"},
      {"slab_caches", "slab_start", "kmem_cache", "list", "name"},
  };
  std::set<std::string, std::less<>> names;
  for (const auto& s : symbols) names.insert(s.name);
  if (names.contains("init_task") && names.contains("modules")) return;  // CONFIG_KALLSYMS_ALL
  std::vector<object::MemorySymbol> more = exported_symbols(pieces);
  if (btf) {
    for (auto& s : per_cpu_symbols(*btf, more)) more.push_back(std::move(s));
    for (const ListByCode& list : kLists)
      if (auto s = list_by_code(program, *btf, symbols, list)) more.push_back(std::move(*s));
  }
  for (auto& s : more)
    if (names.insert(s.name).second) symbols.push_back(std::move(s));
}

}  // namespace inquest::kernel
