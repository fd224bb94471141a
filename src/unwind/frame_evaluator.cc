#include "unwind/frame_evaluator.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::unwind {

namespace {

constexpr int kMaxEntryDepth = 8;

// DW_OP_reg0..31, DW_OP_regx: what DW_OP_entry_value is asked for; nothing for anything else.
std::optional<unsigned> single_register(Bytes expression) {
  Cursor cursor(expression);
  uint8_t op = cursor.u8();
  uint64_t number = op - 0x50u;
  if (op == 0x90) number = cursor.uleb();
  else if (op < 0x50 || op > 0x6f) return std::nullopt;
  if (!cursor.ok() || !cursor.at_end() || number >= arch::kRegisterCount) return std::nullopt;
  return unsigned(number);
}

}  // namespace

FrameEvaluator::FrameEvaluator(CallValues& values, size_t frame, bool before_call, int depth)
    : values_(values), frame_(frame), before_call_(before_call), depth_(depth),
      file_(values.program().file_at(values.stack().frames[frame].lookup())) {}

void FrameEvaluator::note(unsigned width, const std::string& how) {
  width_ = std::min(width_, width);
  if (how.empty() || how_.find(how) != how_.npos) return;
  how_ += (how_.empty() ? "" : ", ") + how;
}

// gcc 12 at times names a register that its last passes replaced by another (a copy propagated behind the register's saving): what the function
// has to keep for its caller, and has not touched, is no variable of its own.
bool FrameEvaluator::is_callers(unsigned number, uint64_t value) {
  if (frame_ + 1 >= values_.stack().frames.size() || values_.stack().frames[frame_ + 1].registers.get(number) != value) return false;
  const EntryFlow* flow = number < FlowState::kRegisters ? values_.flow(frame_) : nullptr;
  return flow && flow->is_callee_saved(number) && flow->state().registers[number] == EntryValue{uint8_t(number)};
}

Result<uint64_t> FrameEvaluator::reg(unsigned number) {
  const Frame& frame = values_.stack().frames[frame_];
  if (auto known = frame.registers.get(number)) {
    if (!is_callers(number, *known)) return *known;
    return Error(ErrorCode::kNotFound, fmt::format("register {} still has the caller's value", values_.program().arch().register_name(number)));
  }
  if (before_call_) {
    if (auto kept = values_.at_call(frame_, number, depth_)) {
      note(kept->width, kept->how);
      by_code_ |= !kept->how.empty();
      return kept->value;
    }
    if (auto value = from_own_code(number)) return *value;
    if (auto value = from_like(number)) return *value;
  }
  return Error(ErrorCode::kNotFound, fmt::format("register {} is not known here", values_.program().arch().register_name(number)));
}

// What else has the value of a register, or told it; at last with the ways left out that were not gone.
std::optional<uint64_t> FrameEvaluator::from_like(unsigned number) {
  if (number >= FlowState::kRegisters || depth_ >= kMaxEntryDepth) return std::nullopt;
  for (bool as_given : {false, true}) {
    const EntryFlow* flow = !as_given ? values_.flow(frame_) : depth_ == 0 ? values_.flow_as_given(frame_) : nullptr;
    const EntryValue held = flow ? flow->state().registers[number] : EntryValue{};
    if (as_given && held.base == kConstantBase) {
      note(held.width, "on the way that the arguments leave");
      by_code_ = true;
      return uint64_t(held.offset);
    }
    for (unsigned size = held.known() ? held.width : 0; size; size = size == 8 ? 4 : 0) {
      auto kept = values_.like(frame_, *flow, held, size, depth_);
      if (!kept) continue;
      note(kept->width, kept->how);
      by_code_ = true;
      return kept->value;
    }
  }
  return std::nullopt;
}

