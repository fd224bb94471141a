#include "unwind/code.h"

#include "arch/instruction.h"

namespace inquest::unwind {

namespace {

uint8_t byte_at(const std::vector<std::byte>& bytes, size_t i) { return std::to_integer<uint8_t>(bytes[i]); }

// Length of the "call *r/m64" (FF /2, Intel SDM vol. 2A) that begins at `bytes[at]`, prefixes included; 0 if it is none.
size_t indirect_call_length(const std::vector<std::byte>& bytes, size_t at) {
  size_t i = at;
  // cs/ds/gs prefixes: "cs call", notrack, per-CPU operands; then REX.
  while (i < bytes.size() && (byte_at(bytes, i) == 0x2e || byte_at(bytes, i) == 0x3e || byte_at(bytes, i) == 0x65)) i++;
  if (i < bytes.size() && (byte_at(bytes, i) & 0xf0) == 0x40) i++;
  if (i + 1 >= bytes.size() || byte_at(bytes, i) != 0xff) return 0;
  uint8_t modrm = byte_at(bytes, i + 1), mod = modrm >> 6, rm = modrm & 7;
  if ((modrm >> 3 & 7) != 2) return 0;
  i += 2;
  if (mod != 3 && rm == 4) {
    if (i >= bytes.size()) return 0;
    if (mod == 0 && (byte_at(bytes, i) & 7) == 5) i += 4;
    i++;
  }
  if (mod == 1) i += 1;
  if (mod == 2 || (mod == 0 && rm == 5)) i += 4;
  return i - at;
}

std::optional<CallBefore> call_before_x86(const object::Program& program, VirtualAddress ret) {
  constexpr size_t kLongest = 9;
  auto bytes = program.code_bytes(ret - kLongest, kLongest);
  if (bytes.size() < kLongest) return std::nullopt;
  std::optional<CallBefore> direct;
  if (byte_at(bytes, kLongest - 5) == 0xe8) {
    auto relative = int32_t(load_unchecked<uint32_t>(bytes.data() + kLongest - 4));
    VirtualAddress target = ret + uint64_t(int64_t(relative));
    if (is_code(program, target)) {
      auto symbol = program.symbol_at(target);
      if (symbol && is_trampoline(symbol->symbol.name)) {
        // gcc -mindirect-branch-cs-prefix (5.17): "cs call" for r8 to r15, as long as what apply_retpolines() may put there.
        bool prefixed = arch::thunk_register(symbol->symbol.name).value_or(0) >= arch::x86::kR8 && byte_at(bytes, kLongest - 6) == 0x2e;
        return CallBefore{ret - (prefixed ? 6 : 5), std::nullopt};
      }
      direct = CallBefore{ret - 5, target};
      if (symbol && symbol->offset == 0) return direct;
    }
  }
  // The longest form first: "call *%r11" (41 ff d3) ends in what alone would be "call *%rbx".
  for (size_t length = kLongest; length >= 2; length--)
    if (indirect_call_length(bytes, kLongest - length) == length) return CallBefore{ret - length, std::nullopt};
  return direct;
}

std::optional<CallBefore> call_before_a64(const object::Program& program, VirtualAddress ret) {
  if (ret.value & 3) return std::nullopt;
  auto bytes = program.code_bytes(ret - 4, 4);
  if (bytes.size() < 4) return std::nullopt;
  auto word = load_unchecked<uint32_t>(bytes.data());
  // Arm ARM C6.2: BL; BLR; BLRAA and its kin (pointer authentication, ARMv8.3).
  if (word >> 26 == 0x25) {
    int64_t words = int64_t(uint64_t(word) << 38) >> 38;
    VirtualAddress target = ret - 4 + uint64_t(words * 4);
    if (auto far = veneer_target(program, target)) target = *far;
    auto symbol = program.symbol_at(target);
    if (!symbol || symbol->offset != 0 || is_trampoline(symbol->symbol.name)) return CallBefore{ret - 4, std::nullopt};
    return CallBefore{ret - 4, target};
  }
  bool blr = (word & 0xfffffc1f) == 0xd63f0000, authenticated = (word & 0xfefff800) == 0xd63f0800;
  if (blr || authenticated) return CallBefore{ret - 4, std::nullopt};
  return std::nullopt;
}

}  // namespace

bool is_code(const object::Program& program, VirtualAddress address) {
  if (program.is_text(address)) return true;
  auto symbol = program.symbol_at(address);
  return symbol && symbol->symbol.is_function && symbol->offset < std::max<uint64_t>(symbol->symbol.size, 1);
}

std::optional<CallBefore> call_before(const object::Program& program, VirtualAddress return_address) {
  if (return_address.value < 16) return std::nullopt;
  return program.arch().id == arch::ArchId::kX86_64 ? call_before_x86(program, return_address)
                                                     : call_before_a64(program, return_address);
}

std::optional<VirtualAddress> veneer_target(const object::Program& program, VirtualAddress address) {
  if (!program.arch().link || !program.is_text(address)) return std::nullopt;
  auto bytes = program.code_bytes(address, 16);
  if (bytes.size() < 16) return std::nullopt;
  auto word = [&](size_t i) { return load_unchecked<uint32_t>(bytes.data() + 4 * i); };
  size_t first = word(0) == 0xd503245f ? 1 : 0;  // bti c
  uint32_t adrp = word(first), add = word(first + 1), br = word(first + 2);
  if ((adrp & 0x9f00001f) != 0x90000010 || (add & 0xff8003ff) != 0x91000210 || br != 0xd61f0200) return std::nullopt;
  uint64_t pages = uint64_t(adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);
  uint64_t page = (address.value & ~uint64_t{0xfff}) + uint64_t(int64_t(pages << 43) >> 31);
  uint64_t low = (add >> 10 & 0xfff) << (add >> 22 & 1 ? 12 : 0);
  return VirtualAddress(page + low);
}

bool is_trampoline(std::string_view symbol) {
  // __SCT__: static calls (include/linux/static_call_types.h, 5.10); .plt and __plt: module veneers (arch/arm64/kernel/module-plts.c).
  return arch::thunk_register(symbol) || symbol.starts_with("__SCT__") || symbol.starts_with("__x86_indirect") ||
         symbol.starts_with("__cfi_") || symbol.find("plt") != symbol.npos || symbol.starts_with("ftrace_") ||
         symbol == "__fentry__" || symbol == "_mcount";
}

std::optional<FunctionExtent> function_extent(const object::Program& program, VirtualAddress address) {
  auto found = program.symbol_at(address);
  if (!found || found->symbol.size == 0 || found->offset >= found->symbol.size) return std::nullopt;
  FunctionExtent extent{found->symbol.address, found->symbol.size, found->symbol.name, false};
  size_t cold = extent.name.find(".cold");
  if (cold == extent.name.npos) return extent;
  extent.name.resize(cold);
  extent.cold = true;
  return extent;
}

}  // namespace inquest::unwind
