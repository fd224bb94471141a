// LiveScene's answer to "where was this value born?".
#include <fmt/format.h>

#include "code/journey.h"
#include "scene/live_scene.h"

namespace inquest::scene {

// The event's thread from where the event was, if its stack still stands: the CPU's, with a frame at the very pc and the very registers. Else the
// event's registers alone, for what lay on the stack then has been written over since.
unwind::Stack LiveScene::stack_of(const EventView& event) const {
  arch::Registers registers = registers_of(event.event, kernel_->program().arch());
  unwind::Stack alone;
  if (!event.pc || !registers.any()) return alone;
  unsigned sp = kernel_->program().arch().sp;
  if (event.event.cpu) {
    auto context = kernel_->stacks().running(*event.event.cpu);
    if (context.ok()) {
      unwind::Stack stack = kernel_->unwinder().unwind(context->registers, context->pc_is_return);
      for (size_t i = 0; i < stack.frames.size(); i++) {
        const auto& f = stack.frames[i];
        if (f.pc_is_return || f.pc.value != *event.pc || f.registers.get(sp) != registers.get(sp)) continue;
        stack.frames.erase(stack.frames.begin(), stack.frames.begin() + std::ptrdiff_t(i));
        return stack;
      }
    }
  }
  registers.set(kernel_->program().arch().pc, *event.pc);
  unwind::Frame frame;
  frame.pc = VirtualAddress(*event.pc);
  frame.registers = registers;
  frame.symbol = kernel_->program().symbol_at(frame.pc);
  alone.frames.push_back(std::move(frame));
  return alone;
}

namespace {

JourneyStep plain(const code::JourneyStep& s, const object::Program& program) {
  JourneyStep step;
  step.kind = code::name_of(s.kind);
  step.depth = s.depth;
  step.pc = s.pc.value;
  step.instruction = s.instruction;
  step.reg = std::string(program.arch().register_name(s.reg));
  step.text = s.text;
  step.type = s.type;
  step.variable = s.variable;
  step.function = s.function;
  step.source = source_refs(s.source);
  step.value = s.value;
  step.address = s.address;
  if (s.object) step.object = debuginfo::spell(s.object);
  step.offset = s.offset;
  step.members = s.members;
  step.address_leans_on_memory = s.address_leans_on_memory;
  step.memory_now = s.memory_now;
  step.memory_why_not = s.memory_why_not;
  step.unchanged = s.unchanged();
  for (VirtualAddress a : s.candidates)
    if (auto source = source_refs(program.source_at(a)); !source.empty()) step.candidates.push_back(source.front());
  return step;
}

}  // namespace

std::optional<JourneyView> LiveScene::journey_of(const EventView& event, const std::string& reg) const {
  const auto& program = kernel_->program();
  auto number = program.arch().register_number(reg);
  unwind::Stack stack = stack_of(event);
  if (!number || stack.frames.empty() || !is_text(*event.pc)) return std::nullopt;
  code::FlowAt flow = [this](VirtualAddress pc) { return flow_at(pc.value); };
  code::Journey journey = code::journey_of(program, flow, stack, 0, *number);
  JourneyView view;
  view.reg = reg;
  view.value = event.event.reg(reg);
  view.end = journey.end;
  for (const auto& s : journey.steps) view.steps.push_back(plain(s, program));
  if (view.steps.empty()) return std::nullopt;
  return view;
}

}  // namespace inquest::scene
