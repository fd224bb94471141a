// LiveScene::origin_of(): a value followed back through its function, then through the callers that passed it on.
#include <algorithm>

#include "code/origin.h"
#include "scene/live_scene.h"

namespace inquest::scene {

namespace {

constexpr size_t kMaxCallers = 8;

OriginView plain(const code::OriginStep& s, const arch::Arch& arch) {
  OriginView v;
  v.text = s.text;
  v.type = s.type;
  v.variable = s.variable;
  v.function = s.function;
  v.birth = code::name_of(s.birth);
  v.value = s.value;
  v.value_then = s.value_then;
  v.value_how = s.value_how;
  v.address = s.address;
  v.now = s.now;
  v.why_not_now = s.why_not_now;
  v.size = s.size;
  if (s.object) v.object = debuginfo::spell(s.object);
  v.offset = s.offset;
  v.members = s.members;
  v.on_stack = s.on_stack;
  v.callee = s.callee;
  if (s.parameter_register) v.passed_in = std::string(arch.register_name(*s.parameter_register));
  v.at = s.at.value;
  v.source = source_refs(s.source);
  return v;
}

}  // namespace

std::optional<size_t> LiveScene::frame_of(const EventView& event) const {
  if (!event.pc) return std::nullopt;
  for (size_t i = 0; i < crashed_stack_.frames.size(); i++) {
    const auto& f = crashed_stack_.frames[i];
    if (!f.pc_is_return && f.pc.value == *event.pc) return i;
  }
  return std::nullopt;
}

std::vector<OriginView> LiveScene::origin_of(const std::string& id, const std::string& reg) const {
  std::vector<OriginView> steps;
  const EventView* view = event(id);
  const auto& arch = kernel_->program().arch();
  auto number = arch.register_number(reg);
  if (!view || !number || !view->pc || !is_text(*view->pc)) return steps;
  auto flow = flow_at(*view->pc);
  auto index = flow ? flow->code().index_of(VirtualAddress(*view->pc)) : std::nullopt;
  if (!index) return steps;
  auto frame = frame_of(*view);
  arch::Registers registers = frame ? crashed_stack_.frames[*frame].registers : registers_of(view->event, arch);
  for (const auto& s : code::origin_of(*flow, *index, *number, registers)) steps.push_back(plain(s, arch));
  if (frame) follow_callers(*frame, steps);
  return steps;
}

std::vector<OriginView> LiveScene::origin_of_target(uint64_t return_address) const { return origin_at_call(return_address, ""); }

std::vector<OriginView> LiveScene::origin_of_argument(uint64_t return_address, const std::string& reg) const { return origin_at_call(return_address, reg); }

// The callee jumped on, and no register has changed since: the registers of the pc that is no code are its own.
std::vector<OriginView> LiveScene::origin_at_tail_jump(uint64_t return_address) const {
  std::vector<OriginView> steps;
  auto flow = called_at(return_address);
  auto jump = flow ? code::only_indirect_jump(*flow) : std::nullopt;
  auto index = jump ? flow->code().index_of(jump->pc) : std::nullopt;
  auto garbage = std::find_if(crashed_stack_.frames.begin(), crashed_stack_.frames.end(), [](const unwind::Frame& f) { return f.garbage_pc; });
  if (!index || !code::known(jump->target) || garbage == crashed_stack_.frames.end()) return steps;
  for (const auto& s : code::origin_of(*flow, *index, jump->target, garbage->registers)) steps.push_back(plain(s, kernel_->program().arch()));
  return steps;
}

// Of an argument, or (no register) of the target of an indirect call.
std::vector<OriginView> LiveScene::origin_at_call(uint64_t return_address, const std::string& reg) const {
  std::vector<OriginView> steps;
  const auto& program = kernel_->program();
  auto flow = flow_at(return_address - 1);
  auto call = flow ? flow->code().index_before(VirtualAddress(return_address)) : std::nullopt;
  if (!call) return steps;
  const auto& frames = crashed_stack_.frames;
  auto frame = std::find_if(frames.begin(), frames.end(), [&](const unwind::Frame& f) { return f.pc_is_return && f.pc.value == return_address; });
  code::ExpressionRef wanted;
  if (reg.empty()) {
    auto made = code::call_before(*flow, VirtualAddress(return_address));
    if (made && made->indirect) wanted = made->target;
    else if (made) return origin_at_tail_jump(return_address);
  } else if (auto number = program.arch().register_number(reg)) {
    wanted = flow->register_before(*call, *number);
  }
  if (!code::known(wanted)) return steps;
  arch::Registers registers;
  if (frame != frames.end()) registers = unwind::registers_at_call(program, crashed_stack_, size_t(frame - frames.begin())).registers;
  for (const auto& s : code::origin_of(*flow, *call, wanted, registers)) steps.push_back(plain(s, program.arch()));
  if (frame != frames.end()) follow_callers(size_t(frame - frames.begin()), steps);
  return steps;
}

// While the walk ends at a parameter, the caller's argument goes on.
void LiveScene::follow_callers(size_t frame, std::vector<OriginView>& steps) const {
  const auto& program = kernel_->program();
  for (size_t hops = 0; hops < kMaxCallers && frame + 1 < crashed_stack_.frames.size(); hops++, frame++) {
    if (steps.empty() || steps.back().birth != "parameter") return;
    const auto& callee = crashed_stack_.frames[frame];
    const auto& caller = crashed_stack_.frames[frame + 1];
    if (!caller.pc_is_return || callee.tail_calls_missing || caller.tail_calls_missing) return;
    auto inner = flow_at(callee.lookup().value), outer = flow_at(caller.lookup().value);
    auto call = outer ? outer->code().index_before(caller.pc) : std::nullopt;
    if (!inner || !call) return;
    const auto& insn = outer->code().instructions()[*call];
    if (insn.target && *insn.target != inner->code().entry()) return;
    auto reg = program.arch().register_number(steps.back().passed_in);
    if (!reg) return;
    auto argument = outer->register_before(*call, *reg);
    if (!code::known(argument)) return;
    auto registers = unwind::registers_at_call(program, crashed_stack_, frame + 1).registers;
    for (const auto& s : code::origin_of(*outer, *call, argument, registers)) steps.push_back(plain(s, program.arch()));
  }
}

}  // namespace inquest::scene
