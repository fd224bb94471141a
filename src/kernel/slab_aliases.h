// Slab aliases: the names of the caches that were merged into one, as /sys/kernel/slab has them: symbolic links to the one that is left.
#pragma once

#include <string>
#include <vector>

#include "kernel/slab.h"

namespace inquest::kernel {

// Sorted; empty: this kernel keeps none (no CONFIG_SYSFS), or they cannot be read.
std::vector<std::string> names_sharing(const object::Program& program, const SlabCache& cache);

}  // namespace inquest::kernel
