#include "code/held_locks.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kernel/locks.h"
#include "unwind/code.h"

namespace inquest::code {

namespace {

using arch::Operation;

struct Api {
  std::string_view prefix;
  LockFamily family;
  bool takes;
};

// include/linux/{mutex,rwsem,semaphore,rtmutex}.h, include/linux/spinlock_api_smp.h. Taken as beginnings: _nested, _irqsave, _bh follow.
constexpr std::array kApis = {
    Api{"mutex_lock", LockFamily::kMutex, true}, Api{"mutex_trylock", LockFamily::kMutex, true}, Api{"mutex_unlock", LockFamily::kMutex, false},
    Api{"ww_mutex_lock", LockFamily::kMutex, true}, Api{"ww_mutex_unlock", LockFamily::kMutex, false},
    Api{"down_read", LockFamily::kRwsemRead, true}, Api{"up_read", LockFamily::kRwsemRead, false},
    Api{"down_write", LockFamily::kRwsemWrite, true}, Api{"up_write", LockFamily::kRwsemWrite, false}, Api{"downgrade_write", LockFamily::kRwsemWrite, false},
    Api{"rt_mutex_lock", LockFamily::kRtMutex, true}, Api{"rt_mutex_trylock", LockFamily::kRtMutex, true}, Api{"rt_mutex_unlock", LockFamily::kRtMutex, false},
    Api{"_raw_spin_lock", LockFamily::kSpin, true}, Api{"_raw_spin_trylock", LockFamily::kSpin, true}, Api{"_raw_spin_unlock", LockFamily::kSpin, false},
    Api{"queued_spin_lock_slowpath", LockFamily::kSpin, true},
    Api{"_raw_read_lock", LockFamily::kSpin, true}, Api{"_raw_read_unlock", LockFamily::kSpin, false},
    Api{"_raw_write_lock", LockFamily::kSpin, true}, Api{"_raw_write_unlock", LockFamily::kSpin, false},
};
constexpr std::string_view kSemaphoreTakes[] = {"down", "down_interruptible", "down_killable", "down_trylock", "down_timeout"};

std::optional<Api> api_of(std::string_view name) {
  for (std::string_view s : kSemaphoreTakes)
    if (name == s) return Api{s, LockFamily::kSemaphore, true};
  if (name == "up") return Api{"up", LockFamily::kSemaphore, false};
  for (const Api& a : kApis)
    if (name.starts_with(a.prefix)) return a;
  return std::nullopt;
}

// Functions that are the locking itself: what they take is what was asked of them, and they wait for it.
bool is_locking(std::string_view function) { return api_of(function) || kernel::lock_kind_of(function); }

// Spinlocks that the compiler inlined (CONFIG_ARCH_INLINE_SPIN_LOCK and the like): the exchange that takes the word, the store that clears it.
std::optional<Api> inlined_api(const std::vector<object::SourceFrame>& source, bool exchange) {
  for (const auto& s : source) {
    std::string_view name = s.function;
    while (name.starts_with("_")) name.remove_prefix(1);
    bool spin = name.starts_with("queued_spin_") || name.starts_with("raw_spin_") || name.starts_with("arch_spin_") || name.starts_with("do_raw_spin_") || name.starts_with("spin_");
    if (!spin) continue;
    bool unlock = name.find("unlock") != name.npos;
    if (exchange && !unlock && name.find("lock") != name.npos) return Api{"spin_lock", LockFamily::kSpin, true};
    if (!exchange && unlock) return Api{"spin_unlock", LockFamily::kSpin, false};
  }
  return std::nullopt;
}

std::optional<LockCall> inlined_call(const ValueFlow& flow, size_t i) {
  const auto& insn = flow.code().instructions()[i];
  const auto& arch = flow.code().program().arch();
  if (!insn.destination.is_memory() || insn.destination.memory.base == arch.sp) return std::nullopt;
  bool exchange = insn.operation == Operation::kExchange;
  bool clears = (insn.operation == Operation::kStore || insn.operation == Operation::kMove) && insn.left.is_immediate() && insn.left.immediate == 0 && insn.destination.memory.size <= 4;
  if (!exchange && !clears) return std::nullopt;
  auto api = inlined_api(flow.code().source_of(i), exchange);
  if (!api) return std::nullopt;
  return LockCall{i, api->takes, api->family, std::string(api->prefix), flow.address(flow.before(i), i, insn.destination.memory), true, std::nullopt};
}

// The first argument's offset, if an expression is it plus something.
std::optional<int64_t> from_first_parameter(const FunctionCode& code, ExpressionRef e) {
  const auto& arch = code.program().arch();
  auto start = code.index_of(code.entry());
  int64_t offset = 0;
  for (int i = 0; e && i < 8; i++) {
    if (e->kind == Expression::Kind::kOffset) offset += e->offset;
    else if (e->kind == Expression::Kind::kEntry) return e->reg == arch.parameters[0] ? std::optional(offset) : std::nullopt;
    else if (e->kind == Expression::Kind::kVariable && !e->left) {
      if (start && e->parameter && e->function == code.name())
        for (const auto& n : code.named_at(*start))
          if (n.name == e->name && n.reg == arch.parameters[0]) return offset;
      return std::nullopt;
    } else if (e->kind != Expression::Kind::kVariable) return std::nullopt;
    e = e->left;
  }
  return std::nullopt;
}

std::optional<uint64_t> global_address(const ExpressionRef& e) {
  if (!known(e)) return std::nullopt;
  if (e->kind == Expression::Kind::kSymbol) return e->number;
  if (e->kind == Expression::Kind::kOffset && e->left->kind == Expression::Kind::kSymbol) return e->left->number + uint64_t(e->offset);
  return std::nullopt;
}

constexpr size_t kWrapperInstructions = 120;

// A function whose name says lock, small, with one lock call in it, which it does not undo: what it does to the caller's locks.
std::optional<LockCall> wrapped_call(const ValueFlow& flow, size_t i, const std::string& name, const FlowAt& flow_at) {
  const auto& insn = flow.code().instructions()[i];
  if (!flow_at || !insn.target || name.find("lock") == name.npos) return std::nullopt;
  auto far = insn.target ? unwind::veneer_target(flow.code().program(), *insn.target) : std::nullopt;
  VirtualAddress target = far ? *far : *insn.target;
  auto inner = flow_at(target);
  if (!inner || inner->code().instructions().size() > kWrapperInstructions || inner->code().entry() != target) return std::nullopt;
  auto calls = lock_calls(*inner, nullptr);
  if (calls.size() != 1 || !known(calls[0].lock)) return std::nullopt;
  LockCall call = calls[0];
  auto behind = from_first_parameter(inner->code(), call.lock);
  if (!behind && !global_address(call.lock)) return std::nullopt;
  call.instruction = i;
  call.api = name;
  call.behind_parameter = behind;
  if (behind) call.lock = offset_of(flow.before(i).registers[flow.code().program().arch().parameters[0]], *behind, insn.address);
  return call;
}

bool matches(const LockCall& a, const LockCall& b) {
  bool rwsem = (a.family == LockFamily::kRwsemRead || a.family == LockFamily::kRwsemWrite) && (b.family == LockFamily::kRwsemRead || b.family == LockFamily::kRwsemWrite);
  if (a.family != b.family && !rwsem) return false;
  // Not knowing which lock is given back, it may be this one: better to hold too little.
  if (!known(a.lock) || !known(b.lock)) return true;
  return same(a.lock, b.lock) || text(a.lock) == text(b.lock);
}

}  // namespace

// Types that are locks or parts of such: their members name nothing.
bool is_lock_type(const Type* type) {
  static constexpr std::string_view kTypes[] = {"spinlock", "raw_spinlock", "qspinlock", "qrwlock", "mutex", "rw_semaphore", "semaphore", "rt_mutex", "rt_mutex_base",
                                                "completion", "swait_queue_head", "wait_queue_head", "list_head", "folio", "page"};
  return type->name().empty() || std::find(std::begin(kTypes), std::end(kTypes), type->name()) != std::end(kTypes);
}

LockName name_lock(ExpressionRef e) {
  using Kind = Expression::Kind;
  LockName name;
  for (int i = 0; known(e) && i < 8 && e->kind == Kind::kVariable && known(e->left); i++) {
    const Type* to = e->type.pointed_aggregate();
    if (to && !is_lock_type(to)) break;
    if (!e->left->type.pointed_aggregate() && e->left->kind != Kind::kOffset && e->left->kind != Kind::kSymbol) break;
    e = e->left;
  }
  // A bare entry register, or a place on the stack, has no name; nor has a parameter of the locking functions themselves.
  ExpressionRef root = root_of(e);
  if (!known(e) || !root || root->kind == Kind::kEntry) return name;
  auto place = place_of(e);
  bool in_object = place && place->object && place->offset >= 0 && !is_lock_type(place->object) && !place->member.empty();
  if (in_object) {
    name.object = place->object;
    name.offset = place->offset;
    name.member = place->member;
    name.text = e->kind == Kind::kOffset ? text(e) : "&" + text(e) + "->" + place->member;
  } else if (e->kind == Kind::kSymbol || e->kind == Kind::kOffset || !e->parameter) {
    name.text = text(e);
  }
  return name;
}

const char* name_of(LockFamily family) {
  switch (family) {
    case LockFamily::kMutex: return "mutex";
    case LockFamily::kRwsemRead: return "rw_semaphore, to read";
    case LockFamily::kRwsemWrite: return "rw_semaphore, to write";
    case LockFamily::kSemaphore: return "semaphore";
    case LockFamily::kRtMutex: return "rt_mutex";
    case LockFamily::kSpin: return "spinlock";
  }
  return "lock";
}

std::vector<LockCall> lock_calls(const ValueFlow& flow, const FlowAt& flow_at) {
  const FunctionCode& code = flow.code();
  std::vector<LockCall> found;
  for (size_t i = 0; i < code.instructions().size(); i++) {
    const auto& insn = code.instructions()[i];
    bool calls = insn.operation == Operation::kCall || insn.operation == Operation::kJump;
    std::string name = calls && insn.target ? code.target_name(insn) : "";
    if (name.empty()) {
      if (auto c = inlined_call(flow, i)) found.push_back(*c);
      continue;
    }
    auto api = api_of(name);
    if (api) found.push_back({i, api->takes, api->family, name, flow.before(i).registers[code.program().arch().parameters[0]], false, std::nullopt});
    else if (auto c = wrapped_call(flow, i, name, flow_at)) found.push_back(*c);
  }
  return found;
}

// In words and, as far as it goes, in numbers.
void HeldLocks::describe(HeldLock& lock, const LockCall& call, const ValueFlow& flow) {
  const auto& insn = flow.code().instructions()[call.instruction];
  std::optional<Number> address;
  if (call.inlined) address = values_->address(lock.frame, call.instruction, insn.destination.memory);
  else if (auto global = global_address(call.lock)) address = Number{*global, false};
  else address = values_->before(lock.frame, call.instruction, flow.code().program().arch().parameters[0]);
  if (address && call.behind_parameter) address->value += uint64_t(*call.behind_parameter);
  if (address && !address->leans_on_memory) lock.address = address->value;
  LockName name = name_lock(call.lock);
  lock.text = name.text;
  lock.object = name.object;
  lock.offset = name.offset;
  lock.member = name.member;
  if (lock.object || !lock.address) return;
  if (auto near = values_->near(lock.frame, call.instruction, *lock.address)) {
    lock.text = near->text;
    lock.object = near->object;
    lock.offset = near->offset;
    lock.member = near->member;
  }
}

std::vector<HeldLock> HeldLocks::in_frame(size_t frame) {
  std::vector<HeldLock> held;
  auto flow = values_->flow(frame);
  auto here = values_->position(frame);
  if (!flow || !here) return held;
  const FunctionCode& code = flow->code();
  if (is_locking(code.name())) return held;
  auto calls = lock_calls(*flow, flow_at_);
  // The slow path of an inlined spin_lock is not behind its exchange: it is the same taking, still under way.
  auto asked = is_locking(code.target_name(code.instructions()[*here])) ? values_->now(frame, code.program().arch().parameters[0]) : std::nullopt;
  for (const LockCall& call : calls) {
    if (!call.takes || call.instruction == *here) continue;
    auto last = last_before(code, *here, [&](size_t i) {
      return std::any_of(calls.begin(), calls.end(), [&](const LockCall& c) { return c.instruction == i && matches(call, c); });
    });
    if (std::find(last.instructions.begin(), last.instructions.end(), call.instruction) == last.instructions.end()) continue;
    HeldLock lock;
    lock.frame = frame;
    lock.at = code.instructions()[call.instruction].address;
    lock.api = call.api;
    lock.family = call.family;
    lock.inlined = call.inlined;
    lock.source = code.source_of(call.instruction);
    lock.certain = !last.entry && !last.unknown && std::all_of(last.instructions.begin(), last.instructions.end(), [&](size_t i) {
      return std::all_of(calls.begin(), calls.end(), [&](const LockCall& c) { return c.instruction != i || c.takes; });
    });
    describe(lock, call, *flow);
    if (call.inlined && asked && (!lock.address || *lock.address == asked->value)) continue;
    bool known_already = std::any_of(held.begin(), held.end(), [&](const HeldLock& h) { return h.family == lock.family && h.address && h.address == lock.address; });
    if (!known_already) held.push_back(std::move(lock));
  }
  return held;
}

std::vector<HeldLock> HeldLocks::in_stack() {
  std::vector<HeldLock> all;
  size_t count = std::min(values_->stack().frames.size(), kMaxHeldFrames);
  for (size_t i = 0; i < count; i++)
    for (auto& lock : in_frame(i)) all.push_back(std::move(lock));
  return all;
}

}  // namespace inquest::code
