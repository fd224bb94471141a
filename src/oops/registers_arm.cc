// arch/arm64/kernel/process.c:__show_regs() and arch/arm/kernel/process.c:__show_regs(). "pc : f+0x1/0x2" since
// about 4.14, "PC is at f" and bracketed addresses before; two x-registers a line at first, three in newer kernels.
#include "oops/frame_line.h"
#include "oops/registers.h"

namespace inquest::oops {
namespace {

constexpr std::string_view kNames[] = {"sp", "ip", "fp", "lr", "pc", "psr", "pstate", "pmr_save", "ORIG_x0"};

bool known(std::string_view name) {
  for (std::string_view one : kNames)
    if (one == name) return true;
  if (name.size() < 2 || name.size() > 3 || (name[0] != 'x' && name[0] != 'r')) return false;
  auto number = to_dec(name.substr(1));
  return number && *number < (name[0] == 'x' ? 32u : 13u);
}

bool is_x(std::string_view name) { return name.size() > 1 && name[0] == 'x'; }

// "pc : [<c0008000>]    lr : [<c0008004>]    psr: 60000013"
bool bracketed(std::string_view text, RegisterLine& out) {
  Scan s(text);
  while (!s.done()) {
    s.blanks();
    std::string_view name = s.take_ident();
    s.blanks();
    if (!known(name) || !s.eat(':')) break;
    s.blanks();
    bool bracket = s.eat("[<");
    auto value = s.take_hex();
    if (bracket) s.take_until(']');
    if (!value) break;
    out.values.push_back({std::string(name), *value});
    if (name == "psr") out.arch = Arch::kArm;
    if (name == "pstate") out.arch = Arch::kArm64;
    if (name == "pc") {
      Frame pc;
      pc.address = value;
      out.pc = pc;
    }
  }
  return !out.values.empty();
}

// "pc : f+0x1/0x2 [mod]" or "pc : 0xffff…"; the same for lr.
bool named(std::string_view text, RegisterLine& out) {
  Scan s(text);
  bool is_pc = s.eat("pc : ");
  if (!is_pc && !s.eat("lr : ")) return false;
  Frame frame;
  if (!read_location(s, frame, true)) {
    size_t start = s.at();
    frame.address = s.take_hex();  // user mode prints the bare address
    if (!frame.address) return false;
    if (is_pc) out.pc_text = std::string(text.substr(start, s.at() - start));
  }
  s.blanks();
  if (!s.done() && s.peek() != '(' && s.peek() != '[' && frame.file.empty() && !frame.offset && frame.symbol.size()) return false;
  if (frame.address) out.values.push_back({is_pc ? "pc" : "lr", *frame.address});
  (is_pc ? out.pc : out.lr) = frame;
  out.arch = Arch::kArm64;
  return true;
}

}  // namespace

bool read_arm(std::string_view text, RegisterLine& out) {
  Scan s(text);
  // arm; alpha and others in lower case ("pc is at", "ra is at").
  if (s.eat("PC is at ") || s.eat("LR is at ") || s.eat("pc is at ") || s.eat("ra is at ")) {
    Frame frame;
    if (!read_location(s, frame, true)) return false;
    (text[0] == 'P' || text[0] == 'p' ? out.pc : out.lr) = frame;
    return true;
  }
  // m68k: "PC: [<00123456>] f+0x1/0x2"; arc: "[ERET  ]: f+0x1/0x2"
  if (s.eat("PC: [<") || s.eat("[ERET  ]: ")) {
    Frame frame;
    if (text[0] == 'P') {
      frame.address = s.take_hex();
      if (!s.eat(">] ")) return false;
    }
    if (!read_location(s, frame, false)) return false;
    out.pc = frame;
    out.arch = Arch::kOther;
    return true;
  }
  if (has(text, ": [<") && bracketed(text, out)) return true;
  if (named(text, out)) return true;
  if (s.eat("pstate: ") || s.eat("pstate : ")) {
    auto value = s.take_hex();
    if (!value) return false;
    out.values.push_back({"pstate", *value});
    out.arch = Arch::kArm64;
    return true;
  }
  if (read_pairs(text, known, out, nullptr) == 0) return false;
  for (const Register& r : out.values) out.arch = is_x(r.name) ? Arch::kArm64 : r.name[0] == 'r' ? Arch::kArm : out.arch;
  return true;
}

}  // namespace inquest::oops