// What a register means in terms of entry registers, known by another path.
std::optional<uint64_t> FrameEvaluator::of_entry(const EntryValue& value, const std::function<Result<uint64_t>(unsigned)>& entry) {
  if (value.base == kConstantBase) {
    note(value.width, "");
    return uint64_t(value.offset);
  }
  if (value.base == kCurrentBase && !values_.stack().task.is_null()) {
    note(value.width, "the task that runs");
    return values_.stack().task.value + uint64_t(value.offset);
  }
  if (value.base >= FlowState::kRegisters) return std::nullopt;
  unsigned before = width_;
  auto base = entry(value.base);
  if (!base.ok()) return std::nullopt;
  uint64_t sum = *base + uint64_t(value.offset);
  note(value.width, "");
  if (!value.loaded) return sum;
  if (width_ < value.width || before < 8 || !values_.is_user_pt_regs(VirtualAddress(sum), value.width)) return std::nullopt;
  note(value.width, "from the user's registers");
  by_code_ = true;
  return values_.program().memory().read_unsigned(VirtualAddress(sum), value.width).maybe();
}

// What the function's own instructions put into a register before the call, from what it was given itself.
std::optional<uint64_t> FrameEvaluator::from_own_code(unsigned number) {
  const EntryFlow* flow = depth_ < kMaxEntryDepth && number < FlowState::kRegisters ? values_.flow(frame_) : nullptr;
  if (!flow) return std::nullopt;
  auto result = of_own_entry(flow->state().registers[number]);
  by_code_ |= result.has_value();
  return result;
}

std::optional<uint64_t> FrameEvaluator::of_own_entry(const EntryValue& value) {
  const EntryFlow* flow = values_.flow(frame_);
  VirtualAddress cfa = flow ? values_.cfa_of(frame_, *flow) : values_.stack().frames[frame_].cfa;
  std::optional<uint64_t> result;
  depth_++;
  if (value.is(kCfaBase) && !cfa.is_null()) result = cfa.value + uint64_t(value.offset);
  else result = of_entry(value, [this](unsigned given) { return entry_register(given); });
  depth_--;
  return result;
}

std::optional<uint64_t> FrameEvaluator::from_caller(unsigned number) {
  const TailPath* way = depth_ < kMaxEntryDepth && number < FlowState::kRegisters ? values_.way_into(frame_) : nullptr;
  if (!way || !way->registers[number].known()) return std::nullopt;
  auto site = values_.call_site(frame_ + 1);
  FrameEvaluator caller(values_, frame_ + 1, true, depth_ + 1);
  bool by_site = false;
  auto at_call = [&](unsigned reg) -> Result<uint64_t> {
    for (const auto& parameter : site ? site->parameters : std::vector<debuginfo::CallSite::Parameter>()) {
      if (parameter.reg != reg) continue;
      caller.set_unit(parameter.value.unit_offset);
      auto value = debuginfo::evaluate_value(parameter.value, caller.context());
      by_site = value.ok() && caller.misplaced().empty() && caller.width() == 8;
      if (by_site) return value;
      caller.forget_notes();
    }
    return caller.reg(reg);
  };
  auto value = of_entry(way->registers[number], at_call);
  if (!value) return std::nullopt;
  by_code_ |= !by_site || caller.by_code() || !way->through.empty();
  note(caller.width(), caller.how());
  note(caller.width(), "entry value through the caller" + (way->through.empty() ? "" : " and " + way->through));
  return value;
}

Result<uint64_t> FrameEvaluator::entry_register(unsigned number) {
  if (auto value = from_caller(number)) return *value;
  if (auto kept = values_.at_entry(frame_, number, depth_)) {
    note(kept->width, kept->how);
    by_code_ = true;
    return kept->value;
  }
  return Error(ErrorCode::kNotFound, fmt::format("the value of {} at entry is not known any more", values_.program().arch().register_name(number)));
}

Result<uint64_t> FrameEvaluator::entry_value(Bytes expression) {
  if (auto number = single_register(expression)) return entry_register(*number);
  return Error(ErrorCode::kUnsupported, "an entry value of more than a register");
}

