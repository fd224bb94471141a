// Scanner: one parallel pass over all units, which finds what the index keeps.
//
// Looked at: the top level of each unit (and namespaces): named types, concrete functions with their code ranges,
// global and static variables, enumerators. Function bodies and members are jumped over by DW_AT_sibling where the
// compiler wrote it. The same type occurs in thousands of units: only the first of each (kind, name, size, line) is
// kept, and counted. What is found does not depend on the number of workers, only its order does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "debuginfo/dwarf/dwarf.h"
#include "debuginfo/index/format.h"

namespace inquest::debuginfo::dwarf {

struct ScanResult {
  std::vector<index::TypeRecord> types;
  std::vector<index::FunctionRecord> functions;
  std::vector<index::CodeRange> function_ranges, unit_ranges;  // numbers: into functions, of units
  std::vector<index::VariableRecord> variables;
  std::vector<index::EnumeratorRecord> enumerators;
  std::string pool;            // names written inside DIEs
  uint32_t damaged_units = 0;  // not read to their end
};

// Call scan() once for each unit, from any worker, then merge().
class ParallelScan {
 public:
  ParallelScan(const Dwarf& dwarf, unsigned workers);
  ~ParallelScan();
  void scan(size_t unit, unsigned worker);
  ScanResult merge();

 private:
  struct Worker;
  const Dwarf& dwarf_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace inquest::debuginfo::dwarf
