// LiveScene's answers about CPUs that do not get on: who runs there, which locks its code holds, which loop it is in.
#include <fmt/format.h>

#include "code/loops.h"
#include "scene/lock_graph_builder.h"

namespace inquest::scene {

std::vector<SourceRef> without_headers(std::vector<SourceRef> source) {
  auto own = std::find_if(source.begin(), source.end(), [](const SourceRef& s) { return !s.file.starts_with("include/") && !s.file.starts_with("arch/"); });
  if (own != source.end()) source.erase(source.begin(), own);
  return source;
}

std::optional<ThreadView> LiveScene::thread_on(int cpu) const {
  const auto& tasks = kernel_->tasks();
  auto context = kernel_->stacks().running(cpu);
  if (!context.ok()) return std::nullopt;
  ThreadView thread;
  thread.cpu = cpu;
  thread.how = context->how;
  if (cpu >= 0 && size_t(cpu) < tasks.current.size())
    if (const auto* task = tasks.find(tasks.current[size_t(cpu)])) {
      thread.pid = task->pid;
      thread.comm = task->comm;
    }
  auto stack = kernel_->unwinder().unwind(context->registers, context->pc_is_return);
  for (size_t i = 0; i < stack.frames.size(); i++) thread.frames.push_back(frame_view(kernel_->program(), stack, i, nullptr));
  thread.complete = stack.reached_root();
  thread.why_incomplete = stack.why;
  return thread;
}

namespace {

HeldLockView plain(const code::HeldLock& held) {
  HeldLockView view;
  view.frame = held.frame;
  view.kind = code::name_of(held.family);
  view.api = held.api;
  view.text = held.text;
  view.address = held.address;
  view.source = without_headers(source_refs(held.source));
  view.certain = held.certain;
  if (held.object) {
    view.object = debuginfo::spell(held.object);
    view.member = held.member;
    if (held.address) view.object_address = *held.address - uint64_t(held.offset);
  }
  return view;
}

}  // namespace

// With numbers if the thread is what runs on its CPU now; the frames of a log have addresses alone, and are asked for the code's sake.
std::vector<HeldLockView> LiveScene::held_by(const ThreadView& thread) const {
  unwind::Stack stack;
  if (thread.cpu)
    if (auto context = kernel_->stacks().running(*thread.cpu); context.ok()) stack = kernel_->unwinder().unwind(context->registers, context->pc_is_return);
  bool same = stack.frames.size() == thread.frames.size();
  for (size_t i = 0; same && i < stack.frames.size(); i++) same = stack.frames[i].pc.value == thread.frames[i].address;
  if (!same) {
    stack.frames.clear();
    for (const auto& f : thread.frames) {
      unwind::Frame frame;
      frame.pc = VirtualAddress(f.address);
      frame.pc_is_return = !f.exact;
      frame.garbage_pc = f.garbage || !is_text(f.address);
      stack.frames.push_back(std::move(frame));
    }
  }
  code::FlowAt flow = [this](VirtualAddress pc) { return flow_at(pc.value); };
  code::FrameValues values(kernel_->program(), flow, stack);
  std::vector<HeldLockView> views;
  for (const auto& held : code::HeldLocks(values, flow).in_stack()) views.push_back(plain(held));
  return views;
}

std::optional<LoopView> LiveScene::loop_at(const FrameView& frame) const {
  if (frame.garbage || frame.user || !is_text(frame.address)) return std::nullopt;
  auto flow = flow_at(frame.exact ? frame.address : frame.address - 1);
  if (!flow) return std::nullopt;
  auto at = frame.exact ? flow->code().index_of(VirtualAddress(frame.address)) : flow->code().index_before(VirtualAddress(frame.address));
  auto loop = at ? code::loop_around(*flow, *at) : std::nullopt;
  if (!loop) return std::nullopt;
  LoopView view;
  view.function = loop->function;
  view.file = loop->file;
  view.first_line = loop->first_line;
  view.last_line = loop->last_line;
  view.leaves = loop->leaves;
  for (const auto& c : loop->stays) view.stays.push_back(c.text);
  if (!loop->stays.empty()) view.condition_line = loop->stays.front().line;
  if (loop->object) view.object = debuginfo::spell(loop->object);
  view.pointer = loop->pointer;
  view.members = loop->members;
  return view;
}

}  // namespace inquest::scene