uint64_t FrameEvaluator::to_runtime(uint64_t file_address) {
  if (!file_ || !file_->debug_file()) return file_address;
  for (const auto& place : file_->debug_file()->section_places())
    if (place.name.starts_with(".data..percpu") && file_address >= place.address && file_address - place.address < place.size)
      misplaced_ = "a per-CPU variable";
  auto runtime = file_->to_runtime(file_address);
  if (!runtime) misplaced_ = fmt::format("file address {:#x} is not in memory", file_address);
  return runtime ? runtime->value : file_address;
}

Result<uint64_t> FrameEvaluator::frame_base() {
  const debuginfo::Expression* base = frame_base_ ? frame_base_ : values_.frame_base(frame_);
  if (!base) return Error(ErrorCode::kNotFound, "no frame base");
  debuginfo::EvaluationContext inner = context();
  inner.frame_base = {};
  TRY(auto location, debuginfo::evaluate(*base, inner));
  if (location.size() != 1) return Error(ErrorCode::kUnsupported, "a frame base in pieces");
  if (location[0].kind == debuginfo::Piece::Kind::kRegister) return reg(unsigned(location[0].value));
  return location[0].value;
}

Result<debuginfo::ExpressionType> FrameEvaluator::base_type(uint64_t die) const {
  const debuginfo::Type* type = file_ && file_->debug_file() ? file_->debug_file()->type_at_die(die) : nullptr;
  if (!type || !type->size() || *type->size() > 8) return Error(ErrorCode::kUnsupported, "the type of a typed operation is not known");
  return debuginfo::ExpressionType{uint8_t(*type->size()), type->is_signed(), type->kind() == debuginfo::TypeKind::kFloat};
}

// A parameter that the compiler removed from a function all of whose callers it knew: the call site tells what it would have been.
Result<uint64_t> FrameEvaluator::parameter_ref(uint64_t die) {
  const TailPath* way = depth_ < kMaxEntryDepth ? values_.way_into(frame_) : nullptr;
  auto site = way && way->through.empty() ? values_.call_site(frame_ + 1) : std::nullopt;
  for (const auto& parameter : site ? site->parameters : std::vector<debuginfo::CallSite::Parameter>()) {
    if (parameter.optimized_out != die) continue;
    FrameEvaluator caller(values_, frame_ + 1, true, depth_ + 1);
    caller.set_unit(parameter.value.unit_offset);
    TRY(uint64_t value, debuginfo::evaluate_value(parameter.value, caller.context()));
    if (!caller.misplaced().empty()) return Error(ErrorCode::kNotFound, caller.misplaced());
    by_code_ |= caller.by_code();
    note(caller.width(), caller.how());
    note(caller.width(), "parameter through the caller");
    return value;
  }
  return Error(ErrorCode::kNotFound, "the caller does not tell this parameter");
}

debuginfo::EvaluationContext FrameEvaluator::context() {
  debuginfo::EvaluationContext context;
  const object::Program& program = values_.program();
  context.reg = [this](unsigned number) { return reg(number); };
  context.memory = [this, &program](VirtualAddress at, unsigned size) -> Result<uint64_t> {
    if (width_ < 8) return Error(ErrorCode::kNotFound, "only the low bytes of a pointer are known");
    return program.memory().read_unsigned(at, size);
  };
  context.cfa = [this]() -> Result<uint64_t> {
    VirtualAddress cfa = values_.stack().frames[frame_].cfa;
    if (cfa.is_null()) return Error(ErrorCode::kNotFound, "the frame's CFA is not known");
    return cfa.value;
  };
  context.frame_base = [this] { return frame_base(); };
  context.entry_value = [this](Bytes expression) { return entry_value(expression); };
  context.base_type = [this](uint64_t die) { return base_type(die); };
  context.parameter_ref = [this](uint64_t die) { return parameter_ref(die); };
  context.indexed_address = [this](uint64_t index) -> Result<uint64_t> {
    if (!file_ || !file_->debug_file()) return Error(ErrorCode::kNotFound, "no debuginfo");
    TRY(uint64_t address, file_->debug_file()->indexed_address(unit_offset_, index));
    return to_runtime(address);
  };
  context.to_runtime = [this](uint64_t file_address) { return to_runtime(file_address); };
  return context;
}

}  // namespace inquest::unwind
