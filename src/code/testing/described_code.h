// DescribedCode: a FakeKernel whose functions have DWARF: which variable is in which register, and lines.
#pragma once

#include "code/value_flow.h"
#include "unwind/testing/fake_kernel.h"

namespace inquest::code::testing {

struct Named {
  std::string name, type;      // "reel", "struct reel *"
  unsigned reg = arch::x86::kRdi;  // DWARF's numbers are ours for those that have parameters
  uint64_t low = 0, high = 0;  // where it is there, from the function's start; high 0: to its end
  bool parameter = true;
};

class DescribedCode {
 public:
  DescribedCode(const arch::Arch& arch, std::string_view types) : kernel(arch), debug(kernel.describe(types)) {}

  VirtualAddress function(const std::string& name, uint64_t offset, std::string_view hex, const std::vector<Named>& named = {}) {
    VirtualAddress at = kernel.function(name, offset, hex);
    uint64_t end = at.value + unwind::testing::from_hex(hex).size();
    std::vector<unwind::testing::FakeDebug::Variable> variables;
    for (const Named& n : named)
      variables.push_back({n.name, debug.type(n.type), n.parameter, at.value + n.low, n.high ? at.value + n.high : end, std::string(1, char(0x50 + n.reg))});
    debug.functions_.push_back({name, at.value, end, std::move(variables), {}});
    return at;
  }
  // The line of everything from function + offset up to the next one given.
  void line(const std::string& function, uint64_t offset, int number) { debug.lines[kernel.at(function, offset).value] = {"drivers/reel.c", number, 0}; }

  const object::Program& program() {
    if (!program_) program_ = &kernel.program();
    return *program_;
  }
  ValueFlow flow(const std::string& function) {
    auto code = FunctionCode::at(program(), kernel.at(function));
    if (!code.ok()) std::abort();
    return ValueFlow(*code);
  }

  unwind::testing::FakeKernel kernel;
  unwind::testing::FakeDebug& debug;

 private:
  const object::Program* program_ = nullptr;
};

}  // namespace inquest::code::testing
