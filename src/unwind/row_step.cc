// Rows of ORC and CFI applied to a frame's registers.
#include <fmt/format.h>

#include <algorithm>

#include "unwind/entry_flow.h"
#include "unwind/step_parts.h"

namespace inquest::unwind {

using debuginfo::RegisterRule;
using debuginfo::UnwindRow;

namespace {

debuginfo::EvaluationContext context_of(const object::Program& program, const Frame& frame) {
  debuginfo::EvaluationContext context;
  context.reg = [&program, &frame](unsigned reg) -> Result<uint64_t> {
    if (auto value = frame.registers.get(reg)) return *value;
    return Error(ErrorCode::kNotFound, fmt::format("register {} is not known here", program.arch().register_name(reg)));
  };
  context.memory = [&program](VirtualAddress at, unsigned size) { return program.memory().read_unsigned(at, size); };
  return context;
}

Result<uint64_t> known(const object::Program& program, const Frame& frame, unsigned reg) {
  if (auto value = frame.registers.get(reg)) return *value;
  return Error(ErrorCode::kNotFound, fmt::format("register {} is not known", program.arch().register_name(reg)));
}

Result<VirtualAddress> cfa_of(const object::Program& program, const Frame& frame, const UnwindRow& row) {
  if (row.cfa_expression) {
    TRY(uint64_t value, debuginfo::evaluate_value(*row.cfa_expression, context_of(program, frame)));
    return VirtualAddress(value);
  }
  TRY(uint64_t base, known(program, frame, row.cfa_register));
  VirtualAddress cfa(base + uint64_t(row.cfa_offset));
  if (row.cfa_indirect) {
    TRY(uint64_t through, program.memory().read_u64(cfa));
    cfa = VirtualAddress(through + uint64_t(row.cfa_after_indirect));
  }
  return cfa;
}

// The caller's value of a register that rule is for. kUnspecified counts as "kept", which is right for callee-saved ones only.
Result<uint64_t> recover(const object::Program& program, const Frame& frame, unsigned reg, const RegisterRule& rule, VirtualAddress cfa) {
  switch (rule.kind) {
    case RegisterRule::Kind::kUnspecified:
    case RegisterRule::Kind::kSame: return known(program, frame, reg);
    case RegisterRule::Kind::kAtCfa: return program.memory().read_u64(cfa + uint64_t(rule.offset));
    case RegisterRule::Kind::kCfaPlus: return cfa.value + uint64_t(rule.offset);
    case RegisterRule::Kind::kRegister: {
      TRY(uint64_t base, known(program, frame, rule.reg));
      return base + uint64_t(rule.offset);
    }
    case RegisterRule::Kind::kAtRegister: {
      TRY(uint64_t base, known(program, frame, rule.reg));
      return program.memory().read_u64(VirtualAddress(base + uint64_t(rule.offset)));
    }
    case RegisterRule::Kind::kExpression: {
      TRY(uint64_t at, debuginfo::evaluate_value(rule.expression, context_of(program, frame), cfa.value));
      return program.memory().read_u64(VirtualAddress(at));
    }
    case RegisterRule::Kind::kValueExpression:
      return debuginfo::evaluate_value(rule.expression, context_of(program, frame), cfa.value);
    case RegisterRule::Kind::kUndefined: break;
  }
  return Error(ErrorCode::kNotFound, fmt::format("register {} was not kept", program.arch().register_name(reg)));
}

bool same_rule(const RegisterRule& a, const RegisterRule& b) {
  auto kept = [](const RegisterRule& r) { return r.kind == RegisterRule::Kind::kUnspecified || r.kind == RegisterRule::Kind::kSame; };
  if (kept(a) || kept(b)) return kept(a) && kept(b);
  return a.kind == b.kind && a.offset == b.offset && a.reg == b.reg;
}

// rbx and r12 to r15 for an ORC row. The CFI's register rules are relative to the CFA and stay right where inline assembly
// moved rsp unknown to the compiler (IRQ stack switches: arch/x86/include/asm/irq_stack.h); only its own CFA does not.
void add_callee_saved(const object::Program& program, const Frame& frame, const Rows& rows, VirtualAddress cfa, arch::Registers& caller) {
  const arch::Arch& arch = program.arch();
  unsigned fp = arch.frame_pointer;
  bool use_cfi = rows.cfi && same_rule(rows.orc->rules[fp], rows.cfi->rules[fp]);
  std::optional<EntryFlow> flow;
  if (!rows.cfi) flow = EntryFlow::analyse(program, frame.lookup());
  if (flow && flow->cfa(frame.registers) && *flow->cfa(frame.registers) != cfa) flow.reset();
  bool cfa_agrees = false;
  if (use_cfi) {
    auto own = cfa_of(program, frame, *rows.cfi);
    cfa_agrees = own.ok() && *own == cfa;
  }
  auto read = [&program](VirtualAddress at) { return program.memory().read_u64(at); };
  for (uint8_t reg : arch.callee_saved) {
    if (reg == fp) continue;
    if (use_cfi) {
      const RegisterRule& rule = rows.cfi->rules[reg];
      bool by_expression = rule.kind == RegisterRule::Kind::kExpression || rule.kind == RegisterRule::Kind::kValueExpression;
      if (by_expression && !cfa_agrees) continue;
      if (auto value = recover(program, frame, reg, rule, cfa); value.ok()) caller.set(reg, *value);
    } else if (flow) {
      if (auto value = flow->entry_value(reg, frame.registers, cfa, read); value && value->width == 8) caller.set(reg, value->value);
    }
  }
}

Step by_call_row(const object::Program& program, const Frame& frame, const Rows& rows, const UnwindRow& row, VirtualAddress cfa) {
  const arch::Arch& arch = program.arch();
  unsigned ra = row.return_address_register;
  RegisterRule ra_rule = ra < arch::kRegisterCount ? row.rules[ra] : RegisterRule{};
  if (!arch.link && ra_rule.kind == RegisterRule::Kind::kUnspecified) ra_rule = {RegisterRule::Kind::kAtCfa, 0, -8, {}};
  if (ra_rule.kind == RegisterRule::Kind::kUndefined) return no_caller(End::kRoot, "", cfa);
  auto return_address = recover(program, frame, ra, ra_rule, cfa);
  if (!return_address.ok())
    return no_caller(return_address.error().code() == ErrorCode::kNotFound ? End::kNoRow : End::kUnreadable,
                     fmt::format("no return address of {:#x}: {}", frame.pc.value, return_address.error().message()), cfa);
  arch::Registers caller;
  bool orc = row.source == UnwindRow::Source::kOrc;
  for (uint8_t reg : arch.callee_saved) {
    if (orc && reg != arch.frame_pointer) continue;
    if (auto value = recover(program, frame, reg, row.rules[reg], cfa); value.ok()) caller.set(reg, *value);
  }
  if (orc) add_callee_saved(program, frame, rows, cfa, caller);
  caller.set(arch.sp, cfa.value);
  return found(caller_frame(program, caller, *return_address, Trust::kCfi), cfa);
}

}  // namespace

Rows rows_at(const object::Program& program, VirtualAddress address) {
  Rows rows;
  const object::LoadedFile* file = program.file_at(address);
  if (!file) return rows;
  if (const auto* orc = file->orc()) rows.orc = orc->row(address.value);
  const debuginfo::DebugFile* debug = file->debug_file();
  if (!debug || !debug->cfi()) return rows;
  if (auto at = file->to_file(address)) rows.cfi = debug->cfi()->row(*at);
  return rows;
}

Step caller_by_rows(const object::Program& program, const Frame& frame, const Rows& rows) {
  const UnwindRow& row = rows.orc ? *rows.orc : *rows.cfi;
  if (row.shape == UnwindRow::Shape::kEnd) return no_caller(End::kRoot, "");
  auto cfa = cfa_of(program, frame, row);
  if (!cfa.ok())
    return no_caller(cfa.error().code() == ErrorCode::kUnreadable ? End::kUnreadable : End::kNoRow,
                     fmt::format("no CFA for {:#x}: {}", frame.pc.value, cfa.error().message()));
  if (row.shape == UnwindRow::Shape::kCall) return by_call_row(program, frame, rows, row, *cfa);
  return interrupted_frame(program, frame, *cfa, row.shape == UnwindRow::Shape::kPartialRegisters);
}

}  // namespace inquest::unwind
