// Lines of a register dump to named values, for every architecture's layout.
//
// Names are lower case as the architecture calls them ("rip", "x3", "sp", "gpr5" is "r5", "cr2", "pstate").
// `pc` lines that name a function fill a Frame as well. Pure functions over one line; `RegisterState`
// carries what a line leaves to the next (s390 and powerpc continue without names).
#pragma once

#include <string_view>
#include <vector>

#include "oops/event.h"

namespace inquest::oops {

struct RegisterState {
  int next_gpr = -1;        // the number of the register the next bare value is for
  int gprs_left = 0;        // bare values still to come
  std::string dangling;     // a name whose value the mailer put on the next line
};

struct RegisterLine {
  std::vector<Register> values;
  std::string pc_text;           // a pc without name, as printed
  std::optional<Frame> pc, lr;   // "RIP: 0010:f+0x1/0x2", "lr : g+0x1/0x2"
  bool user_mode = false;        // RIP: 0033: and the like: the interrupted program's registers follow
  Arch arch = Arch::kUnknown;
  explicit operator bool() const { return !values.empty() || pc || lr || user_mode; }
};

RegisterLine read_registers(std::string_view text, RegisterState& state);

// The architectures' own forms, tried in turn by read_registers.
bool read_x86(std::string_view text, RegisterLine& out);
bool read_arm(std::string_view text, RegisterLine& out);       // arm64 and arm
bool read_ppc(std::string_view text, RegisterState& state, RegisterLine& out);
bool read_s390(std::string_view text, RegisterState& state, RegisterLine& out);
bool read_mips_like(std::string_view text, RegisterLine& out); // mips, loongarch, riscv, parisc, sparc

// "NAME: hex" and "NAME : hex" pairs whose names `known` accepts; anything else ends the scan.
// Returns how many there were; the name of a pair without value is left in `dangling`.
int read_pairs(std::string_view text, bool (*known)(std::string_view), RegisterLine& out, std::string* dangling);

}  // namespace inquest::oops
