#include <algorithm>
#include <functional>

#include "debuginfo/debug_file_impl.h"
#include "debuginfo/finder.h"

namespace inquest::debuginfo {

namespace {

// linux_banner is a constant string somewhere in .rodata; linux_proc_banner ("%s version %s") does not match.
std::string banner_release(const elf::ElfFile& file) {
  constexpr std::string_view kStart = "Linux version ";
  const elf::Section* rodata = file.section(".rodata");
  if (!rodata) return {};
  std::string_view text = as_text(file.contents(*rodata));
  std::boyer_moore_horspool_searcher searcher(kStart.begin(), kStart.end());
  for (auto at = text.begin(); (at = std::search(at, text.end(), searcher)) != text.end(); ++at) {
    std::string_view release = release_of_banner(text.substr(size_t(at - text.begin()), 256));
    if (!release.empty() && release[0] >= '0' && release[0] <= '9') return std::string(release);
  }
  return {};
}

}  // namespace

Result<FileIdentity> identify_file(Bytes bytes, const std::string& path, bool want_release) {
  auto parsed = elf::ElfFile::parse(bytes);
  if (!parsed) return std::move(parsed).error().in(path);
  const elf::ElfFile& file = *parsed;
  FileIdentity identity;
  identity.build_id = file.build_id();
  const elf::Section* info = file.section(".debug_info");
  identity.has_dwarf = info && info->type != elf::kShtNobits;
  const elf::Section* modinfo = file.section(".modinfo");
  if (file.type() == elf::kEtRel) {
    identity.is_module = modinfo || file.section(".gnu.linkonce.this_module");
    Bytes facts = modinfo ? file.contents(*modinfo) : Bytes{};
    std::string_view name = modinfo_value(facts, "name"), vermagic = modinfo_value(facts, "vermagic");
    identity.module_name = module_name_of_path(name.empty() ? path : std::string(name));
    identity.release = vermagic.substr(0, vermagic.find(' '));
  } else if (file.type() != elf::kEtCore) {
    // What every kernel has, stripped or not, and no program.
    identity.is_vmlinux = file.section("__ksymtab") || file.section(".init.text") || file.section("__ex_table");
    if (identity.is_vmlinux && want_release) identity.release = banner_release(file);
  }
  return identity;
}

}  // namespace inquest::debuginfo
