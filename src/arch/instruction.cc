#include "arch/instruction.h"

#include <fmt/format.h>

#include <algorithm>

#include "arch/decoding.h"

namespace inquest::arch {

struct Decoder::State {
  ArchId arch = ArchId::kX86_64;
  csh handle = 0;
  cs_insn* scratch = nullptr;

  explicit State(ArchId id) : arch(id) {
    bool a64 = id == ArchId::kAarch64;
    if (cs_open(a64 ? CS_ARCH_ARM64 : CS_ARCH_X86, a64 ? CS_MODE_LITTLE_ENDIAN : CS_MODE_64, &handle) != CS_ERR_OK)
      return;
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    scratch = cs_malloc(handle);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (scratch) cs_free(scratch, 1);
    if (handle) cs_close(&handle);
  }

  bool decode(Bytes bytes, uint64_t address) {
    if (!scratch) return false;
    const uint8_t* code = reinterpret_cast<const uint8_t*>(bytes.data());
    size_t left = bytes.size();
    return cs_disasm_iter(handle, &code, &left, &address, scratch);
  }

  std::optional<Instruction> decode_a64(Bytes bytes, Instruction out) {
    if (bytes.size() < 4) return std::nullopt;
    out.size = 4;
    if (describe_a64_new(load_unchecked<uint32_t>(bytes.data()), out)) return out;
    if (!decode(bytes.first(4), out.address.value)) return std::nullopt;
    describe_a64(handle, *scratch, out);
    a64_text(*scratch, out.mnemonic, out.operands);
    return out;
  }
};

namespace {

// ud1 has operands (SDM vol. 2B, UD), which capstone 4 leaves out, and so takes them for the next instruction. Kernels
// use it as a mark (static call trampolines: 0f b9 cc, arch/x86/include/asm/static_call.h). imul (0f af) has its very
// form.
struct Disguised {
  std::byte bytes[16];
  size_t size;
};
std::optional<Disguised> disguised_ud1(Bytes bytes) {
  size_t at = 0;
  if (!bytes.empty()) at = std::to_integer<unsigned>(bytes[0]) == 0x67 ? 1 : 0;
  if (bytes.size() < at + 3 || std::to_integer<unsigned>(bytes[at]) != 0x0f ||
      std::to_integer<unsigned>(bytes[at + 1]) != 0xb9) {
    return std::nullopt;
  }
  Disguised result{};
  result.size = std::min(bytes.size(), sizeof result.bytes);
  std::copy_n(bytes.begin(), result.size, result.bytes);
  result.bytes[at + 1] = std::byte{0xaf};
  return result;
}

// Instructions younger than capstone 4, all 0f 01 with a register form (SDM vol. 2, table A-6; APM vol. 3): known by
// length, so that their second byte is not read as an add. What they may write is eax, ecx and edx.
std::optional<Instruction> system_instruction(Bytes bytes, VirtualAddress address) {
  auto byte = [&](size_t i) { return i < bytes.size() ? std::to_integer<unsigned>(bytes[i]) : 0u; };
  unsigned at = byte(0) == 0xf2 || byte(0) == 0xf3 || byte(0) == 0x66 ? 1 : 0;
  if (byte(at) != 0x0f || byte(at + 1) != 0x01 || byte(at + 2) < 0xc0) return std::nullopt;
  Instruction out;
  out.address = address;
  out.size = at + 3;
  switch (byte(0) << 8 | byte(at + 2)) {
    case 0x0fe8: out.mnemonic = "serialize"; break;
    case 0x0fee: out.mnemonic = "rdpkru"; break;
    case 0x0fef: out.mnemonic = "wrpkru"; break;
    case 0x0ffa: out.mnemonic = "monitorx"; break;
    case 0x0ffb: out.mnemonic = "mwaitx"; break;
    case 0xf2ff: out.mnemonic = "pvalidate"; break;
    case 0xf3fe: out.mnemonic = "rmpadjust"; break;
    case 0xf2fe: out.mnemonic = "rmpupdate"; break;
    default: out.mnemonic = fmt::format("0f 01 {:02x}", byte(at + 2)); break;
  }
  out.written = {x86::kRax, x86::kRcx, x86::kRdx};
  return out;
}

Instruction bad_instruction(Bytes bytes, VirtualAddress address, unsigned size) {
  Instruction bad;
  bad.address = address;
  bad.size = size;
  bad.mnemonic = "(bad)";
  if (size == 4) bad.operands = fmt::format("0x{:08x}", load_unchecked<uint32_t>(bytes.data()));
  return bad;
}

}  // namespace

void add_written(Instruction& out, unsigned number) {
  if (number >= kRegisterCount) return;
  if (std::find(out.written.begin(), out.written.end(), number) == out.written.end())
    out.written.push_back(uint8_t(number));
}

Operand register_operand(RegisterView view) {
  Operand operand;
  operand.kind = Operand::Kind::kRegister;
  operand.reg = view.number;
  operand.size = view.size;
  return operand;
}

Operand immediate_operand(int64_t value, unsigned size) {
  Operand operand;
  operand.kind = Operand::Kind::kImmediate;
  operand.immediate = value;
  operand.size = size;
  return operand;
}

bool Instruction::ends_block() const { return operation == Operation::kJump || operation == Operation::kReturn; }

bool Instruction::writes(unsigned reg) const { return std::find(written.begin(), written.end(), reg) != written.end(); }

std::optional<unsigned> thunk_register(std::string_view symbol) {
  for (std::string_view prefix :
       {"__x86_indirect_thunk_", "__x86_indirect_call_thunk_", "__x86_indirect_jump_thunk_"}) {
    if (!symbol.starts_with(prefix)) continue;
    std::string_view name = symbol.substr(prefix.size());
    std::optional<unsigned> number = x86_64().register_number(name);
    if (number && *number <= x86::kR15 && x86_64().register_name(*number) == name) return number;
  }
  return std::nullopt;
}

bool is_return_thunk(std::string_view symbol) {
  return symbol == "__x86_return_thunk" || symbol == "zen_untrain_ret" || symbol == "srso_return_thunk" ||
         symbol == "srso_alias_return_thunk" || symbol == "retbleed_return_thunk" ||
         symbol == "call_depth_return_thunk" || symbol == "its_return_thunk";
}

Decoder::Decoder(ArchId arch) : state_(new State(arch)) {}
Decoder::~Decoder() { delete state_; }
Decoder::Decoder(Decoder&& other) noexcept : state_(other.state_) { other.state_ = nullptr; }
Decoder& Decoder::operator=(Decoder&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

std::optional<Instruction> Decoder::decode(Bytes bytes, VirtualAddress address) {
  if (!state_ || bytes.empty()) return std::nullopt;
  Instruction out;
  out.address = address;
  if (state_->arch == ArchId::kAarch64) return state_->decode_a64(bytes, std::move(out));
  if (std::optional<Disguised> ud1 = disguised_ud1(bytes)) {
    if (!state_->decode(Bytes(ud1->bytes, ud1->size), address.value)) return std::nullopt;
    out.size = state_->scratch->size;
    att_text(state_->handle, *state_->scratch, out.mnemonic, out.operands);
    out.mnemonic = "ud1";
    out.operation = Operation::kTrap;
    return out;
  }
  if (!state_->decode(bytes, address.value)) return system_instruction(bytes, address);
  const cs_insn& decoded = *state_->scratch;
  out.size = decoded.size;
  describe_x86(state_->handle, decoded, out);
  if (att_text(state_->handle, decoded, out.mnemonic, out.operands)) return out;
  cs_option(state_->handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
  if (state_->decode(bytes, address.value)) {
    out.mnemonic = decoded.mnemonic;
    out.operands = decoded.op_str;
  }
  cs_option(state_->handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_INTEL);
  return out;
}

std::vector<Instruction> Decoder::decode_all(Bytes bytes, VirtualAddress address) {
  std::vector<Instruction> all;
  unsigned step = state_ && state_->arch == ArchId::kAarch64 ? 4 : 1;
  all.reserve(bytes.size() / 4);
  for (size_t at = 0; at + step <= bytes.size();) {
    Bytes rest = bytes.subspan(at);
    std::optional<Instruction> one = decode(rest, address + at);
    if (!one || one->size == 0) one = bad_instruction(rest, address + at, step);
    at += one->size;
    all.push_back(std::move(*one));
  }
  return all;
}

}  // namespace inquest::arch
