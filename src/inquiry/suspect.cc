#include "inquiry/suspect.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::inquiry {

namespace {

// Nothing is mapped below vm.mmap_min_addr (64 KiB as distributions set it): what points there is NULL with an offset or an index added.
constexpr uint64_t kMinMapped = 1 << 16, kFarthestMember = 1 << 16;
constexpr uint64_t kMaxErrno = 4095;

bool repeats(uint64_t value, uint8_t byte) { return value == 0x0101010101010101u * byte; }

// A pointer into a poisoned object: poison plus or minus a small displacement.
// arm64 prints fault addresses without their top byte (untagged_addr(), arch/arm64/mm/fault.c), so seven bytes of it are enough there.
bool near_poison(uint64_t value, uint8_t byte) {
  uint64_t poison = 0x0101010101010101u * byte;
  auto near = [](uint64_t a, uint64_t b) { return a - b < kFarthestMember || b - a < kFarthestMember; };
  return near(value, poison) || near(value, poison & 0x00ffffffffffffff) || near(value, poison | 0xff00000000000000);
}

// LIST_POISON1 and 2 are 0x100 and 0x122 (0x200 before 4.15) above POISON_POINTER_DELTA, which is 0xdead000000000000 on 64 bits. container_of()
// takes the member's offset away, so a little below counts, too.
constexpr uint64_t kListPoison = 0xdead000000000100, kPoisonReach = 0x4000;
bool is_list_poison(uint64_t value) {
  auto near = [&](uint64_t poison) { return value - poison < 0x200 || poison - value < kPoisonReach; };
  return near(kListPoison) || near(kListPoison & 0x00ffffffffffffff) || near(kListPoison | 0xff00000000000000);
}

}  // namespace

std::string type_of_object(const scene::CrashScene& scene, const scene::Identity& object) {
  if (object.kind != scene::Identity::Kind::kSlab) return "";
  std::string type = scene.type_of_cache(object.cache, object.object_size);
  return type.empty() ? scene.type_by_references(object.object_start) : type;
}

const char* name_of(Shape shape) {
  switch (shape) {
    case Shape::kUnknown: return "unknown";
    case Shape::kNull: return "null";
    case Shape::kErrno: return "error pointer";
    case Shape::kFreePoison: return "freed poison";
    case Shape::kUnsetPoison: return "unset poison";
    case Shape::kRedZone: return "red zone";
    case Shape::kListPoison: return "list poison";
    case Shape::kAscii: return "text";
    case Shape::kUser: return "user address";
    case Shape::kNonCanonical: return "non-canonical";
    case Shape::kKernel: return "kernel address";
  }
  return "unknown";
}

std::string errno_name(unsigned number) {
  // include/uapi/asm-generic/errno-base.h, errno.h, include/linux/errno.h
  static const std::pair<unsigned, const char*> kNames[] = {
      {1, "EPERM"}, {2, "ENOENT"}, {3, "ESRCH"}, {4, "EINTR"}, {5, "EIO"}, {6, "ENXIO"}, {7, "E2BIG"}, {9, "EBADF"}, {10, "ECHILD"}, {11, "EAGAIN"}, {12, "ENOMEM"},
      {13, "EACCES"}, {14, "EFAULT"}, {16, "EBUSY"}, {17, "EEXIST"}, {18, "EXDEV"}, {19, "ENODEV"}, {20, "ENOTDIR"}, {21, "EISDIR"}, {22, "EINVAL"}, {23, "ENFILE"},
      {24, "EMFILE"}, {25, "ENOTTY"}, {26, "ETXTBSY"}, {27, "EFBIG"}, {28, "ENOSPC"}, {29, "ESPIPE"}, {30, "EROFS"}, {31, "EMLINK"}, {32, "EPIPE"}, {33, "EDOM"}, {34, "ERANGE"},
      {35, "EDEADLK"}, {36, "ENAMETOOLONG"}, {38, "ENOSYS"}, {39, "ENOTEMPTY"}, {40, "ELOOP"}, {61, "ENODATA"}, {62, "ETIME"}, {71, "EPROTO"}, {74, "EBADMSG"},
      {75, "EOVERFLOW"}, {84, "EILSEQ"}, {95, "EOPNOTSUPP"}, {98, "EADDRINUSE"}, {103, "ECONNABORTED"}, {104, "ECONNRESET"}, {105, "ENOBUFS"}, {107, "ENOTCONN"},
      {108, "ESHUTDOWN"}, {110, "ETIMEDOUT"}, {111, "ECONNREFUSED"}, {113, "EHOSTUNREACH"}, {114, "EALREADY"}, {115, "EINPROGRESS"}, {116, "ESTALE"}, {122, "EDQUOT"},
      {125, "ECANCELED"}, {512, "ERESTARTSYS"}, {517, "EPROBE_DEFER"}, {524, "ENOTSUPP"}};
  for (const auto& [n, name] : kNames)
    if (n == number) return name;
  return "";
}

