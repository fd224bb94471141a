// One object was handed to RCU twice: its callback ran, reset or freed the object, and ran "again" from what was left of its rcu_head.
//
// What proves it, each part by itself: (1) the wild jump came from RCU's callback loop, through `func` of a rcu_head; (2) what was called is the
// head's own address: the words of an emptied list_head; (3) the object has a union in which the rcu_head and a list_head share those words;
// (4) the code queues exactly this member with a callback that itself initialises that list_head: so the callback has run already;
// (5) an earlier warning met the same object in the function that queues it.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

bool is_rcu_head(const std::string& type) { return type == "struct callback_head" || type == "struct rcu_head"; }

// RCU's callback loops by name, for logs without debuginfo: kernel/rcu/tree.c (rcu_do_batch; 4.x also inlined in rcu_process_callbacks), tiny.c, srcutree.c.
bool is_rcu_loop(const std::string& function) {
  for (const char* name : {"rcu_do_batch", "rcu_process_callbacks", "__rcu_process_callbacks", "rcu_core", "srcu_invoke_callbacks", "rcu_reclaim_tiny", "invoke_rcu_callbacks"})
    if (function.starts_with(name)) return true;
  return false;
}


struct Case {
  const scene::CrashScene& scene;
  const Observations& seen;
  Dossier& dossier;
  Verdict verdict;
  uint64_t head = 0;                 // address of the rcu_head
  scene::Identity object;
  std::string type;                  // of the object
  uint64_t offset = 0;               // of the head in it
  std::string list_member, head_member;
  std::string callback, queued_by;
  bool in_loop = false, self_called = false, emptied = false, own_init = false, warned = false;

  void cite(const std::string& id) {
    if (!id.empty() && std::find(verdict.evidence.begin(), verdict.evidence.end(), id) == verdict.evidence.end()) verdict.evidence.push_back(id);
  }
};

// The first argument of the call is the head; nothing ran after the jump, so the register still holds it.
std::optional<uint64_t> first_argument(const oops::Event& event) {
  if (auto v = event.reg("x0")) return v;
  return event.reg("rdi");
}

void read_memory(Case& c) {
  ListShape shape = list_shape(c.scene, c.head);
  if (!shape.readable) {
    auto why = c.scene.read(c.head, 16).why_not;
    c.verdict.would_settle.push_back(fmt::format("the memory at {}: {}", hex(c.head), why));
    return;
  }
  std::string words = fmt::format("{} {}", hex(shape.next), hex(shape.prev));
  // RCU writes into a head that it holds: `func` is cleared before it is called (6.x and some 5.x), `next` when the list is cut behind it
  // (rcu_segcblist_extract_done_cbs). What the loop had loaded is in the registers still.
  bool func_cleared = shape.prev == 0 && c.self_called && (!c.seen.call || c.seen.call->cleared || c.seen.call->target_text.empty());
  bool cut = shape.next == 0 && func_cleared;
  c.emptied = (shape.self_next && (shape.self_prev || func_cleared)) || cut;
  std::vector<std::pair<std::string, std::string>> values = {{"next", hex(shape.next)}, {"func", hex(shape.prev)}};
  std::string command = fmt::format("rd {} 2", bare_hex(c.head));
  if (!c.emptied) {
    c.cite(c.dossier.add(Origin::kMemory, fmt::format("memory at {} holds {}", hex(c.head), words), command, values));
    return;
  }
  std::string func_words = "the second, func, is 0 because the loop clears it between loading and calling it, and what it had loaded is the head's own address";
  std::string rest = shape.self_next && shape.self_prev ? "both point at the head itself"
                     : shape.self_next                  ? "the first points at itself; " + func_words
                                                        : func_words + "; the first, next, is 0, as RCU leaves it in the last head of a list it takes";
  values.push_back({"shape", cut ? "emptied list_head, words cleared since by RCU" : "emptied list_head"});
  c.cite(c.dossier.add(Origin::kMemory, fmt::format("memory at {}, {}, was an emptied list_head where a queued callback must be: {}", hex(c.head), words, rest), command, values));
}

// The type of the object: by a register of the warning that points at it, else by its cache's name.
void name_object(Case& c) {
  if (c.object.kind == scene::Identity::Kind::kSlab) {
    c.offset = c.head - c.object.object_start;
    c.verdict.object.cache = c.object.cache;
  }
  if (c.seen.warning)
    for (const auto& m : c.seen.warning->registers) {
      if (m.object.empty() || !m.value || m.offset < 0) continue;
      uint64_t start = *m.value - uint64_t(m.offset);
      bool same_object = c.object.kind == scene::Identity::Kind::kSlab ? start == c.object.object_start : start <= c.head && c.head - start < 4096;
      if (!same_object || is_rcu_head(m.object) || m.object == "struct list_head") continue;
      c.type = m.object;
      c.offset = c.head - start;
      break;
    }
  if (c.type.empty() && c.object.kind == scene::Identity::Kind::kSlab) c.type = c.scene.type_of_cache(c.object.cache, c.object.object_size);
}

