// Vmcoreinfo: the kernel's own note about itself, lines of KEY=VALUE.
//
// Documentation/admin-guide/kdump/vmcoreinfo.rst. Text from a dump's note, or found in memory: hostile, bounded by its span.
// A plain value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace inquest::target {

class Vmcoreinfo {
 public:
  static Vmcoreinfo parse(std::string_view text);

  bool empty() const { return values_.empty(); }
  std::optional<std::string> text(std::string_view key) const;     // "OSRELEASE", "BUILD-ID"
  std::optional<uint64_t> symbol(std::string_view name) const;     // SYMBOL(x), run-time address
  std::optional<uint64_t> offset(std::string_view member) const;   // OFFSET(type.member)
  std::optional<uint64_t> size(std::string_view type) const;       // SIZE(x)
  std::optional<uint64_t> length(std::string_view array) const;    // LENGTH(x)
  std::optional<int64_t> number(std::string_view name) const;      // NUMBER(x)
  std::optional<uint64_t> hex(std::string_view key) const;         // "KERNELOFFSET", "KERNELPACMASK": bare hexadecimal

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace inquest::target
