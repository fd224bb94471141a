// Clones: the symbols under which a function of the source stands in a kernel whose compiler changed it: f.isra.0, f.constprop.0, f.part.0, f.cold.
#pragma once

#include <string_view>
#include <vector>

#include "object/program.h"

namespace inquest::object {

// Whether `symbol` is `function` with nothing but suffixes that compilers add.
bool is_clone_of(std::string_view symbol, std::string_view function);
// All of them, kernel first; "module:function" asks one module. A part that was split off as unlikely (f.cold) counts only where nothing else is there.
// Looks at every symbol: for a name that is none itself. Opens the modules' debuginfo.
std::vector<Symbol> clones_of(const Program& program, std::string_view function);

}  // namespace inquest::object