// Which registers of the warning held the object and the place in it, in the words of the source.
void cite_operands(Case& c) {
  if (!c.seen.warning || c.type.empty()) return;
  std::string words;
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& m : c.seen.warning->registers) {
    if (m.object != c.type || !m.value || (m.offset != 0 && uint64_t(m.offset) != c.offset)) continue;
    words += fmt::format("{}{} held {} ({})", words.empty() ? "" : ", ", m.reg, m.text, hex(*m.value));
    values.push_back({m.reg, hex(*m.value)});
  }
  if (words.empty()) return;
  std::string condition = c.seen.warning->condition ? fmt::format("; its condition was {}", c.seen.warning->condition->text) : "";
  c.cite(c.dossier.add(Origin::kRegister, fmt::format("at {}, {}{}", c.seen.warning->id, words, condition), "event " + c.seen.warning->id, values));
}

void read_type(Case& c) {
  if (c.type.empty()) return;
  auto members = c.scene.members_at(c.type, c.offset);
  std::string names;
  for (const auto& m : members) {
    std::string outer = m.path.substr(0, m.path.rfind('.'));
    c.verdict.object.members.push_back(m.path);
    names += (names.empty() ? "" : " and ") + m.path;
    for (const auto& first : c.scene.members_at(c.type, c.offset + 8)) {
      if (first.path == outer + ".func") c.head_member = outer;
      if (first.path == outer + ".prev") c.list_member = outer;
    }
  }
  c.verdict.object.type = c.type;
  c.verdict.object.member = !c.head_member.empty() ? c.head_member : members.empty() ? "" : members.front().path;
  std::string type = c.type.substr(c.type.find(' ') + 1);
  std::string shown = c.list_member.empty() || c.head_member.empty() ? "" : fmt::format(".{},{}", c.list_member, c.head_member);
  std::string claim = fmt::format("offset {:#x} of {} is {}", c.offset, c.type, names);
  if (!c.list_member.empty() && !c.head_member.empty()) claim += fmt::format(": {} and {} share the same bytes (a union)", c.list_member, c.head_member);
  c.cite(c.dossier.add(Origin::kType, claim, fmt::format("struct {}{} -xo", type, shown), {{"type", c.type}, {"offset", hex(c.offset)}, {"members", names}}));
}

void read_code(Case& c) {
  if (c.type.empty() || c.head_member.empty()) return;
  std::vector<std::string> first_in;
  if (c.seen.warning && !c.seen.warning->event.function.empty()) first_in.push_back(c.seen.warning->event.function);
  if (c.seen.warning)
    for (size_t i = 0; i < c.seen.warning->frames.size() && i < 6; i++) first_in.push_back(c.seen.warning->frames[i].symbol);
  auto found = c.scene.registrations(rcu_queueing_apis(), c.type, c.offset, first_in);
  for (const auto& r : found) {
    c.callback = r.callback;
    c.queued_by = r.source.empty() ? r.function : r.source.front().function;
    c.cite(c.dossier.add(Origin::kCode, fmt::format("the callback expected there is {}: {}({}, {}) in {}", r.callback, r.api, r.argument, r.callback,
                                                    r.source.empty() ? r.function : source_text(r.source)),
                         "dis -lx " + bare_hex(r.pc), {{"callback", r.callback}, {"queued_by", c.queued_by}, {"api", r.api}, {"in", r.function}}));
    std::string by, where;
    bool next = false, prev = false;
    for (const auto& s : c.scene.stores_of(r.callback)) {
      bool self = s.value_offset == int64_t{0};
      if (self && s.offset == 0) next = true;
      if (self && s.offset == 8) prev = true;
      if (self && (s.offset == 0 || s.offset == 8) && by.empty()) {
        by = s.by;
        if (s.line) where = fmt::format("{}:{}", s.file, s.line);
      }
    }
    if (!next || !prev) continue;
    c.own_init = true;
    c.cite(c.dossier.add(Origin::kCode, fmt::format("{} itself stores the head's own address into both words of {}{}: so it has already run once on this object", r.callback,
                                                    c.list_member.empty() ? "the head" : c.list_member, where.empty() ? "" : fmt::format(" ({}, {})", by, where)),
                         "dis -lx " + r.callback, {{"function", r.callback}, {"by", by}, {"line", where}}));
    break;
  }
}

