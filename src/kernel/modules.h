// Modules: the modules of the dead kernel, where each section lies, and their debuginfo put in place.
//
// struct module's memory layout: `mem[]` (6.4+, commit ac3b43283923), `core_layout`/`init_layout` (4.5+), `module_core` before. Section addresses from
// sect_attrs (needs CONFIG_KALLSYMS+SYSFS), symbols from kallsyms in the module's own memory, ORC rows from arch.orc_unwind*.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/loss_ledger.h"
#include "debuginfo/finder.h"
#include "object/program.h"

namespace inquest::kernel {

struct ModuleSection {
  std::string name;
  VirtualAddress address;
};

struct LoadedModule {
  std::string name;
  VirtualAddress module;           // of its struct module
  VirtualAddress base;             // of its code
  uint64_t size = 0;               // crash's SIZE: of the core layout / all core memory
  std::string state;               // "live", "coming", "going"
  std::string taints;              // letters: "OE"
  std::string build_id, version, srcversion;
  std::vector<ModuleSection> sections;
  std::vector<std::string> used_by;
  std::string debuginfo;           // path of the file that goes with it, "" if none (it is opened by the first question that needs it)
  std::string why_no_debuginfo;
  uint64_t text_size = 0;          // of its code, from `base`
  VirtualAddress per_cpu;          // its per-CPU area, before an offset is added; null: none
  uint64_t per_cpu_size = 0;
};

// The letters of a taint mask, as in "Tainted: G        W  OE" without the blanks: 'G' stands for "not proprietary".
std::string taint_letters(uint64_t mask, bool with_g);
// "an out-of-tree module was loaded" for 'O'; "" if the letter is unknown.
std::string_view taint_meaning(char letter);

// Reads the list and adds each module to the program: with debuginfo where the finder has the right build, without where not.
// The ledger and options.cache must outlive the program; the finder is done with when this returns.
Result<std::vector<LoadedModule>> load_modules(object::Program& program, const debuginfo::Finder& finder, const debuginfo::OpenOptions& options,
                                               LossLedger& ledger, std::string* note);

}  // namespace inquest::kernel
