#include "inquiry/kernel_facts.h"

#include <algorithm>
#include <cstring>

#include "code/function_code.h"
#include "debuginfo/type.h"
#include "records/text.h"

namespace inquest::inquiry {

namespace {

constexpr uint64_t kMostRodata = 64ull << 20;  // read-only data searched for a string

using object::TypeKind;

// Whether `text` stands in [start, start + size); nothing if a part of it is not in the dump and the rest does not hold it.
std::optional<bool> memory_holds(const object::Program& program, VirtualAddress start, uint64_t size, std::string_view text) {
  constexpr uint64_t kPiece = 1 << 16;
  bool whole = true;
  std::vector<std::byte> bytes;
  for (uint64_t at = 0; at < size && at < kMostRodata; at += kPiece) {
    bytes.resize(std::min(kPiece + text.size(), size - at));
    if (!program.memory().read(start + at, bytes).ok()) {
      whole = false;
      continue;
    }
    if (memmem(bytes.data(), bytes.size(), text.data(), text.size())) return true;
  }
  return whole && size <= kMostRodata ? std::optional<bool>(false) : std::nullopt;
}

}  // namespace

std::vector<const object::Type*> ProgramFacts::definitions(std::string_view name) const {
  std::vector<const object::Type*> found;
  for (TypeKind kind : {TypeKind::kStruct, TypeKind::kUnion})
    for (const auto& file : program_->files()) {
      if (const auto* debug = file->debug_file())
        for (const object::Type* t : debug->find_types(kind, name))
          if (!t->is_declaration()) found.push_back(t);
      if (const auto* btf = file->btf())
        if (const object::Type* t = btf->find_type(kind, name); t && !t->is_declaration()) found.push_back(t);
    }
  return found;
}

std::optional<bool> ProgramFacts::has_type(std::string_view type) {
  if (!definitions(type).empty() || program_->type(TypeKind::kEnum, type) || program_->type(TypeKind::kTypedef, type)) return true;
  return std::nullopt;  // its file may be of a module that is not loaded
}

std::optional<bool> ProgramFacts::has_member(std::string_view type, std::string_view member) {
  std::optional<bool> answer;
  for (const object::Type* t : definitions(type)) {
    bool has = debuginfo::find_member(t, member).has_value();
    if (answer && *answer != has) return std::nullopt;
    answer = has;
  }
  return answer;
}

const std::optional<object::Symbol>& ProgramFacts::function(std::string_view name) {
  auto at = functions_.find(name);
  if (at != functions_.end()) return at->second;
  std::optional<object::Symbol> found;
  for (const char* suffix : {"", ".isra.0", ".constprop.0", ".part.0"}) {
    auto symbol = program_->symbol(std::string(name) + suffix);
    if (symbol && program_->is_text(symbol->address)) found = symbol;
    if (found) break;
  }
  return functions_.emplace(std::string(name), std::move(found)).first->second;
}

std::optional<bool> ProgramFacts::has_function(std::string_view name) {
  if (function(name)) return true;
  for (const auto& file : program_->files())
    if (const auto* debug = file->debug_file(); debug && !debug->find_functions(name).empty()) return true;
  // Without DWARF a static function may have been inlined away unseen.
  return program_->vmlinux() && program_->vmlinux()->has_dwarf() ? std::optional<bool>(false) : std::nullopt;
}

std::optional<bool> ProgramFacts::calls(std::string_view caller, std::string_view callee) {
  const auto& symbol = function(caller);
  if (!symbol) return std::nullopt;  // not here, or inlined into others as a whole
  auto code = code::FunctionCode::at(*program_, symbol->address);
  if (!code.ok()) return std::nullopt;
  bool lines = false;
  for (size_t i = 0; i < (*code)->instructions().size(); i++) {
    const auto& instruction = (*code)->instructions()[i];
    if (instruction.target && records::plain_function((*code)->target_name(instruction)) == callee) return true;
    auto source = (*code)->source_of(i);
    lines = lines || !source.empty();
    for (const auto& frame : source)
      if (frame.inlined && frame.function == callee) return true;
  }
  // A macro is no function and leaves no call: only what is a function elsewhere would be seen here.
  return lines && function(callee) ? std::optional<bool>(false) : std::nullopt;
}

std::optional<bool> ProgramFacts::has_enum_value(std::string_view enumeration, std::string_view value) {
  if (program_->enumerator(value)) return true;
  return !enumeration.empty() && program_->type(TypeKind::kEnum, enumeration) ? std::optional<bool>(false) : std::nullopt;
}

std::optional<bool> ProgramFacts::has_string(std::string_view name, std::string_view text) {
  const auto& symbol = name.empty() ? std::nullopt : function(name);
  if (!symbol || !symbol->file) return std::nullopt;
  if (symbol->file->name.empty()) {
    auto start = program_->kernel_symbol("__start_rodata"), end = program_->kernel_symbol("__end_rodata");
    if (!start || !end || end->address.value <= start->address.value) return std::nullopt;
    return memory_holds(*program_, start->address, end->address.value - start->address.value, text);
  }
  bool whole = !symbol->file->extents.empty();
  for (const auto& [start, size] : symbol->file->extents) {
    auto held = memory_holds(*program_, start, size, text);
    if (held.value_or(false)) return true;
    whole = whole && held;
  }
  return whole ? std::optional<bool>(false) : std::nullopt;
}

std::optional<bool> ProgramFacts::has_parameter(std::string_view name, std::string_view parameter) {
  std::optional<bool> answer;
  for (const auto& file : program_->files()) {
    const auto* debug = file->debug_file();
    if (!debug || !debug->has_dwarf()) continue;
    for (const auto& f : debug->find_functions(name)) {
      bool has = std::any_of(f.parameters.begin(), f.parameters.end(), [&](const auto& p) { return p.name == parameter; });
      if (answer && *answer != has) return std::nullopt;
      answer = has;
    }
  }
  return answer;
}

}  // namespace inquest::inquiry
