// The input: three bytes of address, offset size and version, then the expression.
#include <cstdint>

#include "debuginfo/location.h"

using namespace inquest;
using namespace inquest::debuginfo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  Expression expression;
  expression.bytes = std::as_bytes(std::span(data + 3, size - 3));
  expression.address_size = data[0] & 1 ? 4 : 8;
  expression.offset_size = data[1] & 1 ? 8 : 4;
  expression.version = data[2] & 7;
  EvaluationContext full;
  full.reg = [](unsigned n) -> Result<uint64_t> {
    return n < 20 ? Result<uint64_t>(n * 0x1111) : Error(ErrorCode::kNotFound, "no such register");
  };
  full.memory = [](VirtualAddress a, unsigned) -> Result<uint64_t> { return a.value * 3; };
  full.cfa = []() -> Result<uint64_t> { return 0x7000; };
  full.frame_base = []() -> Result<uint64_t> { return 0x6000; };
  full.base_type = [](uint64_t offset) -> Result<ExpressionType> {
    return ExpressionType{uint8_t(1 << (offset & 3)), bool(offset & 4), false};
  };
  full.entry_value = [&](Bytes block) -> Result<uint64_t> {
    Expression inner = expression;
    inner.bytes = block;
    EvaluationContext context = full;
    context.depth++;
    full.depth = context.depth;
    return evaluate_value(inner, context);
  };
  (void)evaluate(expression, full).ok();
  full.depth = 0;
  (void)evaluate_value(expression, full, 1).ok();
  (void)evaluate(expression, {}).ok();
  (void)register_relation(expression);
  return 0;
}
