#include "scene/live_scene.h"

#include <fmt/format.h>

#include <algorithm>

#include "oops/parse.h"

namespace inquest::scene {

std::vector<SourceRef> source_refs(const std::vector<object::SourceFrame>& frames) {
  std::vector<SourceRef> refs;
  for (const auto& f : frames) refs.push_back({f.function, f.file, f.line, f.inlined});
  return refs;
}

RegisterMeaning plain(const code::RegisterMeaning& m) {
  RegisterMeaning p;
  p.reg = m.reg_name;
  p.value = m.value;
  p.text = m.text;
  p.type = m.type;
  p.variable = m.variable;
  p.function = m.function;
  if (m.object) p.object = debuginfo::spell(m.object);
  p.offset = m.offset;
  p.member = m.member;
  p.members = m.members;
  return p;
}

arch::Registers registers_of(const oops::Event& event, const arch::Arch& arch) {
  arch::Registers registers;
  for (const auto& r : event.registers)
    if (auto number = arch.register_number(r.name)) registers.set(*number, r.value);
  return registers;
}

FrameView frame_view(const object::Program& program, const unwind::Stack& stack, size_t index, unwind::VariableReader* locals) {
  const unwind::Frame& f = stack.frames[index];
  FrameView view;
  view.address = f.pc.value;
  view.exact = !f.pc_is_return;
  view.trust = unwind::name_of(f.trust);
  view.stack = unwind::name_of(f.stack);
  view.garbage = f.garbage_pc;
  view.user = f.user;
  view.interrupted = f.interrupted;
  view.tail_calls_missing = f.tail_calls_missing;
  // From its caller's stack pointer down to its own: the callee's CFA on the same stack, else the register (a frame that was interrupted).
  if (!f.cfa.is_null()) {
    bool above = index > 0 && f.pc_is_return && stack.frames[index - 1].stack == f.stack && !stack.frames[index - 1].cfa.is_null();
    auto low = above ? std::optional(stack.frames[index - 1].cfa.value) : f.registers.get(program.arch().sp);
    if (low && *low < f.cfa.value) view.bytes = f.cfa.value - *low;
  }
  if (f.symbol) {
    view.symbol = f.symbol->symbol.name;
    view.offset = f.pc - f.symbol->symbol.address;
    view.size = f.symbol->symbol.size;
    if (f.symbol->symbol.file) view.module = f.symbol->symbol.file->name;
  }
  view.source = source_refs(f.source);
  if (!locals) return view;
  for (const auto& v : locals->variables_of(index)) {
    FrameView::Local local;
    local.name = v.name;
    local.type = v.type ? debuginfo::spell(v.type) : "?";
    local.parameter = v.parameter;
    local.why_not = v.why_not;
    local.how = v.value ? v.how : "";
    local.recovered = v.value && v.basis != unwind::Basis::kDebuginfo;
    local.earlier = v.value && v.basis == unwind::Basis::kEarlier;
    if (v.source_index < f.source.size()) local.function = f.source[v.source_index].function;
    if (v.value) local.value = object::print_short(*v.value);
    view.locals.push_back(std::move(local));
  }
  return view;
}

LiveScene::LiveScene(const kernel::Kernel& kernel, bool with_locals) : kernel_(&kernel) {
  add_facts();
  read_log();
  add_crashed(with_locals);
  for (EventView& view : events_) resolve(view);
}

void LiveScene::add_facts() {
  const auto& program = kernel_->program();
  const auto& dump = program.dump();
  facts_.system = kernel_->system();
  facts_.has_dump = true;
  facts_.has_debuginfo = program.vmlinux() && program.vmlinux()->has_dwarf();
  facts_.arch = std::string(program.arch().name);
  facts_.format = dump.facts().format;
  facts_.page_size = program.layout().format.page_size();
  facts_.virtual_bits = program.layout().format.virtual_bits;
  facts_.partial = dump.facts().partial;
  facts_.incomplete = dump.facts().incomplete;
  facts_.dump_level = dump.facts().dump_level;
  auto counts = dump.memory().count_pages();
  facts_.pages_stored = counts.stored;
  facts_.pages_filtered = counts.filtered;
  facts_.layout_how = program.layout().how;
}

// Static functions share names: the one whose size is the printed one wins.
std::optional<uint64_t> LiveScene::address_of(const std::string& symbol, const std::string& module, uint64_t offset, uint64_t size) const {
  std::optional<uint64_t> first;
  const auto* file = kernel_->program().file(module);
  if (!file) return std::nullopt;
  for (const auto& s : kernel_->program().symbols_in(*file, symbol)) {
    if (!first) first = s.address.value + offset;
    if (size && object::size_agrees(size, s.size)) return s.address.value + offset;
  }
  return first;
}

namespace {

// Return addresses lie behind a call; these are where the CPU itself was: the pc's own frame, and whatever an exception entry interrupted.
bool is_entry(const std::string& symbol) {
  return symbol.starts_with("asm_") || symbol.starts_with("el1") || symbol.starts_with("el0") || symbol.starts_with("apic_timer_interrupt") ||
         symbol.starts_with("page_fault") || symbol.starts_with("error_entry");
}

}  // namespace

std::shared_ptr<const code::ValueFlow> LiveScene::flow_at(uint64_t pc) const {
  auto symbol = kernel_->program().symbol_at(VirtualAddress(pc));
  if (!symbol) return nullptr;
  auto [it, fresh] = flows_.try_emplace(symbol->symbol.address.value);
  if (fresh) {
    auto code = code::FunctionCode::at(kernel_->program(), VirtualAddress(pc));
    if (code.ok()) it->second = std::make_shared<code::ValueFlow>(*code);
    else kernel_->program().ledger().add(Loss::kFeatureMissing, code.error().message());
  }
  return it->second;
}

void LiveScene::resolve(EventView& view) const {
  const auto& program = kernel_->program();
  const oops::Event& event = view.event;
  arch::Registers registers = registers_of(event, program.arch());
  if (!event.function.empty() && event.function_offset)
    view.pc = address_of(event.function, event.function_module, *event.function_offset, event.function_size.value_or(0));
  if (!view.pc) view.pc = registers.get(program.arch().pc);
  if (!event.link.symbol.empty()) view.link = address_of(event.link.symbol, event.link.module, event.link.offset.value_or(0), event.link.size.value_or(0));
  if (!view.link && program.arch().link) view.link = registers.get(*program.arch().link);
  bool after_entry = true;
  for (size_t i = 0; i < event.frames.size(); i++) {
    const auto& f = event.frames[i];
    FrameView frame;
    frame.symbol = f.symbol;
    frame.module = f.module;
    frame.offset = f.offset.value_or(0);
    frame.size = f.size.value_or(0);
    frame.reliable = f.reliable;
    auto at = f.symbol.empty() ? f.address : address_of(f.symbol, f.module, frame.offset, frame.size);
    frame.address = at.value_or(0);
    frame.exact = (i == 0 && at && view.pc == at) || (i > 0 && after_entry);
    after_entry = is_entry(f.symbol);
    if (at) frame.source = source_refs(program.source_at(VirtualAddress(frame.exact ? *at : *at - 1)));
    view.frames.push_back(std::move(frame));
  }
  if (!view.pc || !program.is_text(VirtualAddress(*view.pc))) return;
  view.source = source_refs(program.source_at(VirtualAddress(*view.pc)));
  auto flow = flow_at(*view.pc);
  auto index = flow ? flow->code().index_of(VirtualAddress(*view.pc)) : std::nullopt;
  if (!index) return;
  for (const auto& m : code::meanings_at(*flow, *index, &registers)) view.registers.push_back(plain(m));
  auto frame = frame_of(view);
  read_trap(view, *flow, *index, frame ? crashed_stack_.frames[*frame].registers : registers);
}

void LiveScene::read_log() {
  const auto& log = kernel_->log();
  if (!log.ok()) {
    kernel_->program().ledger().add(Loss::kLogDamaged, log.error().message());
    return;
  }
  log_text_ = log->text();
  for (auto& e : oops::parse(log_text_).events) {
    EventView view;
    view.id = fmt::format("E{}", events_.size() + 1);
    view.event = std::move(e);
    events_.push_back(std::move(view));
  }
}

void LiveScene::add_crashed(bool with_locals) {
  const auto& tasks = kernel_->tasks();
  std::optional<int> cpu = facts_.system.crashing_cpu;
  for (const auto& e : events_)
    if (!cpu && e.event.kind != oops::EventKind::kWarning && e.event.cpu) cpu = e.event.cpu;
  if (!cpu) return;
  ThreadView thread;
  thread.cpu = cpu;
  if (*cpu >= 0 && size_t(*cpu) < tasks.current.size())
    if (const auto* task = tasks.find(tasks.current[size_t(*cpu)])) {
      thread.pid = task->pid;
      thread.comm = task->comm;
    }
  auto context = kernel_->stacks().running(*cpu);
  if (!context.ok()) {
    thread.why_incomplete = context.error().message();
    crashed_ = std::move(thread);
    return;
  }
  thread.how = context->how;
  crashed_stack_ = kernel_->unwinder().unwind(context->registers, context->pc_is_return);
  const auto& stack = crashed_stack_;
  unwind::VariableReader locals(kernel_->program(), stack);
  for (size_t i = 0; i < stack.frames.size(); i++) thread.frames.push_back(frame_view(kernel_->program(), stack, i, with_locals ? &locals : nullptr));
  thread.complete = stack.reached_root();
  thread.why_incomplete = stack.why;
  crashed_ = std::move(thread);
}

}  // namespace inquest::scene
