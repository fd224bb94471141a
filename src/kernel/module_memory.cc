#include "kernel/module_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "elf/elf_file.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxModuleSize = uint64_t{1} << 31;
constexpr uint64_t kMaxSections = 4096, kMaxSymbols = 1 << 20, kMaxStrings = 1 << 26;
constexpr uint64_t kOrcEntrySize = 6;  // struct orc_entry is packed: s16 sp_offset, s16 bp_offset, 16 bits of flags (4.14 on)

std::optional<uint64_t> get(const KernelView& view, VirtualAddress object, std::string_view type, std::initializer_list<std::string_view> paths) {
  auto f = view.field(type, paths);
  return f ? view.read(object, *f).maybe() : std::nullopt;
}

}  // namespace

bool ModuleExtents::contains(VirtualAddress a) const {
  for (const auto& [start, size] : parts)
    if (a >= start && a - start < size) return true;
  return false;
}

// mem[MOD_TEXT … MOD_INIT_RODATA] since 6.4 (ac3b43283923); core_layout and init_layout since 4.5 (7523e4dc5057); module_core before.
ModuleExtents module_extents(const KernelView& view, VirtualAddress module) {
  ModuleExtents e;
  auto add = [&](std::optional<uint64_t> base, std::optional<uint64_t> size) {
    if (base && size && *base && *size && *size < kMaxModuleSize) e.parts.emplace_back(VirtualAddress(*base), *size);
  };
  auto mem = view.field("module", "mem");
  auto step = view.size_of("module_memory");
  if (mem && step && *step) {
    for (uint64_t i = 0; i < mem->bytes / *step; i++) {
      VirtualAddress at = module + mem->offset + i * *step;
      auto base = get(view, at, "module_memory", {"base"}), size = get(view, at, "module_memory", {"size"});
      add(base, size);
      if (i < 4) e.core_size += size.value_or(0);  // MOD_TEXT, MOD_DATA, MOD_RODATA, MOD_RO_AFTER_INIT
      if (i == 0 && base && size && *size < kMaxModuleSize) e.text = VirtualAddress(*base), e.text_size = *size;
    }
    return e;
  }
  auto base = get(view, module, "module", {"core_layout.base", "module_core"});
  auto size = get(view, module, "module", {"core_layout.size", "core_size"});
  add(base, size);
  add(get(view, module, "module", {"init_layout.base", "module_init"}), get(view, module, "module", {"init_layout.size", "init_size"}));
  e.core_size = size.value_or(0);
  e.text = VirtualAddress(base.value_or(0));
  e.text_size = std::min(get(view, module, "module", {"core_layout.text_size", "core_text_size"}).value_or(0), kMaxModuleSize);
  return e;
}

// kernel/module/sysfs.c. Until 5.7 an attribute has a `name` of its own; 5.8 (ed66f991bb19) made it a bin_attribute with the name inside;
// 6.14 dropped nsections (the group's list of pointers ends with a null) and keeps the address in bin_attribute.private.
std::vector<ModuleSection> module_sections(const KernelView& view, VirtualAddress module) {
  std::vector<ModuleSection> sections;
  auto attrs = get(view, module, "module", {"sect_attrs"});
  auto first = view.offset("module_sect_attrs", "attrs");
  if (!attrs || !*attrs || !first) return sections;
  VirtualAddress table(*attrs);
  const char* element = view.type("module_sect_attr") ? "module_sect_attr" : "bin_attribute";
  auto name = view.field(element, {"battr.attr.name", "name", "attr.name"});
  auto address = view.field(element, {"address", "private"});
  auto step = view.size_of(element);
  if (!name || !address || !step) return sections;
  auto count = get(view, table, "module_sect_attrs", {"nsections"});
  auto pointers = count ? std::nullopt : get(view, table, "module_sect_attrs", {"grp.bin_attrs", "grp.bin_attrs_new"});
  for (uint64_t i = 0; i < std::min(count.value_or(kMaxSections), kMaxSections); i++) {
    if (pointers) {
      auto end = view.memory().read_u64(VirtualAddress(*pointers) + 8 * i);
      if (!end.ok() || !*end) break;
    } else if (!count) {
      break;
    }
    VirtualAddress at = table + *first + i * *step;
    auto where = view.read(at, *address);
    std::string text = view.pointed_text(at + name->offset, 128);
    if (where.ok() && !text.empty()) sections.push_back({text, VirtualAddress(*where)});
  }
  return sections;
}

