// Structures as crash prints them: what `struct`, `list -s` and `task -R` share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "object/value.h"
#include "shell/shell.h"

namespace inquest::shell {

struct TypeMembers {
  std::string type;
  std::vector<std::string> members;  // empty: all of it
};
// "TYPE.MEMBER,MEMBER"; split_list(): "MEMBER,MEMBER".
TypeMembers split_type(const std::string& word);
std::vector<std::string> split_list(const std::string& text);

// A struct, union or typedef of one by its name.
Result<const object::Type*> aggregate(const Context& context, const std::string& name, bool union_first);

// "struct TYPE {…}" or a line "  MEMBER = …" for each. An Error where nothing of it can be shown.
Result<std::string> value_text(const object::Value& value, const std::vector<std::string>& members, const object::PrintOptions& options);

}  // namespace inquest::shell