void conclude(Case& c) {
  Verdict& v = c.verdict;
  v.cause = "double-rcu-callback";
  v.object.address = hex(c.object.kind == scene::Identity::Kind::kSlab ? c.object.object_start : c.head - c.offset);
  if (c.seen.warning) v.guilty = guilty_of(c.seen.warning->frames);
  // Without a dump the object is not seen, only the addresses that agree.
  double score = 0.35;
  if (c.self_called) score += 0.1;
  if (c.emptied) score += 0.15;
  if (c.own_init) score += 0.2;
  if (c.warned) score += 0.15;
  v.confidence = std::min(0.95, score);
  std::string object = c.type.empty() ? "one object" : "one " + c.type;
  if (!v.object.cache.empty()) object += fmt::format(" (slab {})", v.object.cache);
  v.summary = fmt::format("{} at {} was handed to RCU twice.", object, v.object.address);
  v.summary = capital(v.summary);
  if (c.own_init) v.summary += fmt::format(" Its callback {} had already run and emptied {}; when RCU called it again it found the list's words where the callback was, and jumped to {}.",
                                           c.callback, c.list_member.empty() ? "the list that shares its bytes" : c.list_member, hex(*c.seen.jumped_to));
  else v.summary += fmt::format(" RCU's loop called what the object's rcu_head held, its own address {}.", hex(*c.seen.jumped_to));
  if (!v.guilty.function.empty())
    v.summary += fmt::format(" The second release came from {}{}, as {} shows.", v.guilty.function, v.guilty.module.empty() ? "" : " [" + v.guilty.module + "]", c.seen.warning->id);
  else
    v.would_settle.push_back("a warning of the second hand-over (CONFIG_DEBUG_OBJECTS_RCU_HEAD prints one): nothing here shows who released it twice");
  std::string freed = c.object.free ? (*c.object.free ? "the object is free now, but " : "the object is allocated, and ") : "";
  v.alternatives.push_back({"use-after-free", freed + (c.own_init ? "the two words are what its own callback writes, not a new owner's data, a free-list pointer or poison"
                                                                  : "the two words are an emptied list, not a new owner's data, a free-list pointer or poison")});
  v.alternatives.push_back({"out-of-bounds-write", "a neighbour that overran would have had to write each word's own address, and nothing else of the object"});
  v.alternatives.push_back({"wild-call", "true of the last step only: it says where the kernel jumped, not why the pointer was what it was"});
}

}  // namespace

const std::vector<std::string>& rcu_queueing_apis() {
  static const std::vector<std::string> all = {"call_rcu", "call_rcu_hurry", "call_rcu_sched", "call_rcu_bh", "__call_rcu", "__call_rcu_common", "call_rcu_lazy", "call_srcu", "call_rcu_tasks"};
  return all;
}

bool from_rcu_loop(const Observations& seen) {
  if (seen.call) {
    if (seen.call->indirect && is_rcu_head(seen.call->object)) return true;
    for (const auto& s : seen.call->source)
      if (is_rcu_loop(s.function)) return true;
  }
  if (seen.caller && is_rcu_loop(seen.caller->symbol)) return true;
  if (is_rcu_loop(seen.fatal->event.link.symbol)) return true;
  for (size_t i = 0; i < seen.fatal->frames.size() && i < 4; i++)
    if (is_rcu_loop(seen.fatal->frames[i].symbol)) return true;
  return false;
}

Verdicts double_rcu_callback(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.jumped_to || *seen.jumped_to < 4096) return {};
  Case c{scene, seen, dossier, {}, 0, {}, "", 0, "", "", "", "", false, false, false, false, false};
  c.in_loop = from_rcu_loop(seen);
  auto head = first_argument(seen.fatal->event);
  if (!c.in_loop || !head) return {};
  c.head = *head;
  // `func` was the head itself, or, when only `next` was overwritten, some other value: then this is another story.
  c.self_called = *seen.jumped_to == c.head;
  if (!c.self_called) return {};
  c.object = scene.identify(c.head);
  if (seen.warning) c.cite(add_event(dossier, *seen.warning));
  c.cite(add_event(dossier, *seen.fatal));
  if (seen.warning) c.cite(add_gap(dossier, seen));
  for (const Link& link : seen.links) {
    c.cite(add_link(dossier, link, *seen.fatal));
    c.warned = true;
  }
  c.cite(add_caller(dossier, seen));
  if (!seen.caller) {
    std::string loop = seen.fatal->event.link.symbol;
    for (size_t i = 0; i < seen.fatal->frames.size() && i < 4 && !is_rcu_loop(loop); i++) loop = seen.fatal->frames[i].symbol;
    c.cite(dossier.add(Origin::kLog, fmt::format("the jump came from {}, RCU's callback loop, as {} shows", loop, seen.fatal->id), "event " + seen.fatal->id, {{"function", loop}}));
  }
  c.cite(dossier.add(Origin::kRegister, fmt::format("the address jumped to, {}, is also the call's first argument: the rcu_head's `func` was the head's own address", hex(c.head)),
                     "event " + seen.fatal->id, {{"head", hex(c.head)}}));
  c.cite(add_identity(scene, dossier, c.head, "the rcu_head"));
  name_object(c);
  cite_operands(c);
  read_type(c);
  if (scene.facts().has_dump) read_memory(c);
  read_code(c);
  conclude(c);
  if (!scene.facts().has_dump) c.verdict.would_settle.push_back("a crash dump: the memory at the head, the object's type and the code that queues it");
  return {c.verdict};
}

}  // namespace inquest::inquiry::causes
