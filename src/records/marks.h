// "Is it in this kernel?": the marks a patch leaves in a binary, and how they are weighed.
//
// marks_of_diff() derives them from a diff alone. Whoever can look into a kernel implements KernelFacts; status_of()
// asks it about each mark. A version number is never evidence. Plain data and pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::records {

enum class MarkKind {
  kMember,    // subject: the type ("nfs4_client"), name: the member
  kType,      // name: the type
  kFunction,  // name: the function; subject: the file
  kCall,      // subject: the caller, name: the callee
  kEnumValue, // subject: the enum, name: the value
  kString,    // name: the text of a literal; subject: the function
  kParameter, // subject: the function, name: the parameter
};
const char* name_of(MarkKind kind);

struct PatchMark {
  MarkKind kind = MarkKind::kFunction;
  std::string subject;
  std::string name;
  bool added = true;  // false: the patch takes it away
};

// A kernel as far as it can be asked. Each answer: yes, no, or nothing when the kernel cannot tell (no debuginfo for
// that module, the function was inlined, the type is not there).
class KernelFacts {
 public:
  virtual ~KernelFacts() = default;
  virtual std::optional<bool> has_type(std::string_view type) = 0;
  virtual std::optional<bool> has_member(std::string_view type, std::string_view member) = 0;
  virtual std::optional<bool> has_function(std::string_view function) = 0;
  virtual std::optional<bool> calls(std::string_view caller, std::string_view callee) = 0;
  virtual std::optional<bool> has_enum_value(std::string_view enumeration, std::string_view value) = 0;
  virtual std::optional<bool> has_string(std::string_view function, std::string_view text) = 0;
  virtual std::optional<bool> has_parameter(std::string_view function, std::string_view parameter) = 0;
};

enum class PatchStatus : int { kUnknown, kPresent, kMissing };
const char* name_of(PatchStatus status);

struct MarkFinding {
  PatchMark mark;
  std::optional<bool> patched;  // what it says: the patch is in, it is not, nothing
  std::string sentence;         // "member cl_cb_inflight of nfs4_client is there"
};

struct PatchPresence {
  PatchStatus status = PatchStatus::kUnknown;
  std::vector<MarkFinding> findings;
  std::string reason;  // one sentence
};

// `text`: a diff, or a mail that holds one. At most 200 marks, the telling ones first.
std::vector<PatchMark> marks_of_diff(std::string_view text);

// Present: a telling mark (member, type, function, enum value, parameter) or two weak ones say so and none of its
// rank says the opposite; missing likewise; otherwise unknown.
PatchPresence presence_of(const std::vector<PatchMark>& marks, KernelFacts& facts);

}  // namespace inquest::records
