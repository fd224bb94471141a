// kallsyms: the kernel's own symbol table, as it lies in the dead kernel's memory; and BTF, its own type table.
//
// Both are found without debuginfo: kallsyms by its structure (token table and index: scripts/kallsyms.c), or by
// VMCOREINFO's SYMBOL(kallsyms_*) (6.0+, kernel commit 5fd8fea935a1); BTF between __start_BTF and __stop_BTF.
// 6.2 reordered the tables (commit 60443c88f3a8 added kallsyms_seqs_of_names); 6.4 moved offsets behind token tables (commit 404bad70fcf7):
// so each table is found by its shape, not by version.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/cursor.h"
#include "base/result.h"
#include "debuginfo/type.h"

namespace inquest::debuginfo {

struct KallsymsSymbol {
  std::string name;
  char type = '?';        // nm's letter
  uint64_t address = 0;
};

// `image` is the kernel's read-only data (or a larger piece that holds it), from `image_address`, run-time addresses.
// `relative_base` answers come out as run-time addresses.
struct KallsymsTables {
  // `offsets` has 4 bytes a symbol, or 8: then they are addresses and relative_base is not used.
  Bytes names, token_table, token_index, offsets;
  uint64_t relative_base = 0;
  uint32_t count = 0;
  bool absolute_percpu = false;
};
Result<KallsymsTables> find_kallsyms(Bytes image, uint64_t image_address);
Result<std::vector<KallsymsSymbol>> decode_kallsyms(const KallsymsTables& tables);

// BTF (Documentation/bpf/btf.rst) as a source of types. For a module's BTF give the kernel's as `base`.
//
// Keeps the span (and the base): the bytes must outlive it. Types are made when first asked for; find_type() and its likes
// build an index of names at their first call. Forward declarations resolve to the definition where there is one.
class Btf : public TypeSource {
 public:
  // kNotMine: no BTF; kCorrupt, kTruncated: damaged; kUnsupported: other byte order, or a kind younger than this code.
  static Result<std::shared_ptr<const Btf>> parse(Bytes blob, std::shared_ptr<const Btf> base = nullptr);
  virtual const Type* find_type(TypeKind kind, std::string_view name) const = 0;
  virtual const Type* function_prototype(std::string_view function) const = 0;  // a kFunction type; of this BTF's functions, not the base's
  virtual const Type* variable_type(std::string_view name) const = 0;
  virtual std::vector<std::string_view> type_names(TypeKind kind) const = 0;
  // Variables of a data section (".data..percpu", which pahole describes since 1.19) with their offsets in it.
  virtual std::vector<std::pair<std::string_view, uint32_t>> section_variables(std::string_view section) const = 0;
  virtual std::optional<int64_t> find_enumerator(std::string_view name) const = 0;
  virtual uint32_t type_count() const = 0;   // ids below this are valid; 0 is void; the base's are counted in
  // The type of an id (BTF_ID lists, struct module's btf data): null for void and for ids that are no types (functions, variables, tags).
  virtual const Type* type(uint32_t id) const = 0;
};

}  // namespace inquest::debuginfo
