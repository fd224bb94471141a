// aarch64 exception entry: the frame record inside pt_regs.
//
// kernel_entry (arch/arm64/kernel/entry.S) stores {x29, elr} into pt_regs.stackframe and points x29 there, so that frame pointer
// walks cross it (since 4.14: kernel commit 7326749801396); from EL0 it stores zeroes. Since 6.13 (kernel commit c2c6b27b5aa1) the
// record is always zero and a type word follows: 1 = final, 2 = pt_regs.
#include <fmt/format.h>

#include "unwind/code.h"
#include "unwind/step_parts.h"

namespace inquest::unwind {

namespace {

constexpr uint64_t kMetaPtRegs = 2, kMetaFinal = 1;
// Without types: regs[31], sp, pc, pstate, orig_x0, syscallno and its padding, two words more (4.14 to 6.12 alike), the record.
constexpr uint64_t kUsualStackframeOffset = 304;

struct EntryRecord {
  VirtualAddress at, pt_regs;
  uint64_t fp = 0, pc = 0;          // the record's two words
  std::optional<uint64_t> meta;     // the word behind, where kernels keep a type there
};

// The kernel's own type only: Program::type() would go through every module's debuginfo for what this kernel does not have.
const object::Type* kernel_struct(const object::Program& program, std::string_view name) {
  if (program.files().empty()) return nullptr;
  if (const auto* debug = program.vmlinux())
    if (const object::Type* type = debug->find_type(object::TypeKind::kStruct, name); type && !type->is_declaration()) return type;
  return program.kernel().btf() ? program.kernel().btf()->find_type(object::TypeKind::kStruct, name) : nullptr;
}

std::optional<uint64_t> kernel_offset(const object::Program& program, std::string_view type_name, std::string_view member) {
  const object::Type* type = kernel_struct(program, type_name);
  auto found = type ? debuginfo::find_member(type, member) : std::nullopt;
  return found ? std::optional(found->member.offset()) : std::nullopt;
}

std::optional<EntryRecord> record_at(const object::Program& program, uint64_t fp) {
  uint64_t within = kernel_offset(program, "pt_regs", "stackframe").value_or(kUsualStackframeOffset);
  EntryRecord record{VirtualAddress(fp), VirtualAddress(fp - within), 0, 0, {}};
  auto next_fp = program.memory().read_u64(record.at), next_pc = program.memory().read_u64(record.at + 8);
  if (!next_fp.ok() || !next_pc.ok()) return std::nullopt;
  record.fp = *next_fp;
  record.pc = *next_pc;
  if (auto type_at = kernel_offset(program, "frame_record_meta", "type"))
    if (auto type = program.memory().read_u64(record.at + *type_at); type.ok()) record.meta = *type;
  return record;
}

// A pt_regs at the very top of a task's stack (task_pt_regs) is what the final record lies in.
bool is_task_pt_regs(const object::Program& program, const EntryRecord& record, const StackOracle& oracle) {
  if (!oracle) return true;
  auto stack = oracle(record.at);
  const object::Type* type = kernel_struct(program, "pt_regs");
  auto size = type ? type->size() : std::nullopt;
  if (!stack || !size) return true;
  VirtualAddress end = stack->low + stack->size;
  return record.pt_regs + *size == end || record.pt_regs + *size + 16 == end;
}

}  // namespace

std::optional<Step> caller_by_entry_record(const object::Program& program, const Frame& frame, const StackOracle& oracle) {
  const arch::Arch& arch = program.arch();
  auto fp = frame.registers.get(arch.frame_pointer);
  if (!arch.link || !fp || *fp % 8) return std::nullopt;
  auto record = record_at(program, *fp);
  if (!record) return std::nullopt;
  if (record->fp == 0 && record->pc == 0) {
    if (record->meta && *record->meta != kMetaPtRegs && *record->meta != kMetaFinal) return std::nullopt;
    Step step = interrupted_frame(program, frame, record->pt_regs, false);
    bool from_kernel = record->meta == kMetaPtRegs;
    if (step.caller && (from_kernel || (step.caller->user && is_task_pt_regs(program, *record, oracle)))) return step;
    return no_caller(End::kRoot, "");
  }
  Step step = interrupted_frame(program, frame, record->pt_regs, false);
  if (!step.caller || step.caller->user) return std::nullopt;
  // The record repeats what pt_regs has: nothing else on a stack looks like this.
  uint64_t mask = program.layout().pac_mask;
  bool same_pc = arch::strip_pac(record->pc, mask) == arch::strip_pac(step.caller->pc.value, mask);
  if (!same_pc || step.caller->registers.get(arch.frame_pointer) != record->fp) return std::nullopt;
  return step;
}

}  // namespace inquest::unwind
