// mips arch/mips/kernel/traps.c:__show_regs() ("$ 0   : v v v v", "epc   : addr f+0x1/0x2"), riscv
// arch/riscv/kernel/process.c:__show_regs() ("epc : f+0x1/0x2" since 5.17 or so, " epc : v ra : v sp : v"),
// loongarch ("ERA: addr f+0x1/0x2", "pc v ra v tp v sp v" without colons since 6.2), parisc ("IAOQ[0]: f+0x1/0x2"),
// sparc64 ("TPC: <f+0x1/0x2>").
#include "oops/frame_line.h"
#include "oops/registers.h"

namespace inquest::oops {
namespace {

bool riscv_name(std::string_view name) {
  static constexpr std::string_view kNames[] = {"epc", "ra", "sp", "gp", "tp", "status", "badaddr", "cause", "orig_a0"};
  for (std::string_view one : kNames)
    if (one == name) return true;
  return (name.size() == 2 || name.size() == 3) && (name[0] == 't' || name[0] == 's' || name[0] == 'a') && to_dec(name.substr(1));
}

bool mips_rows(std::string_view text, RegisterLine& out) {
  Scan s(text);
  if (!s.eat('$')) return false;
  s.blanks();
  auto first = s.take_dec();
  s.blanks();
  if (!first || *first > 31 || !s.eat(':')) return false;
  for (uint64_t number = *first; number < 32; number++) {
    s.blanks();
    auto value = s.take_hex();
    if (!value) break;
    out.values.push_back({"r" + std::to_string(number), *value});
  }
  out.arch = Arch::kMips;
  return true;
}

// "epc   : 80100000 f+0x1/0x2", "ERA: 9000… f+0x1/0x2", "epc : f+0x1/0x2"
bool program_counter(std::string_view text, RegisterLine& out) {
  Scan s(text);
  std::string name = lower(s.take_ident());
  if (name != "epc" && name != "ra" && name != "era") return false;
  s.blanks();
  if (!s.eat(':')) return false;
  s.blanks();
  Frame frame;
  size_t start = s.at();
  auto value = s.take_hex();
  if (value && (s.done() || is_blank(s.peek()))) frame.address = value;
  else s.seek(start);
  s.blanks();
  bool located = read_location(s, frame, false);
  if (!located && frame.address && !s.done()) return false;  // " epc : v ra : v": a row of pairs
  if (!located && !frame.address) return false;
  (name == "ra" ? out.lr : out.pc) = frame;
  if (frame.address) out.values.push_back({name, *frame.address});
  if (name == "era") out.arch = Arch::kLoongarch;
  else if (!frame.address) out.arch = Arch::kRiscv;
  return true;
}

// loongarch: "pc 9000… ra 9000… tp 9000… sp 9000…"
bool bare_pairs(std::string_view text, RegisterLine& out) {
  Scan s(text);
  std::vector<Register> values;
  while (!s.done()) {
    s.blanks();
    if (s.done()) break;
    std::string_view name = s.take_ident();
    s.blanks();
    size_t start = s.at();
    auto value = s.take_hex();
    if ((!riscv_name(name) && name != "pc" && name != "u0" && name != "fp" && name != "s9") || !value || s.at() - start < 16) return false;
    values.push_back({std::string(name), *value});
  }
  if (values.size() < 2) return false;
  out.values.insert(out.values.end(), values.begin(), values.end());
  out.arch = Arch::kLoongarch;
  return true;
}

bool other(std::string_view text, RegisterLine& out) {
  Scan s(text);
  Frame pc;
  if (s.eat("IAOQ[0]:") || s.eat("TPC: <")) {
    s.blanks();
    if (!read_location(s, pc, true)) return false;
    out.pc = pc;
    out.arch = text[0] == 'I' ? Arch::kParisc : Arch::kSparc;
    return true;
  }
  if (s.eat("CRMD:") || s.eat("BADV:") || s.eat("ESTAT:")) {
    s.blanks();
    auto value = s.take_hex();
    if (!value) return false;
    out.values.push_back({lower(text.substr(0, text.find(':'))), *value});
    out.arch = Arch::kLoongarch;
    return true;
  }
  if (s.eat("BadVA :") || s.eat("Status:") || s.eat("Cause :") || s.eat("Hi    :") || s.eat("Lo    :")) {
    s.blanks();
    auto value = s.take_hex();
    if (!value) return false;
    out.values.push_back({lower(trim(text.substr(0, text.find(':')))), *value});
    out.arch = Arch::kMips;
    return true;
  }
  return false;
}

}  // namespace

bool read_mips_like(std::string_view text, RegisterLine& out) {
  if (mips_rows(text, out) || program_counter(text, out) || other(text, out)) return true;
  if (read_pairs(text, riscv_name, out, nullptr) > 0) {
    out.arch = Arch::kRiscv;
    for (const Register& r : out.values)
      if (r.name == "epc") {
        Frame pc;
        pc.address = r.value;
        out.pc = pc;
      }
    return true;
  }
  return bare_pairs(text, out);
}

}  // namespace inquest::oops