std::string ascii_of(uint64_t value) {
  std::string text;
  for (int i = 0; i < 8; i++) {
    char c = char(value >> (8 * i) & 0xff);
    if (c < 0x20 || c > 0x7e) return "";
    text += c;
  }
  return text;
}

Shape shape_of(uint64_t value, unsigned sign_bit) {
  if (value < kMinMapped) return Shape::kNull;
  if (value > ~uint64_t{0} - kMaxErrno) return Shape::kErrno;
  if (near_poison(value, 0x6b)) return Shape::kFreePoison;
  if (near_poison(value, 0x5a)) return Shape::kUnsetPoison;
  if (repeats(value, 0xbb) || repeats(value, 0xcc)) return Shape::kRedZone;
  if (is_list_poison(value)) return Shape::kListPoison;
  if (!ascii_of(value).empty()) return Shape::kAscii;
  uint64_t top = value >> sign_bit, ones = ~uint64_t{0} >> sign_bit;
  if (top == 0) return Shape::kUser;
  return top == ones ? Shape::kKernel : Shape::kNonCanonical;
}

unsigned sign_bit_of(const scene::CrashScene& scene) {
  unsigned bits = scene.facts().virtual_bits;
  if (!bits) return 56;
  return scene.facts().arch == "x86_64" ? bits - 1 : bits;
}

std::string shape_words(uint64_t value, Shape shape) {
  switch (shape) {
    case Shape::kNull: return value ? fmt::format("NULL + {:#x}", value) : "NULL";
    case Shape::kErrno: {
      unsigned number = unsigned(~value + 1);
      std::string name = errno_name(number);
      return fmt::format("the error pointer ERR_PTR(-{}){}", number, name.empty() ? "" : ", -" + name);
    }
    case Shape::kFreePoison: return "the poison that SLUB writes over freed memory (POISON_FREE, 0x6b)";
    case Shape::kUnsetPoison: return "the poison that SLUB writes over fresh memory (POISON_INUSE, 0x5a): it was never set";
    case Shape::kRedZone: return "the fill of a SLUB red zone";
    case Shape::kListPoison:
      if (value != kListPoison && (value & 0xfff) != 0x122 && (value & 0xfff) != 0x200)
        return fmt::format("LIST_POISON1 {} {:#x}: what container_of() makes of the `next` of an element that was taken off its list", value < kListPoison ? "-" : "+",
                           value < kListPoison ? kListPoison - value : value - kListPoison);
      return (value & 0xfff) == 0x100 ? "LIST_POISON1: `next` of an element that was taken off its list" : "LIST_POISON2: `prev` of an element that was taken off its list";
    case Shape::kAscii: return fmt::format("text: \"{}\"", ascii_of(value));
    case Shape::kUser: return "an address of user space";
    case Shape::kNonCanonical: return "no address: its upper bits are neither all clear nor all set";
    default: return "";
  }
}

const scene::OriginView* Suspect::source() const {
  for (const auto& s : origin)
    if (s.birth == "loaded" && !s.on_stack) return &s;
  return nullptr;
}

const scene::OriginView* empty_list(const Suspect& s) {
  for (size_t i = 1; i < s.origin.size(); i++) {
    const auto& step = s.origin[i];
    if (step.birth == "loaded" && !step.on_stack && step.address && step.value && *step.value == *step.address && !step.changed()) return &step;
  }
  return nullptr;
}

