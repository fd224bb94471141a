#include "code/accesses.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

#include "base/worker_pool.h"

namespace inquest::code {

namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMaxInstructions = 6000;

struct Candidate {
  const object::LoadedFile* file;
  VirtualAddress start;
  uint64_t size;
};

// Modules first: a driver's own functions are asked for most.
std::vector<Candidate> functions_of(const object::Program& program, const AccessQuery& query) {
  std::vector<Candidate> all;
  const auto& files = program.files();
  for (size_t k = 0; k < files.size(); k++) {
    const auto& file = *files[(k + 1) % files.size()];
    if (!query.module.empty() && file.name != query.module) continue;
    const auto* debug = file.debug_file();
    // A type that this file does not know cannot be named in its code.
    if (!debug || debug->find_types(query.object->kind(), query.object->name()).empty()) continue;
    for (const auto& s : debug->symbols()) {
      if (s.type != elf::kSttFunc || !s.size) continue;
      if (auto at = file.to_runtime(s.address)) all.push_back({&file, *at, s.size});
    }
  }
  return all;
}

bool in_member(const AccessQuery& q, int64_t offset) { return offset >= 0 && uint64_t(offset) >= q.offset && uint64_t(offset) < q.offset + q.size; }

// stp, ldp: the memory behind the first register's is the second's. (An exchange has a second register for other ends.)
bool is_pair(const arch::Instruction& insn) {
  return insn.second.is_register() && (insn.operation == arch::Operation::kLoad || insn.operation == arch::Operation::kStore);
}

bool mentions(const AccessQuery& q, const arch::Instruction& insn, unsigned sp) {
  bool pair = is_pair(insn);
  for (const arch::Operand* o : {&insn.destination, &insn.left, &insn.right}) {
    if (o->is_memory() && o->memory.base != sp && !o->memory.absolute &&
        (in_member(q, o->memory.displacement) || (pair && in_member(q, o->memory.displacement + int64_t(insn.second.size)))))
      return true;
    if (o->is_immediate() && insn.operation == arch::Operation::kAdd && in_member(q, o->immediate)) return true;
  }
  return false;
}

// Nothing: it cannot be told.
std::optional<bool> worth_following(const object::Program& program, arch::Decoder& decoder, const AccessQuery& q, const Candidate& c) {
  if (c.size > kMaxFunctionBytes) return std::nullopt;
  auto bytes = program.code_bytes(c.start, c.size);
  if (bytes.size() < c.size) return std::nullopt;
  auto all = decoder.decode_all(bytes, c.start);
  if (std::none_of(all.begin(), all.end(), [&](const arch::Instruction& i) { return mentions(q, i, program.arch().sp); })) return false;
  return all.size() <= kMaxInstructions ? std::optional(true) : std::nullopt;
}

void look_in(const object::Program& program, const AccessQuery& q, const Candidate& c, std::vector<Access>& found) {
  auto code = FunctionCode::at(program, c.start);
  if (!code.ok()) return;
  ValueFlow flow(*code);
  const auto& instructions = (*code)->instructions();
  for (size_t i = 0; i < instructions.size(); i++) {
    const auto& insn = instructions[i];
    if (!insn.destination.is_memory() && !insn.left.is_memory() && !insn.right.is_memory()) continue;
    auto touch = touch_at(flow, insn.address, nullptr);
    if (!touch || !known(touch->address) || !((touch->writes && q.writes) || (touch->reads && q.reads))) continue;
    auto place = place_of(touch->address);
    if (!place || !place->object) continue;
    bool first = in_member(q, place->offset), second = !first && is_pair(insn) && in_member(q, place->offset + int64_t(insn.second.size));
    if (!first && !second) continue;
    if (!debuginfo::same_type(place->object, q.object)) continue;
    Access a;
    a.pc = insn.address;
    a.writes = touch->writes;
    a.function = (*code)->name();
    a.module = c.file->name;
    a.source = (*code)->source_of(i);
    a.text = first ? touch->text : text(load(offset_of(touch->address, int64_t(insn.second.size), insn.address), insn.second.size, insn.address));
    bool plain = insn.operation == arch::Operation::kStore || insn.operation == arch::Operation::kMove;
    auto value = a.writes && plain ? flow.operand(flow.before(i), i, first ? insn.left : insn.second) : nullptr;
    if (known(value) && root_of(value)->kind != Expression::Kind::kEntry) a.value = text(value);
    found.push_back(std::move(a));
  }
}

}  // namespace

Accesses find_accesses(const object::Program& program, const AccessQuery& query) {
  Accesses result;
  if (!query.object) return result;
  auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(query.seconds));
  auto functions = functions_of(program, query);
  result.functions = functions.size();
  std::vector<std::optional<arch::Decoder>> decoders(worker_count());
  std::atomic<size_t> followed{0}, unread{0};
  std::atomic<bool> late{false};
  std::mutex mutex;
  parallel_for(functions.size(), [&](size_t i, unsigned worker) {
    if (late || Clock::now() > until) {
      late = true;
      return;
    }
    if (!decoders[worker]) decoders[worker].emplace(program.arch().id);
    auto worth = worth_following(program, *decoders[worker], query, functions[i]);
    if (!worth) unread++;
    if (!worth.value_or(false)) return;
    followed++;
    std::vector<Access> mine;
    look_in(program, query, functions[i], mine);
    std::lock_guard lock(mutex);
    for (auto& a : mine) result.found.push_back(std::move(a));
  });
  result.followed = followed;
  result.unread = unread;
  result.complete = !late;
  std::sort(result.found.begin(), result.found.end(), [](const Access& a, const Access& b) { return a.pc < b.pc; });
  result.found.erase(std::unique(result.found.begin(), result.found.end(), [](const Access& a, const Access& b) { return a.pc == b.pc; }), result.found.end());
  return result;
}

}  // namespace inquest::code
