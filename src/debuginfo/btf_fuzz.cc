// The input is a BTF blob; it is its own base, too.
#include <cstdint>

#include "debuginfo/kallsyms.h"

using namespace inquest;
using namespace inquest::debuginfo;

static size_t visit(const Btf& btf) {
  uint32_t count = btf.type_count() < 2000 ? btf.type_count() : 2000;
  size_t sum = 0;
  for (uint32_t id = 0; id <= count; id++) {
    const Type* type = btf.type(id);
    if (!type) continue;
    sum += type->name().size() + type->members().size() + type->enumerators().size() + type->parameters().size();
    for (const Member& m : type->members()) sum += m.type->name().size();
    if (const Type* target = type->target()) sum += target->name().size();
  }
  sum += btf.type_names(TypeKind::kStruct).size();
  if (btf.function_prototype("f")) sum++;
  if (btf.variable_type("v")) sum++;
  if (btf.find_enumerator("e")) sum++;
  return sum;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes input = std::as_bytes(std::span(data, size));
  auto kernel = Btf::parse(input);
  if (!kernel.ok()) return 0;
  size_t seen = visit(**kernel);
  auto module = Btf::parse(input, *kernel);
  if (module.ok()) seen += visit(**module);
  return seen == ~size_t{0};  // never: so that nothing above is optimised away
}
