#include "unwind/call_values.h"

#include <fmt/format.h>

#include "unwind/frame_evaluator.h"

namespace inquest::unwind {

namespace {
constexpr int kMaxDepth = 8;
}

bool CallValues::is_user_pt_regs(VirtualAddress address, unsigned size) const {
  const Frame& last = stack_->frames.back();
  return last.user && !last.pt_regs_at.is_null() && address >= last.pt_regs_at &&
         address - last.pt_regs_at + size <= program_->arch().pt_regs_size();
}

const EntryFlow* CallValues::flow(size_t frame) {
  auto known = flows_.find(frame);
  if (known == flows_.end()) known = flows_.emplace(frame, EntryFlow::analyse(*program_, stack_->frames[frame].lookup())).first;
  return known->second ? &*known->second : nullptr;
}

const TailPath* CallValues::way_into(size_t frame) {
  auto known = ways_.find(frame);
  if (known == ways_.end()) {
    // While it is looked for, which may need values of outer frames and through them of this one, it is not known.
    known = ways_.emplace(frame, std::nullopt).first;
    known->second = find_way(frame);
  }
  return known->second ? &*known->second : nullptr;
}

std::optional<TailPath> CallValues::find_way(size_t frame) {
  if (frame + 1 >= stack_->frames.size()) return std::nullopt;
  const Frame& callee = stack_->frames[frame];
  const Frame& caller = stack_->frames[frame + 1];
  bool by_call = caller.pc_is_return && (caller.trust == Trust::kCfi || caller.trust == Trust::kFrameRecord || caller.trust == Trust::kLinkRegister);
  if (!by_call || callee.garbage_pc || caller.garbage_pc) return std::nullopt;
  auto call = call_before(*program_, caller.pc);
  auto here = function_extent(*program_, callee.lookup());
  if (!call || !here) return std::nullopt;
  auto target = call->target ? call->target : indirect_target(*program_, caller, call->at);
  if (!target && !here->cold) {
    FrameEvaluator evaluator(*this, frame + 1, true);
    auto given = [&evaluator](unsigned reg) {
      std::byte expression{uint8_t(0x50 + reg)};  // DW_OP_reg
      auto value = evaluator.entry_value(Bytes(&expression, 1));
      return value.ok() && evaluator.width() == 8 ? std::move(value).maybe() : std::nullopt;
    };
    if (calls_through_table_of(*program_, call->at, here->entry, given)) target = here->entry;
  }
  if (!target) return std::nullopt;
  auto there = function_extent(*program_, *target);
  if (!there || there->entry != *target) return std::nullopt;
  bool cold_part = here->cold && there->name == here->name;
  return tail_path(*program_, *target, cold_part ? *target : here->entry);
}

VirtualAddress CallValues::call_address(size_t frame) const {
  const Frame& f = stack_->frames[frame];
  if (!f.pc_is_return) return f.pc;
  auto call = call_before(*program_, f.pc);
  return call ? call->at : f.lookup();
}

std::optional<CallValues::Kept> CallValues::at_call(size_t frame, unsigned reg, int depth) {
  if (auto known = stack_->frames[frame].registers.get(reg)) return Kept{*known, 8, ""};
  if (!stack_->frames[frame].pc_is_return || frame == 0 || depth > kMaxDepth) return std::nullopt;
  const TailPath* way = way_into(frame - 1);
  std::optional<Kept> best;
  for (unsigned given = 0; way && given < FlowState::kRegisters; given++) {
    const EntryValue& value = way->registers[given];
    if (!value.is(reg) || (best && best->width >= value.width)) continue;
    auto kept = at_entry(frame - 1, given, depth + 1);
    if (!kept || (best && best->width >= kept->width)) continue;
    best = Kept{kept->value - uint64_t(value.offset), std::min<unsigned>(kept->width, value.width), kept->how};
  }
  return best;
}

std::optional<CallValues::Kept> CallValues::at_entry(size_t frame, unsigned reg, int depth) {
  const EntryFlow* f = flow(frame);
  if (!f || depth > kMaxDepth) return std::nullopt;
  const Frame& here = stack_->frames[frame];
  auto read = [this](VirtualAddress at) { return program_->memory().read_u64(at); };
  std::string function = here.symbol ? here.symbol->symbol.name : fmt::format("{:#x}", here.pc.value);
  std::optional<Kept> best;
  if (auto found = f->entry_value(reg, here.registers, here.cfa, read)) {
    std::string where = found->reg != 255 ? std::string(program_->arch().register_name(found->reg)) : fmt::format("its stack slot {:#x}", found->slot.value);
    best = Kept{found->value, found->width, fmt::format("kept by {} in {}", function, where)};
  }
  if (best && best->width == 8) return best;
  // Handed on unchanged to the next callee, which may keep it.
  for (unsigned holder = 0; holder < FlowState::kRegisters; holder++) {
    const EntryValue& value = f->state().registers[holder];
    if (!value.is(reg) || here.registers.get(holder) || (best && best->width >= value.width)) continue;
    auto deeper = at_call(frame, holder, depth + 1);
    if (!deeper || (best && best->width >= deeper->width)) continue;
    best = Kept{deeper->value - uint64_t(value.offset), std::min<unsigned>(value.width, deeper->width), deeper->how};
  }
  return best;
}

std::optional<debuginfo::CallSite> CallValues::call_site(size_t frame) {
  const Frame& f = stack_->frames[frame];
  if (!f.pc_is_return || f.garbage_pc) return std::nullopt;
  const object::LoadedFile* file = program_->file_at(f.lookup());
  if (!file || !file->debug_file()) return std::nullopt;
  auto at = file->to_file(f.lookup()), call = file->to_file(call_address(frame));
  if (!at || !call) return std::nullopt;
  auto scopes = file->debug_file()->scopes_at(*at);
  if (!scopes.ok() || scopes->functions.empty()) return std::nullopt;
  std::optional<debuginfo::CallSite> best;
  // The call as compiled may be longer than the one that ran: "call __x86_indirect_thunk_rax" (5 bytes, or 6 with a cs prefix)
  // is patched to "call *%rax" and nops (arch/x86/kernel/alternative.c, apply_retpolines, 5.16).
  for (auto& site : file->debug_file()->call_sites(scopes->functions.back().die)) {
    bool here = site.return_address == *at + 1;
    bool patched = !program_->arch().link && site.return_address > *at && site.return_address <= *call + 6;
    if (site.tail_call || !(here || patched)) continue;
    if (!best || site.return_address < best->return_address) best = std::move(site);
  }
  return best;
}

}  // namespace inquest::unwind