namespace {

void add_touch(const scene::CrashScene& scene, Suspect& s) {
  const auto& t = *s.event->touch;
  s.reg = t.base_register;
  s.text = t.base_text;
  s.type = t.base_type;
  s.variable = t.base_variable;
  s.function = t.base_function;
  s.writes = t.writes;
  s.displacement = t.displacement;
  s.instruction = t.instruction;
  s.pc = t.pc;
  s.object = t.object;
  s.members = t.members;
  if (t.base_value) {
    s.value = *t.base_value;
    s.reached = *t.base_value + uint64_t(t.displacement);
  }
  if (!t.base_register.empty()) s.origin = scene.origin_of(s.event->id, t.base_register);
  // An indexed operand: base + index reaches elsewhere than the displacement says; the printed fault address is right then.
  auto fault = s.event->event.fault_address;
  if (fault && (!s.reached || (*fault < *s.reached || *fault - *s.reached > 4096))) s.reached = fault;
  if (!t.base_value && fault) s.value = *fault - uint64_t(t.displacement);
}

// Where following values forward through the code gave no load (an indexed operand, paths that meet), the way back from the register may: it uses the
// values that registers had.
void add_journey(const scene::CrashScene& scene, Suspect& s) {
  if (s.reg.empty() || s.source()) return;
  auto journey = scene.journey_of(*s.event, s.reg);
  if (!journey) return;
  for (const auto& j : journey->steps) {
    if (j.kind == "result" && j.text.ends_with("()") && std::none_of(s.origin.begin(), s.origin.end(), [](const auto& o) { return o.birth == "call"; })) {
      scene::OriginView step;
      step.birth = "call";
      step.callee = j.text.substr(0, j.text.size() - 2);
      step.text = s.text;
      step.function = j.function;
      step.at = j.pc;
      step.source = j.source;
      s.origin.push_back(std::move(step));
    }
    // Read back from the own stack, with nothing known of what put it there: the way ends at that place.
    bool ends_on_stack = j.kind == "reload" && &j == &journey->steps.back();
    if ((j.kind != "load" && !ends_on_stack) || !j.address) continue;
    scene::OriginView step;
    step.birth = "loaded";
    step.text = j.text;
    step.type = j.type;
    step.variable = j.variable;
    step.function = j.function;
    step.value = j.value;
    step.value_then = j.value.has_value() && !j.address_leans_on_memory;
    step.address = j.address;
    step.now = j.memory_now;
    step.why_not_now = j.memory_why_not;
    step.object = j.object;
    step.offset = j.offset;
    step.members = j.members;
    step.on_stack = scene.identify(*j.address).kind == scene::Identity::Kind::kStack;
    step.at = j.pc;
    step.source = j.source;
    s.origin.push_back(std::move(step));
  }
  // An element whose index is not known lies in what the pointer before it points at.
  for (size_t i = 0; i + 1 < s.origin.size(); i++) {
    auto& step = s.origin[i];
    const auto& base = s.origin[i + 1];
    if (!step.object.empty() || !step.address || !base.value || *step.address < *base.value || !base.type.ends_with(" *")) continue;
    std::string object = base.type.substr(0, base.type.size() - 2);
    uint64_t offset = *step.address - *base.value;
    if (object.ends_with('*') || offset >= scene.size_of(object).value_or(0)) continue;
    step.object = object;
    step.offset = int64_t(offset);
    for (const auto& m : scene.members_at(object, offset)) step.members.push_back(m.path);
  }
}

// What a place in an object is declared to point at, into what the suspect should have pointed at.
void expect_by_member(const scene::CrashScene& scene, Suspect& s, const std::string& object, uint64_t offset) {
  if (!s.object.empty()) return;
  for (const auto& m : scene.members_at(object, offset)) {
    if (m.offset != offset || !m.pointer || !m.type.ends_with(" *")) continue;
    std::string to = m.type.substr(0, m.type.size() - 2);
    if (!to.starts_with("struct ") || to.ends_with('*')) continue;
    s.object = to;
    for (const auto& inner : scene.members_at(to, uint64_t(s.displacement))) s.members.push_back(inner.path);
    return;
  }
}

// Read from a variable of the function's own frame: DWARF names it.
void name_by_stack(const scene::CrashScene& scene, Suspect& s) {
  if (!s.text.empty() || s.source()) return;
  for (auto& step : s.origin) {
    if (step.birth != "loaded" || !step.on_stack || !step.address) continue;
    auto place = scene.stack_place(*step.address);
    if (!place || place->variable.empty()) return;
    auto members = scene.members_at(place->type, place->offset);
    s.variable = place->variable;
    s.text = place->variable + (members.empty() ? "" : "." + members.front().path);
    s.function = place->function;
    step.object = place->type;
    step.offset = int64_t(place->offset);
    for (const auto& m : members) step.members.push_back(m.path);
    step.text = s.text;
    expect_by_member(scene, s, place->type, place->offset);
    return;
  }
}

// Of a small negative number: NULL was loaded and the offset of a link taken off it, no error code. Known by what memory holds, or by a link of the type that
// is read lying just as far in, with the access at the very start of memory.
bool is_entry_of_null(const scene::CrashScene& scene, const Suspect& s) {
  if (s.shape != Shape::kErrno) return false;
  for (const auto& step : s.origin)
    if (step.birth == "call") return false;
    else if (step.birth == "loaded" && step.address) return step.value ? *step.value == 0 && step.now == uint64_t{0} : step.now == uint64_t{0};
  if (!s.reached || *s.reached >= 4096 || s.object.empty()) return false;
  for (const auto& m : scene.members_at(s.object, 0 - s.value))
    for (const char* end : {".next", ".prev", ".first", ".pprev", ".__rb_parent_color", ".rb_left", ".rb_right"})
      if (m.path.ends_with(end)) return true;
  return false;
}

// The type of the object it was read from, where the code did not name it: by what points at that object.
void name_source_by_owner(const scene::CrashScene& scene, Suspect& s) {
  auto step = std::find_if(s.origin.begin(), s.origin.end(), [](const scene::OriginView& o) { return o.birth == "loaded" && o.address && !o.on_stack; });
  if (step == s.origin.end() || !step->object.empty()) return;
  auto holder = scene.identify(*step->address);
  if (holder.kind != scene::Identity::Kind::kSlab || holder.free.value_or(true)) return;
  std::string type = type_of_object(scene, holder);
  if (type.empty() || holder.offset >= scene.size_of(type).value_or(0)) return;
  step->object = type;
  step->offset = int64_t(holder.offset);
  for (const auto& m : scene.members_at(type, holder.offset)) step->members.push_back(m.path);
  expect_by_member(scene, s, type, holder.offset);
}

// Where nothing tells whence it came: the one living object, of a type that is known, that holds the very value. Small numbers and text lie everywhere.
void search_keeper(const scene::CrashScene& scene, Suspect& s) {
  if (s.executed || s.source() || (s.shape != Shape::kKernel && s.shape != Shape::kNonCanonical && s.shape != Shape::kUser)) return;
  constexpr uint64_t kMostScanned = uint64_t{2} << 30;  // more is not read for this alone
  if (scene.facts().pages_stored.value_or(0) * std::max<uint64_t>(scene.facts().page_size, 4096) > kMostScanned) return;
  auto all = scene.references(s.value, s.value + 1);
  if (!all || all->limited) return;
  const scene::ReferenceView* only = nullptr;
  for (const auto& r : all->found) {
    if (r.kind != scene::ReferenceView::Kind::kSlab || r.free.value_or(true)) continue;
    if (only) return;
    only = &r;
  }
  if (!only) return;
  scene::Identity holder = scene.identify(only->at);
  std::string type = only->object.empty() ? scene.type_by_references(holder.object_start) : only->object;
  if (type.empty() || holder.kind != scene::Identity::Kind::kSlab) return;
  scene::OriginView step;
  step.birth = "loaded";
  step.searched = true;
  step.value = s.value;
  step.address = only->at;
  step.now = s.value;
  step.object = type;
  step.offset = int64_t(holder.offset);
  for (const auto& m : scene.members_at(type, holder.offset)) step.members.push_back(m.path);
  expect_by_member(scene, s, type, holder.offset);
  s.origin.push_back(std::move(step));
}

}  // namespace

