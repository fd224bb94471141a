#include "arch/arch.h"

#include <algorithm>
#include <string>

namespace inquest::arch {

namespace {

std::string lower(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  }
  return text;
}

// `words` register values from `bytes`, word i being register layout[i].
Registers from_words(std::span<const uint8_t> layout, Bytes bytes) {
  Registers registers;
  for (size_t i = 0; i < layout.size(); i++) {
    if (layout[i] != 255) registers.set(layout[i], load_unchecked<uint64_t>(bytes.data() + 8 * i));
  }
  return registers;
}

}  // namespace

std::string_view Arch::register_name(unsigned number) const {
  return number < register_count ? register_names[number] : std::string_view("?");
}

std::optional<unsigned> Arch::register_number(std::string_view wanted) const {
  if (wanted.empty() || wanted.size() > 16) return std::nullopt;
  if (wanted.front() == '%' || wanted.front() == '$') wanted.remove_prefix(1);
  std::string text = lower(wanted);
  for (unsigned i = 0; i < register_count; i++) {
    if (register_names[i] == text) return i;
  }
  return register_alias(text);
}

std::optional<Registers> Arch::from_pt_regs(Bytes bytes) const {
  if (bytes.size() < pt_regs_size()) return std::nullopt;
  return from_words(pt_regs, bytes);
}

std::optional<Registers> Arch::from_prstatus(Bytes note) const {
  size_t wanted = prstatus_offset + prstatus_words.size() * 8;
  if (note.size() < wanted) return std::nullopt;
  return from_words(prstatus_words, note.subspan(prstatus_offset));
}

std::span<const Arch* const> all_archs() {
  static const Arch* const kAll[] = {&x86_64(), &aarch64()};
  return kAll;
}

const Arch* find(std::string_view name) {
  if (name == "arm64") name = "aarch64";
  if (name == "amd64") name = "x86_64";
  auto all = all_archs();
  auto found = std::find_if(all.begin(), all.end(), [&](const Arch* a) { return a->name == name; });
  return found == all.end() ? nullptr : *found;
}

const Arch* find_machine(uint16_t elf_machine) {
  auto all = all_archs();
  auto found = std::find_if(all.begin(), all.end(), [&](const Arch* a) { return a->elf_machine == elf_machine; });
  return found == all.end() ? nullptr : *found;
}

}  // namespace inquest::arch
