// ProgramFacts: what the dead kernel's debuginfo, code and memory answer about the marks of a patch (records/marks.h).
//
// "No" is said only where the thing would be seen if it were there: the struct is defined here and lacks the member, the caller's code
// was read and calls no such function. What another module's debuginfo would have to tell is unknown. Definitions of one name that
// disagree (drivers name their private structs alike) are unknown too. The program must outlive it; one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "object/program.h"
#include "records/marks.h"

namespace inquest::inquiry {

class ProgramFacts : public records::KernelFacts {
 public:
  explicit ProgramFacts(const object::Program& program) : program_(&program) {}

  std::optional<bool> has_type(std::string_view type) override;
  std::optional<bool> has_member(std::string_view type, std::string_view member) override;
  std::optional<bool> has_function(std::string_view function) override;
  std::optional<bool> calls(std::string_view caller, std::string_view callee) override;
  std::optional<bool> has_enum_value(std::string_view enumeration, std::string_view value) override;
  std::optional<bool> has_string(std::string_view function, std::string_view text) override;
  std::optional<bool> has_parameter(std::string_view function, std::string_view parameter) override;

 private:
  const object::Program* program_;
  std::map<std::string, std::optional<object::Symbol>, std::less<>> functions_;

  std::vector<const object::Type*> definitions(std::string_view name) const;
  // Also under the names compilers give to parts and clones of it.
  const std::optional<object::Symbol>& function(std::string_view name);
};

}  // namespace inquest::inquiry
