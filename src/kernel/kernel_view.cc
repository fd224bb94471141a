#include "kernel/kernel_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace inquest::kernel {

using object::Type;
using object::TypeKind;

std::optional<VirtualAddress> KernelView::symbol(std::string_view name) const {
  const object::LoadedFile& file = program_->kernel();
  if (const auto* debug = file.debug_file()) {
    if (auto s = debug->find_symbol(name)) return file.to_runtime(s->address);
    return std::nullopt;
  }
  if (auto found = file.memory_symbols_named(name); !found.empty()) return file.memory_symbols()[found.front()].address;
  if (auto v = program_->layout().identity.vmcoreinfo.symbol(name)) return VirtualAddress(*v);
  return std::nullopt;
}

uint64_t KernelView::symbol_size(std::string_view name) const {
  if (const auto* debug = program_->kernel().debug_file())
    if (auto s = debug->find_symbol(name)) return s->size;
  return 0;
}

// Of kallsyms: x86_64's per-CPU variables are in it by their offsets, which lie in no extent of the image.
static std::optional<object::SymbolOffset> memory_symbol_at(const object::LoadedFile& file, VirtualAddress address) {
  auto after = std::upper_bound(file.memory_symbols().begin(), file.memory_symbols().end(), address,
                                [](VirtualAddress a, const object::MemorySymbol& s) { return a < s.address; });
  if (after == file.memory_symbols().begin()) return std::nullopt;
  const object::MemorySymbol& s = *std::prev(after);
  uint64_t size = s.size ? s.size : after == file.memory_symbols().end() ? 0 : after->address - s.address;
  bool is_function = s.type == 't' || s.type == 'T' || s.type == 'w' || s.type == 'W';
  if (address - s.address >= size) return std::nullopt;
  return object::SymbolOffset{{s.name, s.address, size, &file, is_function}, address - s.address};
}

std::optional<object::SymbolOffset> KernelView::symbol_at(VirtualAddress address) const {
  const object::LoadedFile& file = program_->kernel();
  const auto* debug = file.debug_file();
  if (!debug) return memory_symbol_at(file, address);
  auto at = file.to_file(address);
  auto s = at ? debug->symbol_at(*at) : std::nullopt;
  if (!s) return std::nullopt;
  uint64_t offset = *at - s->address;
  return object::SymbolOffset{{std::string(s->name), address - offset, s->size, &file, s->type == elf::kSttFunc}, offset};
}

const Type* KernelView::type(std::string_view name) const {
  const object::LoadedFile& file = program_->kernel();
  for (TypeKind kind : {TypeKind::kStruct, TypeKind::kUnion, TypeKind::kTypedef}) {
    if (const auto* debug = file.debug_file())
      if (const Type* t = debug->find_type(kind, name); t && !t->is_declaration()) return t;
    if (file.btf())
      if (const Type* t = file.btf()->find_type(kind, name); t && !t->is_declaration()) return t;
  }
  return nullptr;
}

const Type* KernelView::variable_type(std::string_view name) const {
  const object::LoadedFile& file = program_->kernel();
  if (const auto* debug = file.debug_file())
    if (auto v = debug->find_variable(name); v && v->type) return v->type;
  return file.btf() ? file.btf()->variable_type(name) : nullptr;
}

std::optional<int64_t> KernelView::enumerator(std::string_view name) const {
  const object::LoadedFile& file = program_->kernel();
  if (const auto* debug = file.debug_file())
    if (auto v = debug->find_enumerator(name)) return v;
  return file.btf() ? file.btf()->find_enumerator(name) : std::nullopt;
}

std::optional<uint64_t> KernelView::size_of(std::string_view name) const {
  if (const Type* t = type(name))
    if (auto size = t->size()) return size;
  return program_->layout().identity.vmcoreinfo.size(name);
}

static std::optional<Field> field_of(const Type* type, std::string_view path) {
  auto found = type ? debuginfo::find_member(type, path) : std::nullopt;
  if (!found) return std::nullopt;
  Field f;
  f.offset = found->member.offset();
  f.bytes = found->member.type->size().value_or(0);
  f.size = f.bytes >= 1 && f.bytes <= 8 ? unsigned(f.bytes) : 0;
  f.bit_offset = found->member.bit_offset;
  f.bit_size = found->member.bit_size;
  return f;
}

std::optional<Field> KernelView::field(std::string_view type_name, std::string_view path) const {
  if (auto f = field_of(type(type_name), path)) return f;
  auto noted = program_->layout().identity.vmcoreinfo.offset(std::string(type_name) + "." + std::string(path));
  if (!noted) return std::nullopt;
  Field f;
  f.offset = *noted;
  return f;
}

std::optional<Field> KernelView::field(std::string_view type_name, std::initializer_list<std::string_view> paths) const {
  for (std::string_view path : paths)
    if (auto f = field(type_name, path)) return f;
  return std::nullopt;
}

