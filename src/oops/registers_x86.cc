// arch/x86/kernel/process_64.c:__show_regs() and process_32.c: RIP with the selector, then pairs. Until 4.9 the
// address stood in "[<…>]" twice; i386 names EIP, prints "EIP is at" in older kernels and "EIP:" in newer.
#include "oops/frame_line.h"
#include "oops/registers.h"

namespace inquest::oops {
namespace {

constexpr std::string_view kNames[] = {
    "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R15",
    "EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP", "EFLAGS", "FS", "GS", "knlGS", "CS", "DS", "ES", "SS",
    "CR0", "CR2", "CR3", "CR4", "DR0", "DR1", "DR2", "DR3", "DR6", "DR7", "ORIG_RAX", "ORIG_EAX", "PKRU"};

bool known(std::string_view name) {
  for (std::string_view one : kNames)
    if (one == name) return true;
  return false;
}

// After "RIP:": "0010:f+0x1/0x2", "0010:[<addr>]  [<addr>] f+0x1/0x2", "0010:0xffff…", " [<addr>] f+0x1/0x2", "f+…".
void instruction_pointer(Scan& s, const char* name, RegisterLine& out) {
  Frame pc;
  s.blanks();
  size_t start = s.at();
  if (s.eat("e0")) {  // Xen PV selectors
    s.seek(start);
  }
  auto selector = s.take_hex();
  if (selector && s.eat(':')) {
    out.user_mode = (*selector & 3) == 3;
    if (*selector == 0xe030) out.user_mode = false;  // a PV kernel runs in ring 3
  } else {
    s.seek(start);
  }
  for (int i = 0; i < 2; i++) {
    s.blanks();
    if (!s.eat("[<")) break;
    s.blanks();
    auto address = s.take_hex();
    s.take_until(']');
    if (address) pc.address = address;
  }
  s.blanks();
  if (s.eat("? ")) pc.reliable = true;
  std::string module;
  if (s.peek() == ':') {  // x86_64 until 2.6.25: ":module:function+0x1/0x2"
    s.eat(':');
    module = std::string(s.take_until(':'));
  }
  bool found = read_location(s, pc, false);
  if (!found && !pc.address) {  // decode_stacktrace.sh: "0010:f (lib/x.c:12) mod"
    size_t name_start = s.at();
    found = read_location(s, pc, true) && s.rest().starts_with(" (") && has(s.rest(), ".") && has(s.rest(), ":");
    if (!found) {
      s.seek(name_start);
      pc.symbol.clear();
    }
  }
  if (!found && !pc.address) {
    auto address = s.take_hex();
    if (address) pc.address = address;
  }
  if (!module.empty() && pc.module.empty()) pc.module = module;
  if (pc.address && !out.user_mode) out.values.push_back({name, *pc.address});
  if (!pc.symbol.empty() || pc.address) out.pc = pc;
}

}  // namespace

bool read_x86(std::string_view text, RegisterLine& out) {
  Scan s(text);
  const char* name = text.starts_with("E") ? "eip" : "rip";
  if (s.eat("RIP:") || s.eat("RIP ") || s.eat("EIP is at ") || s.eat("EIP:") || s.eat("IP:")) {
    if (!s.done()) instruction_pointer(s, name, out);
    out.arch = name[0] == 'e' ? Arch::kI386 : text.starts_with("R") ? Arch::kX86_64 : Arch::kUnknown;
    // "EIP: 0060:[<c01>] EFLAGS: 00010046 CPU: 0", "RIP: 0033:0x7f RSP: 002b:…" on one line in some forms
    for (std::string_view label : {"EFLAGS: ", "RSP: "}) {
      Scan t(text);
      if (t.skip_past(label)) read_pairs(text.substr(t.at() - label.size()), known, out, nullptr);
    }
    return true;
  }
  if (read_pairs(text, known, out, nullptr) == 0) return false;
  for (const Register& r : out.values)
    if (r.name[0] == 'r') out.arch = Arch::kX86_64;
    else if (r.name == "eax" || r.name == "esi") out.arch = Arch::kI386;
  return true;
}

}  // namespace inquest::oops