// mod->kallsyms since 4.5 (8244062ef1e5), symtab/num_symtab/strtab in struct module before. nm's letters lie in typetab since 5.2
// (1c7651f43777), in st_info before.
std::vector<object::MemorySymbol> module_symbols(const KernelView& view, VirtualAddress module, std::string* problem) {
  std::vector<object::MemorySymbol> symbols;
  auto kallsyms = get(view, module, "module", {"kallsyms"});
  bool inside = kallsyms && *kallsyms;
  VirtualAddress holder = inside ? VirtualAddress(*kallsyms) : module;
  const char* type = inside ? "mod_kallsyms" : "module";
  auto table = get(view, holder, type, {"symtab"}), count = get(view, holder, type, {"num_symtab"}), strings = get(view, holder, type, {"strtab"});
  auto letters = get(view, holder, type, {"typetab"});
  if (!table || !count || !strings || !*table || !*strings) return symbols;
  auto fail = [&](const std::string& why) {
    if (problem) *problem = "its symbols: " + why;
    return symbols;
  };
  if (*count > kMaxSymbols) return fail(fmt::format("{} of them cannot be", *count));
  std::vector<std::byte> entries(*count * 24);  // Elf64_Sym
  auto read = view.memory().read(VirtualAddress(*table), entries);
  if (!read.ok()) return fail(read.error().message());
  uint64_t longest = 0;
  for (uint64_t i = 0; i < *count; i++) longest = std::max<uint64_t>(longest, load_unchecked<uint32_t>(&entries[i * 24]));
  std::vector<std::byte> names = view.memory().read_prefix(VirtualAddress(*strings), std::min(longest + 512, kMaxStrings));
  std::vector<std::byte> kinds = letters ? view.memory().read_prefix(VirtualAddress(*letters), *count) : std::vector<std::byte>();
  for (uint64_t i = 1; i < *count; i++) {
    const std::byte* entry = &entries[i * 24];
    uint32_t at = load_unchecked<uint32_t>(entry);
    uint16_t section = load_unchecked<uint16_t>(entry + 6);
    uint64_t value = load_unchecked<uint64_t>(entry + 8), size = load_unchecked<uint64_t>(entry + 16);
    if (at >= names.size() || section == elf::kShnUndef || section == elf::kShnAbs || !value) continue;
    std::string_view name = Cursor(names, ByteOrder::kLittle, at).cstring();
    if (name.empty() || name[0] == '$' || name.starts_with(".L") || name.starts_with("__pfx_")) continue;  // labels and padding
    char letter = i < kinds.size() ? char(kinds[i]) : char(entry[4]);
    symbols.push_back({std::string(name), VirtualAddress(value), size, letter});
  }
  return symbols;
}

// The note itself is in the module's memory; since 5.14 (9294523e3768, CONFIG_STACKTRACE_BUILD_ID) struct module has a copy.
std::string module_build_id(const KernelView& view, VirtualAddress module, const std::vector<ModuleSection>& sections) {
  auto from_note = [&](VirtualAddress at, uint64_t size) {
    std::vector<std::byte> note = view.memory().read_prefix(at, std::min<uint64_t>(size, 4096));
    return elf::build_id_of(elf::parse_notes(note, ByteOrder::kLittle));
  };
  for (const ModuleSection& s : sections)
    if (s.name == ".note.gnu.build-id")
      if (std::string id = from_note(s.address, 36); !id.empty()) return id;
  auto notes = get(view, module, "module", {"notes_attrs"});
  auto count = notes && *notes ? get(view, VirtualAddress(*notes), "module_notes_attrs", {"notes"}) : std::nullopt;
  auto first = view.offset("module_notes_attrs", "attrs");
  auto step = view.size_of("bin_attribute");
  for (uint64_t i = 0; count && first && step && i < std::min<uint64_t>(*count, 64); i++) {
    VirtualAddress at = VirtualAddress(*notes) + *first + i * *step;
    auto where = get(view, at, "bin_attribute", {"private"}), size = get(view, at, "bin_attribute", {"size"});
    if (where && size)
      if (std::string id = from_note(VirtualAddress(*where), *size); !id.empty()) return id;
  }
  auto copy = view.field("module", "build_id");
  if (!copy || copy->bytes < 20) return "";
  std::vector<std::byte> bytes = view.memory().read_prefix(module + copy->offset, 20);
  std::string id;
  for (std::byte b : bytes) id += fmt::format("{:02x}", unsigned(b));
  return id.find_first_not_of('0') == std::string::npos ? "" : id;
}

std::shared_ptr<const debuginfo::UnwindTable> orc_from_memory(const KernelView& view, VirtualAddress ips, VirtualAddress entries, uint64_t count,
                                                              std::optional<Bytes> header) {
  struct Owned {
    std::vector<std::byte> ips, entries;
    std::unique_ptr<debuginfo::UnwindTable> table;
  };
  if (count == 0 || count > (1 << 26)) return nullptr;
  auto owned = std::make_shared<Owned>();
  owned->ips.resize(count * 4);
  owned->entries.resize(count * kOrcEntrySize);
  if (!view.memory().read(ips, owned->ips).ok() || !view.memory().read(entries, owned->entries).ok()) return nullptr;
  owned->table = debuginfo::make_orc_table(owned->ips, owned->entries, ips.value, header);
  if (!owned->table) return nullptr;
  return {owned, owned->table.get()};
}

std::shared_ptr<const debuginfo::UnwindTable> module_orc(const KernelView& view, VirtualAddress module) {
  auto ips = get(view, module, "module", {"arch.orc_unwind_ip"}), entries = get(view, module, "module", {"arch.orc_unwind"});
  auto count = get(view, module, "module", {"arch.num_orcs"});
  if (!ips || !entries || !count || !*ips || !*entries) return nullptr;
  std::optional<Bytes> header;
  if (const auto* debug = view.program().kernel().debug_file())
    if (auto bytes = debug->section_bytes(".orc_header"); bytes.ok()) header = *bytes;  // 6.4+ (b9f174c811e3): modules have the kernel's
  return orc_from_memory(view, VirtualAddress(*ips), VirtualAddress(*entries), *count, header);
}

}  // namespace inquest::kernel