std::optional<Field> KernelView::variable_field(std::string_view variable, std::string_view path) const {
  return field_of(variable_type(variable), path);
}

std::optional<uint64_t> KernelView::offset(std::string_view type_name, std::string_view path) const {
  auto f = field(type_name, path);
  return f ? std::optional(f->offset) : std::nullopt;
}

Result<uint64_t> KernelView::read(VirtualAddress object, const Field& f) const {
  if (f.bit_size) {
    uint64_t shift = f.bit_offset % 8, bytes = (shift + f.bit_size + 7) / 8;
    if (bytes > 8) return Error(ErrorCode::kUnsupported, "a bit-field over nine bytes");
    TRY(uint64_t raw, memory().read_unsigned(object + f.bit_offset / 8, unsigned(bytes)));
    return raw >> shift & (f.bit_size >= 64 ? ~uint64_t{0} : (uint64_t{1} << f.bit_size) - 1);
  }
  if (!f.size) return Error(ErrorCode::kUsage, "the member is no integer");
  return memory().read_unsigned(object + f.offset, f.size);
}

Result<uint64_t> KernelView::read(VirtualAddress object, std::string_view type_name, std::string_view path) const {
  auto f = field(type_name, path);
  if (!f) return Error(ErrorCode::kNotFound, fmt::format("this kernel has no {}.{}", type_name, path));
  return read(object, *f);
}

std::optional<uint64_t> KernelView::variable(std::string_view name, unsigned size_if_untyped) const {
  auto at = symbol(name);
  if (!at) return std::nullopt;
  const Type* t = variable_type(name);
  uint64_t size = t ? t->size().value_or(size_if_untyped) : size_if_untyped;
  if (size == 0 || size > 8) return std::nullopt;
  return memory().read_unsigned(*at, unsigned(size)).maybe();
}

std::string KernelView::text(VirtualAddress address, uint64_t limit) const {
  return memory().read_string(address, limit).value_or("");
}

std::string KernelView::pointed_text(VirtualAddress address, uint64_t limit) const {
  auto to = memory().read_pointer(address);
  return to.ok() && !to->is_null() ? text(*to, limit) : "";
}

namespace {

// One direction. `step` = 0 for next, 8 for prev. Stops at the head, or says why it could not go on.
struct ListEnd {
  std::vector<VirtualAddress> nodes;
  std::string problem;
};

ListEnd walk(const target::AddressSpace& memory, VirtualAddress head, unsigned step, uint64_t limit, const std::unordered_set<uint64_t>* known) {
  ListEnd end;
  std::unordered_set<uint64_t> seen;
  VirtualAddress at = head;
  while (true) {
    auto next = memory.read_pointer(at + step);
    if (!next.ok()) {
      end.problem = fmt::format("the entry at {:#x} cannot be read: {}", at.value, next.error().message());
      break;
    }
    if (*next == head) break;
    if (!memory.format().is_kernel_address(*next)) {
      end.problem = fmt::format("{:#x}.{} is {:#x}, no kernel address", at.value, step ? "prev" : "next", next->value);
      break;
    }
    if (known && known->contains(next->value)) break;
    if (!seen.insert(next->value).second) {
      end.problem = fmt::format("it loops: {:#x} comes again behind {:#x}", next->value, at.value);
      break;
    }
    if (end.nodes.size() >= limit) {
      end.problem = fmt::format("longer than {} entries", limit);
      break;
    }
    end.nodes.push_back(*next);
    at = *next;
  }
  return end;
}

}  // namespace

ListNodes read_list(const target::AddressSpace& memory, VirtualAddress head, uint64_t limit) {
  ListNodes list;
  ListEnd forward = walk(memory, head, 0, limit, nullptr);
  list.nodes = std::move(forward.nodes);
  list.problem = std::move(forward.problem);
  if (list.problem.empty()) return list;
  // An entry that cannot be read holds nothing; what lies behind the break is reached from the other side.
  if (!list.nodes.empty() && !memory.read_pointer(list.nodes.back()).ok()) list.nodes.pop_back();
  std::unordered_set<uint64_t> known;
  for (VirtualAddress n : list.nodes) known.insert(n.value);
  ListEnd backward = walk(memory, head, 8, limit, &known);
  if (!backward.nodes.empty() && !memory.read_pointer(backward.nodes.back()).ok()) backward.nodes.pop_back();
  std::reverse(backward.nodes.begin(), backward.nodes.end());
  if (!backward.nodes.empty())
    list.problem += fmt::format(" ({} entries behind the break were reached backwards)", backward.nodes.size());
  list.nodes.insert(list.nodes.end(), backward.nodes.begin(), backward.nodes.end());
  return list;
}

}  // namespace inquest::kernel