// Events that a memory access or a jump made: what other events print of registers is where the CPU was, not what it tripped over.
static bool is_fault(const oops::Event& e) {
  using oops::EventKind;
  switch (e.kind) {
    case EventKind::kNullDereference: case EventKind::kPagingRequest: case EventKind::kGeneralProtection: case EventKind::kStackSegment: case EventKind::kInternalError:
    case EventKind::kOops: case EventKind::kUnhandledFault: case EventKind::kExternalAbort: case EventKind::kPpcOops: case EventKind::kBadMode: case EventKind::kCfiFailure: return true;
    default: return e.fault_address.has_value();
  }
}

std::optional<Suspect> find_suspect(const scene::CrashScene& scene, const scene::EventView& event, std::optional<uint64_t> jumped_to,
                                    std::optional<uint64_t> return_address) {
  Suspect s;
  s.event = &event;
  if (!jumped_to && !is_fault(event.event)) return std::nullopt;
  if (jumped_to) {
    s.executed = true;
    s.value = *jumped_to;
    s.reached = jumped_to;
    if (return_address) s.origin = scene.origin_of_target(*return_address);
    if (!s.origin.empty()) {
      s.text = s.origin.front().text;
      s.type = s.origin.front().type;
      s.origin.front().value = jumped_to;
      s.origin.front().value_then = true;
    }
  } else if (event.touch && (event.touch->base_value || event.event.fault_address)) {
    add_touch(scene, s);
  } else if (event.event.fault_address) {
    s.value = *event.event.fault_address;
    s.reached = s.value;
    s.writes = event.event.access == oops::Access::kWrite;
  } else {
    return std::nullopt;
  }
  s.shape = shape_of(s.value, sign_bit_of(scene));
  if (!s.executed) {
    add_journey(scene, s);
    name_by_stack(scene, s);
    name_source_by_owner(scene, s);
    search_keeper(scene, s);
    s.entry_of_null = is_entry_of_null(scene, s);
    if (s.entry_of_null) s.shape = Shape::kNull;
  }
  if (s.reached) s.identity = scene.identify(*s.reached);
  if (const auto* from = s.source(); from && from->address) s.holder = scene.identify(*from->address);
  return s;
}

