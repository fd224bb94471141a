#include "scene/code_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arch/instruction.h"
#include "oops/spell_value.h"

namespace inquest::scene {

namespace {

using arch::Instruction;
using arch::MemoryOperand;
using arch::Operand;
using arch::Operation;

const arch::Arch* arch_of(const oops::Event& event) {
  if (event.arch == oops::Arch::kX86_64) return &arch::x86_64();
  if (event.arch == oops::Arch::kArm64) return &arch::aarch64();
  return nullptr;
}

bool is_bad(const Instruction& i) { return i.mnemonic == "(bad)"; }

// x86 instructions have no fixed length, and the kernel starts its dump anywhere (arch/x86/kernel/dumpstack.c: 42 bytes before the
// fault): the earliest start from which decoding lands on the marked byte.
std::vector<Instruction> up_to_mark(arch::Decoder& decoder, Bytes code, VirtualAddress start) {
  constexpr size_t kLongest = 15;
  for (size_t from = 0; from < code.size() && from <= kLongest; from++) {
    auto all = decoder.decode_all(code.subspan(from), start + from);
    if (!all.empty() && std::none_of(all.begin(), all.end(), is_bad)) return all;
  }
  return {};
}

std::string hex_bytes(Bytes bytes) {
  std::string text;
  for (std::byte b : bytes) text += fmt::format("{}{:02x}", text.empty() ? "" : " ", unsigned(b));
  return text;
}

// Where the memory operand lies, by the printed registers. `next`: of the instruction after it, if the pc is known.
std::optional<uint64_t> address_of(const MemoryOperand& m, const arch::Arch& arch, const arch::Registers& registers, bool pc_known) {
  if (m.per_cpu) return std::nullopt;
  if (m.base == arch.pc || m.absolute) return pc_known || m.base == arch::kNoRegister ? m.absolute : std::nullopt;
  uint64_t address = m.post_index ? 0 : uint64_t(m.displacement);
  if (m.base != arch::kNoRegister) {
    auto base = registers.get(m.base);
    if (!base) return std::nullopt;
    address += *base;
  }
  if (m.index != arch::kNoRegister) {
    auto index = registers.get(m.index);
    if (!index) return std::nullopt;
    uint64_t i = *index;
    if (m.index_is_32) i = m.index_is_signed ? uint64_t(int64_t(int32_t(i))) : i & 0xffffffff;
    address += i * m.scale;
  }
  return address;
}

bool is_fault(oops::EventKind kind) {
  using K = oops::EventKind;
  switch (kind) {
    case K::kNullDereference: case K::kPagingRequest: case K::kGeneralProtection: case K::kStackSegment: case K::kInternalError: case K::kOops:
    case K::kUnhandledFault: case K::kExternalAbort: case K::kDoubleFault: case K::kBadMode: return true;
    default: return false;
  }
}

struct Reach {
  const Operand* operand = nullptr;
  std::optional<uint64_t> address;
  bool writes = false;
};

// Of a string move's two operands the one that fits the fault address, else the one of the access's direction.
std::optional<Reach> choose(const Instruction& insn, const oops::Event& event, const arch::Arch& arch, const arch::Registers& registers, bool pc_known) {
  bool compares = insn.operation == Operation::kCompare || insn.operation == Operation::kTest;
  std::vector<Reach> reaches;
  for (const Operand* o : {&insn.destination, &insn.left, &insn.right}) {
    if (!o->is_memory()) continue;
    reaches.push_back({o, address_of(o->memory, arch, registers, pc_known), o == &insn.destination && !compares});
  }
  if (reaches.empty()) return std::nullopt;
  auto fits = [&](const Reach& r) {
    return event.fault_address && r.address && *event.fault_address >= *r.address && *event.fault_address - *r.address < std::max(1u, r.operand->memory.size);
  };
  for (const Reach& r : reaches)
    if (fits(r)) return r;
  for (const Reach& r : reaches)
    if (event.access == (r.writes ? oops::Access::kWrite : oops::Access::kRead)) return r;
  for (const Reach& r : reaches)  // a general protection fault names no address, but a bad one shows
    if (!event.fault_address && r.address && oops::is_non_canonical(*r.address)) return r;
  return reaches.front();
}

void touch_by_code(EventView& view, const Instruction& insn, const arch::Arch& arch) {
  if (view.touch || !is_fault(view.event.kind)) return;
  if (insn.operation == Operation::kAddress || insn.operation == Operation::kNop || insn.operation == Operation::kTrap) return;
  arch::Registers registers;
  for (const auto& r : view.event.registers)
    if (auto number = arch.register_number(r.name)) registers.set(*number, r.value);
  auto reach = choose(insn, view.event, arch, registers, view.pc.has_value());
  if (!reach) return;
  const MemoryOperand& m = reach->operand->memory;
  TouchView touch;
  touch.pc = view.pc.value_or(0);
  touch.instruction = insn.mnemonic + " " + insn.operands;
  touch.writes = reach->writes;
  touch.reads = !touch.writes || (insn.operation != Operation::kStore && insn.operation != Operation::kMove);
  touch.size = m.size;
  touch.displacement = m.post_index ? 0 : m.displacement;
  touch.address = reach->address;
  touch.scale = m.scale;
  if (m.base != arch::kNoRegister && m.base != arch.pc) {
    touch.base_register = std::string(arch.register_name(m.base));
    touch.base_value = registers.get(m.base);
  }
  if (m.index != arch::kNoRegister) {
    touch.index_register = std::string(arch.register_name(m.index));
    touch.index_value = registers.get(m.index);
  }
  view.touch = std::move(touch);
}

// Values of every event of a running kernel: per-CPU bases, page tables, stacks.
bool is_common(const std::string& reg) {
  for (const char* name : {"rsp", "esp", "sp", "gs", "fs", "knlgs", "cr0", "cr2", "cr3", "cr4", "eflags", "pstate", "psr", "orig_rax", "x29", "x18", "rip", "pc",
                           "cs", "ss", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7", "pkru", "status", "cause", "tp"})
    if (reg == name) return true;
  return false;
}

constexpr uint64_t kSmallestAddress = 0x100000;
// As far as a member lies from its object's start, mostly.
constexpr uint64_t kReach = 1024, kNear = 128;
constexpr size_t kMaxNotes = 16, kLookBack = 8;

// "fault address": equal to a register of an earlier event, or a little above one.
void repeated(EventView& view, const std::string& where, uint64_t value, const EventView& earlier, uint64_t reach) {
  const oops::Register* best = nullptr;
  for (const auto& r : earlier.event.registers) {
    if (is_common(r.name) || r.value < kSmallestAddress || !oops::spell_value(r.value).empty()) continue;
    if (r.value > value || value - r.value > reach || (best && best->value >= r.value)) continue;
    best = &r;
  }
  if (!best || view.notes.size() >= kMaxNotes) return;
  std::string text = fmt::format("equals {} of {}{}", best->name, earlier.id, value == best->value ? "" : fmt::format(" + {:#x}", value - best->value));
  // What it equals may be a member; the object is likely in the next register below.
  const oops::Register* object = nullptr;
  for (const auto& r : earlier.event.registers)
    if (reach && value == best->value && !is_common(r.name) && r.value >= kSmallestAddress && r.value < value && value - r.value <= kNear && (!object || object->value < r.value)) object = &r;
  if (object) text += fmt::format(", {} + {:#x}", object->name, value - object->value);
  view.notes.push_back({where, value, text});
}

}  // namespace

void describe_code(EventView& view) {
  const arch::Arch* arch = arch_of(view.event);
  const auto& code = view.event.code;
  if (!arch || !view.event.code_mark || *view.event.code_mark >= code.size()) return;
  // A jump to what is no code: the bytes are data.
  auto pc = view.event.reg(arch->id == arch::ArchId::kX86_64 ? "rip" : "pc");
  if (pc && view.event.fault_address == pc) return;
  if (!view.event.function_offset && view.event.access == oops::Access::kExecute) return;
  size_t mark = *view.event.code_mark;
  Bytes bytes = std::as_bytes(std::span(code));
  arch::Decoder decoder(arch->id);
  // Jump targets read as offsets into the function where the pc is not known.
  VirtualAddress at(view.pc.value_or(view.event.function_offset.value_or(0)));
  auto lines = up_to_mark(decoder, bytes.first(mark), VirtualAddress(at.value - mark));
  size_t faulting = lines.size();
  for (auto& insn : decoder.decode_all(bytes.subspan(mark), at)) lines.push_back(std::move(insn));
  // The dump ends anywhere, too.
  while (lines.size() > faulting + 1 && is_bad(lines.back())) lines.pop_back();
  for (size_t i = 0; i < lines.size(); i++) {
    int64_t offset = int64_t(lines[i].address.value - at.value);
    size_t from = size_t(int64_t(mark) + offset);
    if (from + lines[i].size > bytes.size()) break;
    view.code.push_back({offset, hex_bytes(bytes.subspan(from, lines[i].size)), lines[i].mnemonic + (lines[i].operands.empty() ? "" : " " + lines[i].operands), i == faulting});
  }
  if (faulting < lines.size() && !is_bad(lines[faulting])) touch_by_code(view, lines[faulting], *arch);
}

void describe_values(EventView& view, const std::vector<EventView>& earlier) {
  const oops::Event& e = view.event;
  bool wide = e.arch != oops::Arch::kI386 && e.arch != oops::Arch::kArm && e.arch != oops::Arch::kPpc32;
  auto note = [&](const std::string& where, uint64_t value) {
    std::string text = oops::spell_value(value, wide);
    // A mask or a count is no address, and nobody said it were.
    bool used = where.find(' ') != where.npos || (view.touch && (view.touch->base_register == where || view.touch->index_register == where));
    if (!used && text.starts_with("not an address")) return;
    if (!text.empty() && view.notes.size() < kMaxNotes) view.notes.push_back({where, value, text});
  };
  if (e.fault_address) note("fault address", *e.fault_address);
  else if (view.touch && view.touch->address) note("touched address", *view.touch->address);
  for (const auto& r : e.registers)
    if (!is_common(r.name)) note(r.name, r.value);
  for (size_t i = earlier.size() > kLookBack ? earlier.size() - kLookBack : 0; i < earlier.size(); i++) {
    auto target = e.fault_address ? e.fault_address : view.touch ? view.touch->address : std::nullopt;
    if (target && *target >= kSmallestAddress && oops::spell_value(*target).empty())
      repeated(view, e.fault_address ? "fault address" : "touched address", *target, earlier[i], kReach);
    std::set<uint64_t> told;
    for (const auto& r : e.registers)
      if (!is_common(r.name) && r.value >= kSmallestAddress && oops::spell_value(r.value).empty() && told.insert(r.value).second)
        repeated(view, r.name, r.value, earlier[i], 0);
  }
}

}  // namespace inquest::scene
