// Asks a DebugFile everything there is to ask: for damaged and hostile files, under sanitizers.
#pragma once

#include "debuginfo/debug_file.h"

namespace inquest::debuginfo::testing {

inline void exercise_type(const Type* type, int depth) {
  if (!type || depth > 3) return;
  (void)spell(type, "x");
  (void)type->size();
  (void)members_at(type, 8);
  (void)same_type(type, type->stripped());
  exercise_type(type->target(), depth + 1);
  for (const Member& member : type->members()) exercise_type(member.type, depth + 1);
  for (const TypeParameter& parameter : type->parameters()) exercise_type(parameter.type, depth + 1);
}

inline void exercise_address(const DebugFile& file, uint64_t address) {
  (void)file.symbol_at(address);
  (void)file.variable_at(address);
  (void)file.function_at(address);
  (void)file.line_at(address);
  (void)file.lines_of(address, address + 32);
  (void)file.file_bytes(address, 16);
  (void)file.frames_at(address);
  (void)file.tree_at(address);
  if (const UnwindTable* cfi = file.cfi()) (void)cfi->row(address);
  auto scopes = file.scopes_at(address);
  if (!scopes) return;
  for (const FunctionScope& scope : scopes->functions) {
    (void)file.call_sites(scope.die);
    for (const LocalVariable& local : scope.variables) exercise_type(local.type, 0);
  }
}

inline void exercise(const DebugFile& file) {
  constexpr size_t kMost = 200;
  for (TypeKind kind : {TypeKind::kStruct, TypeKind::kUnion, TypeKind::kEnum, TypeKind::kTypedef, TypeKind::kInteger}) {
    size_t count = 0;
    for (std::string_view name : file.type_names(kind)) {
      if (++count > kMost) break;
      exercise_type(file.find_type(kind, name), 0);
      (void)file.find_types(kind, name);
      (void)file.find_enumerator(name);
    }
  }
  size_t count = 0;
  for (const FileSymbol& symbol : file.symbols()) {
    if (++count > kMost) break;
    (void)file.find_variable(symbol.name);
    (void)file.find_functions(symbol.name);
    for (uint64_t offset = 0; offset < 64; offset += 3) exercise_address(file, symbol.address + offset);
  }
  for (const SectionPlace& place : file.section_places()) {
    exercise_address(file, place.address);
    (void)file.section_bytes(place.name);
  }
  for (uint64_t die = 0; die < 512; die++) {
    exercise_type(file.type_of_die(die), 2);
    (void)file.name_of_die(die);
  }
  if (const UnwindTable* cfi = file.cfi()) (void)cfi->row(0x10000);
  (void)file.parse_type("struct node *");
  (void)file.indexed_address(0, 1);
}

}  // namespace inquest::debuginfo::testing