std::optional<FreedObject> freed_object(const scene::CrashScene& scene, const Suspect& s) {
  using Kind = scene::Identity::Kind;
  auto is_free = [](const scene::Identity& id) { return id.kind == Kind::kSlab && id.free && *id.free; };
  // What it points at: a dangling pointer that led into memory which was given back. (A jump into an object says nothing of the object.)
  if (!s.executed && s.shape == Shape::kKernel && is_free(s.identity)) {
    FreedObject f;
    f.identity = s.identity;
    f.address = *s.reached;
    f.type = s.object;
    if (!s.members.empty()) f.member = s.members.front();
    if (!s.origin.empty()) f.held_by = &s.origin.front();
    return f;
  }
  // Only near the fault, and only where memory still holds what was read: a value taken from an object while it lived, which was freed later, is no
  // use after free (kthread()'s `create`, at the bottom of every thread's stack).
  constexpr size_t kNear = 1;
  size_t loads = 0;
  for (size_t i = 0; i < s.origin.size() && loads < kNear; i++) {
    const auto& step = s.origin[i];
    if (step.birth != "loaded" || step.on_stack || !step.address) continue;
    loads++;
    if (step.changed()) continue;
    auto id = scene.identify(*step.address);
    if (!is_free(id)) continue;
    FreedObject f;
    f.identity = id;
    f.address = *step.address;
    f.type = step.object;
    if (!step.members.empty()) f.member = step.members.front();
    f.read_at = &step;
    if (i + 1 < s.origin.size()) f.held_by = &s.origin[i + 1];
    return f;
  }
  return std::nullopt;
}

}  // namespace inquest::inquiry
