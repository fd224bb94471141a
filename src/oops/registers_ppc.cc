// arch/powerpc/kernel/process.c:show_regs(): "NIP:  c000… LR: …", "GPR00: v v v v", then NIP and LR by name; and
// arch/s390/kernel/dumpstack.c:show_registers(): "Krnl PSW : mask addr (f+0x1/0x2)", "Krnl GPRS: v v v v" with
// continuation lines of bare values.
#include <string>

#include "oops/frame_line.h"
#include "oops/registers.h"

namespace inquest::oops {
namespace {

constexpr std::string_view kPpc[] = {"NIP", "LR", "CTR", "REGS", "TRAP", "MSR", "CR", "XER", "CFAR", "DAR", "DSISR", "IRQMASK", "DEAR", "ESR", "FPSCR"};

bool ppc_name(std::string_view name) {
  for (std::string_view one : kPpc)
    if (one == name) return true;
  return false;
}

// Full-width values only: "Call Trace" words and stack dumps must not look like registers.
bool bare_values(std::string_view text, const char* prefix, RegisterState& state, RegisterLine& out) {
  Scan s(text);
  size_t before = out.values.size();
  while (state.gprs_left > 0) {
    s.blanks();
    size_t start = s.at();
    auto value = s.take_hex();
    if (!value || s.at() - start < 8 || (!s.done() && !is_blank(s.peek()))) break;
    out.values.push_back({prefix + std::to_string(state.next_gpr++), *value});
    state.gprs_left--;
  }
  return out.values.size() > before;
}

// "MSR:  9000… <SF,HV,EE>  CR: 2800…  XER: 0": flags in angle brackets between pairs.
bool ppc_pairs(std::string_view text, RegisterLine& out) {
  Scan s(text);
  bool any = false;
  while (!s.done()) {
    s.blanks();
    size_t start = s.at();
    std::string_view name = s.take_ident();
    if (!ppc_name(name)) return any;
    s.blanks();
    if (!s.eat(':')) return any;
    s.blanks();
    auto value = s.take_hex();
    if (!value) return any;
    if (s.at() - start > 3) out.values.push_back({lower(name), *value});
    any = true;
    s.blanks();
    if (s.eat('<')) s.take_until('>');
    if (s.peek() == '(') s.take_until(')');
  }
  return any;
}

}  // namespace

bool read_ppc(std::string_view text, RegisterState& state, RegisterLine& out) {
  Scan s(text);
  if (s.eat("GPR")) {
    auto first = s.take_dec();
    if (!first || *first > 31 || !s.eat(':')) return false;
    state.next_gpr = int(*first);
    state.gprs_left = 8;
    bare_values(s.rest(), "r", state, out);
    out.arch = text.size() > 60 && out.values.size() <= 4 ? Arch::kPpc64 : Arch::kPpc32;
    return true;
  }
  if (s.eat("NIP [") || s.eat("LR [")) {
    Frame frame;
    size_t start = s.at();
    frame.address = s.take_hex();
    if (text[0] == 'N') out.pc_text = std::string(text.substr(start, s.at() - start));
    s.eat(']');
    s.blanks();
    read_location(s, frame, false);
    (text[0] == 'N' ? out.pc : out.lr) = frame;
    if (frame.address) out.values.push_back({text[0] == 'N' ? "nip" : "lr", *frame.address});
    return true;
  }
  if (text.starts_with("NIP:") || text.starts_with("MSR:") || text.starts_with("CFAR:") || text.starts_with("DAR:") ||
      text.starts_with("REGS:") || text.starts_with("XER:") || text.starts_with("CTR:") || text.starts_with("DEAR:"))
    return ppc_pairs(text, out);
  if (state.gprs_left > 0 && state.next_gpr > 0 && !text.empty() && is_hex(text[0]))
    return bare_values(text, "r", state, out);
  return false;
}

bool read_s390(std::string_view text, RegisterState& state, RegisterLine& out) {
  Scan s(text);
  if (s.eat("Krnl PSW :") || s.eat("Krnl PSW:")) {
    s.blanks();
    auto mask = s.take_hex();
    s.blanks();
    auto address = s.take_hex();
    if (!mask || !address) return false;
    out.values.push_back({"psw_mask", *mask});
    out.values.push_back({"psw", *address});
    s.blanks();
    Frame pc;
    pc.address = address;
    if (s.eat('(')) read_location(s, pc, true);
    out.pc = pc;
    out.arch = Arch::kS390;
    return true;
  }
  if (s.eat("User PSW :") || s.eat("User PSW:")) {
    out.user_mode = true;
    return true;
  }
  if (s.eat("Krnl GPRS:")) {
    state.next_gpr = 0;
    state.gprs_left = 16;
    bare_values(s.rest(), "r", state, out);
    out.arch = Arch::kS390;
    return true;
  }
  return false;
}

}  // namespace inquest::oops
