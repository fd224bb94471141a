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
  if (known == flows_.end()) known = flows_.emplace(frame, EntryFlow::analyse(*program_, stack_->frames[frame].lookup(), {nullptr, true, {}, {}})).first;
  return known->second ? &*known->second : nullptr;
}

const EntryFlow* CallValues::flow_as_given(size_t frame) {
  auto known = flows_as_given_.find(frame);
  if (known == flows_as_given_.end())
    known = flows_as_given_.emplace(frame, EntryFlow::analyse(*program_, stack_->frames[frame].lookup(), {nullptr, true, given(frame), {}})).first;
  return known->second ? &*known->second : nullptr;
}

std::function<std::optional<uint64_t>(const EntryValue& value, unsigned size)> CallValues::given(size_t frame) {
  using Known = std::map<std::tuple<uint8_t, bool, int64_t>, std::pair<std::optional<uint64_t>, unsigned>>;
  return [this, frame, known = std::make_shared<Known>()](const EntryValue& value, unsigned size) -> std::optional<uint64_t> {
    if (value.is_born() || value.base == kMaskBase || value.width < size) return std::nullopt;
    auto [found, fresh] = known->try_emplace({value.base, value.loaded, value.offset});
    auto& [number, width] = found->second;
    if (fresh) {
      FrameEvaluator evaluator(*this, frame, true);
      number = evaluator.of_own_entry({value.base, 8, value.loaded, value.offset});
      width = evaluator.width();
    }
    return width >= size ? number : std::nullopt;
  };
}

const debuginfo::Expression* CallValues::frame_base(size_t frame) {
  auto [known, fresh] = frame_bases_.try_emplace(frame);
  if (fresh) {
    const object::LoadedFile* file = program_->file_at(stack_->frames[frame].lookup());
    auto at = file && file->debug_file() ? file->to_file(stack_->frames[frame].lookup()) : std::nullopt;
    auto scopes = at ? file->debug_file()->scopes_at(*at) : Result<debuginfo::Scopes>(Error(ErrorCode::kNotFound, "no debuginfo"));
    if (scopes.ok() && !scopes->functions.empty()) known->second = scopes->functions.back().frame_base;
  }
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
  FrameEvaluator evaluator(*this, frame + 1, true);
  auto given = [&evaluator](unsigned reg) {
    std::byte expression{uint8_t(0x50 + reg)};  // DW_OP_reg
    auto value = evaluator.entry_value(Bytes(&expression, 1));
    return value.ok() && evaluator.width() == 8 ? std::move(value).maybe() : std::nullopt;
  };
  auto target = call->target ? call->target : indirect_target(*program_, caller, call->at, given);
  if (!target && !here->cold && calls_through_table_of(*program_, call->at, here->entry, given)) target = here->entry;
  if (!target) return std::nullopt;
  auto there = function_extent(*program_, *target);
  if (!there || there->entry != *target) return std::nullopt;
  bool cold_part = here->cold && there->name == here->name;
  auto way = tail_path(*program_, *target, cold_part ? *target : here->entry);
  if (way) way->called = *target;
  return way;
}

VirtualAddress CallValues::call_address(size_t frame) const {
  const Frame& f = stack_->frames[frame];
  if (!f.pc_is_return) return f.pc;
  auto call = call_before(*program_, f.pc);
  return call ? call->at : f.lookup();
}

// The register that the call in a frame goes through, if it does.
std::optional<unsigned> CallValues::call_register(size_t frame) {
  auto [known, fresh] = call_registers_.try_emplace(frame);
  if (fresh) known->second = unwind::call_register(*program_, call_address(frame));
  return known->second;
}

// The call went to what is no code, and nothing ran there: the registers are still those of the call.
std::optional<CallValues::Kept> CallValues::by_jump_to_garbage(size_t frame, unsigned reg) {
  const Frame& there = stack_->frames[frame - 1];
  if (!there.garbage_pc || there.pc_is_return || reg == program_->arch().sp || reg == program_->arch().pc || reg == program_->arch().link) return std::nullopt;
  auto through = call_register(frame);
  auto target = through ? there.registers.get(*through) : std::nullopt;
  auto value = there.registers.get(reg);
  if (!target || !value || arch::strip_pac(*target, program_->layout().pac_mask) != there.pc.value) return std::nullopt;
  return Kept{*value, 8, "untouched since the jump"};
}

// What went where the call went is the target itself, or was compared on the way there.
std::optional<CallValues::Kept> CallValues::by_way_taken(size_t frame, unsigned reg) {
  const TailPath* way = way_into(frame - 1);
  if (!way) return std::nullopt;
  if (reg == call_register(frame)) return Kept{way->called.value, 8, "where the call went"};
  for (const FlowFact& fact : way->facts)
    if (fact.value.is(reg) && fact.value.offset == 0) return Kept{fact.constant, fact.value.width, "as " + way->through + " went to the callee"};
  return std::nullopt;
}

VirtualAddress CallValues::cfa_of(size_t frame, const EntryFlow& flow) const {
  return flow.cfa(stack_->frames[frame].registers).value_or(stack_->frames[frame].cfa);
}

std::optional<CallValues::Kept> CallValues::like(size_t frame, const EntryFlow& flow, const EntryValue& wanted, unsigned size, int depth) {
  if (!wanted.known() || wanted.width < size || depth > kMaxDepth) return std::nullopt;
  if (auto told = flow.state().told(wanted, size)) return Kept{*told, size, "as was tested"};
  const Frame& here = stack_->frames[frame];
  auto read = [this](VirtualAddress at) { return program_->memory().read_u64(at); };
  auto name = [this](unsigned reg) { return std::string(program_->arch().register_name(reg)); };
  if (auto found = flow.find(wanted, here.registers, cfa_of(frame, flow), read); found && found->width >= size)
    return Kept{found->value, found->width, "still in " + (found->reg != 255 ? name(found->reg) : fmt::format("the stack slot {:#x}", found->slot.value))};
  for (unsigned holder = 0; holder < FlowState::kRegisters; holder++) {
    const EntryValue& value = flow.state().registers[holder];
    bool or_zero = value.base == kMaskedBase && wanted.base == kBornBase && value.born == wanted.born && wanted.offset == 0;
    if (!(same_origin(value, wanted) || or_zero) || value.width < size || here.registers.get(holder)) continue;
    auto kept = at_call(frame, holder, depth + 1);
    if (or_zero && kept && !(kept->value << (64 - 8 * size))) continue;
    if (kept && kept->width >= size) return Kept{kept->value + uint64_t(wanted.offset) - uint64_t(value.offset), std::min<unsigned>(kept->width, value.width), kept->how};
  }
  return std::nullopt;
}

std::optional<CallValues::Kept> CallValues::at_call(size_t frame, unsigned reg, int depth) {
  if (auto known = stack_->frames[frame].registers.get(reg)) return Kept{*known, 8, ""};
  if (!stack_->frames[frame].pc_is_return || frame == 0 || depth > kMaxDepth) return std::nullopt;
  if (auto known = by_jump_to_garbage(frame, reg)) return known;
  if (auto known = by_way_taken(frame, reg)) return known;
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
  auto safe = [this](VirtualAddress slot) { return is_user_pt_regs(slot, 8); };
  if (auto found = f->entry_value(reg, here.registers, cfa_of(frame, *f), read, safe)) {
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
