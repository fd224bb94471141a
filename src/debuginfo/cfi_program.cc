#include "debuginfo/cfi_program.h"

#include <array>
#include <vector>

#include "arch/arch.h"

namespace inquest::debuginfo {

namespace {

// DW_CFA_*: DWARF 5, 7.24, and the vendors'.
enum : uint8_t {
  kNop = 0x00,
  kSetLoc,
  kAdvanceLoc1,
  kAdvanceLoc2,
  kAdvanceLoc4,
  kOffsetExtended,
  kRestoreExtended,
  kUndefined,
  kSameValue,
  kRegister,
  kRememberState,
  kRestoreState,
  kDefCfa,
  kDefCfaRegister,
  kDefCfaOffset,
  kDefCfaExpression,
  kExpression,
  kOffsetExtendedSf,
  kDefCfaSf,
  kDefCfaOffsetSf,
  kValOffset,
  kValOffsetSf,
  kValExpression,
  kMipsAdvanceLoc8 = 0x1d,
  kNegateRaStateWithPc = 0x2c,
  kNegateRaState = 0x2d,
  kGnuArgsSize = 0x2e,
  kGnuNegativeOffsetExtended = 0x2f,
  kAdvanceLoc = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
};

constexpr size_t kMaxRemembered = 64;

using Kind = RegisterRule::Kind;

struct State {
  std::array<RegisterRule, arch::kRegisterCount> rules;
  unsigned cfa_register = 0;
  int64_t cfa_offset = 0;
  std::optional<Expression> cfa_expression;
};

class Program {
 public:
  Program(const CfiCie& cie, uint64_t start, uint64_t address) : cie_(cie), location_(start), address_(address) {}

  // False if malformed. Ends early behind the wanted address.
  bool run(Bytes program);
  void keep_initial() { initial_ = state_.rules; }
  UnwindRow row() const;

 private:
  bool step(Cursor& in);
  bool define_cfa(uint8_t op, Cursor& in);
  bool define_rule(uint8_t op, Cursor& in);
  void advance(uint64_t delta) { location_ += delta * cie_.code_factor; }
  void set(uint64_t reg, Kind kind, int64_t offset = 0, unsigned other = 0) {
    if (reg >= state_.rules.size()) return;  // vector registers: nobody asks
    state_.rules[reg] = RegisterRule{kind, other, offset, {}};
  }
  void restore(uint64_t reg) {
    if (reg < state_.rules.size()) state_.rules[reg] = initial_[reg];
  }
  Expression block(Cursor& in) const {
    Expression e;
    e.bytes = in.take(in.uleb());
    e.address_size = cie_.address_size;
    return e;
  }
  int64_t factored(int64_t offset) const { return int64_t(uint64_t(offset) * uint64_t(cie_.data_factor)); }

  const CfiCie& cie_;
  uint64_t location_, address_;
  State state_;
  std::array<RegisterRule, arch::kRegisterCount> initial_;
  std::vector<State> remembered_;
};

bool Program::run(Bytes program) {
  Cursor in(program, cie_.order);
  while (!in.at_end() && location_ <= address_) {
    uint64_t from = location_;
    if (!step(in) || !in.ok()) return false;
    // Locations only grow (6.4.1), but set_loc could say otherwise.
    if (location_ < from) return false;
  }
  return true;
}

bool Program::step(Cursor& in) {
  uint8_t op = in.u8(), low = op & 0x3f;
  switch (op & 0xc0) {
    case kAdvanceLoc: advance(low); return true;
    case kOffset: set(low, Kind::kAtCfa, factored(int64_t(in.uleb()))); return true;
    case kRestore: restore(low); return true;
    default: break;
  }
  switch (op) {
    case kNop:
    case kNegateRaState:
    case kNegateRaStateWithPc: return true;  // readers of addresses strip what signing adds
    case kSetLoc: location_ = in.unsigned_of(cie_.address_size); return cie_.pointer_encoding == 0;
    case kAdvanceLoc1: advance(in.u8()); return true;
    case kAdvanceLoc2: advance(in.u16()); return true;
    case kAdvanceLoc4: advance(in.u32()); return true;
    case kMipsAdvanceLoc8: advance(in.u64()); return true;
    case kGnuArgsSize: in.uleb(); return true;
    case kRememberState:
      if (remembered_.size() >= kMaxRemembered) return false;
      remembered_.push_back(state_);
      return true;
    case kRestoreState:
      if (remembered_.empty()) return false;
      state_ = std::move(remembered_.back());
      remembered_.pop_back();
      return true;
    default: return define_cfa(op, in) || define_rule(op, in);
  }
}

bool Program::define_cfa(uint8_t op, Cursor& in) {
  switch (op) {
    case kDefCfa:
    case kDefCfaSf:
      state_.cfa_register = unsigned(in.uleb());
      state_.cfa_offset = op == kDefCfa ? int64_t(in.uleb()) : factored(in.sleb());
      state_.cfa_expression.reset();
      return true;
    case kDefCfaRegister:
      state_.cfa_register = unsigned(in.uleb());
      state_.cfa_expression.reset();
      return true;
    case kDefCfaOffset: state_.cfa_offset = int64_t(in.uleb()); return true;
    case kDefCfaOffsetSf: state_.cfa_offset = factored(in.sleb()); return true;
    case kDefCfaExpression: state_.cfa_expression = block(in); return true;
    default: return false;
  }
}

bool Program::define_rule(uint8_t op, Cursor& in) {
  if (op > kGnuNegativeOffsetExtended) return false;
  uint64_t reg = in.uleb();
  switch (op) {
    case kOffsetExtended: set(reg, Kind::kAtCfa, factored(int64_t(in.uleb()))); return true;
    case kOffsetExtendedSf: set(reg, Kind::kAtCfa, factored(in.sleb())); return true;
    case kGnuNegativeOffsetExtended: set(reg, Kind::kAtCfa, factored(int64_t(0 - in.uleb()))); return true;
    case kRestoreExtended: restore(reg); return true;
    case kUndefined: set(reg, Kind::kUndefined); return true;
    case kSameValue: set(reg, Kind::kSame); return true;
    case kRegister: set(reg, Kind::kRegister, 0, unsigned(in.uleb())); return true;
    case kValOffset: set(reg, Kind::kCfaPlus, factored(int64_t(in.uleb()))); return true;
    case kValOffsetSf: set(reg, Kind::kCfaPlus, factored(in.sleb())); return true;
    case kExpression:
    case kValExpression: {
      Expression e = block(in);
      set(reg, op == kExpression ? Kind::kExpression : Kind::kValueExpression);
      if (reg < state_.rules.size()) state_.rules[reg].expression = e;
      return true;
    }
    default: return false;
  }
}

UnwindRow Program::row() const {
  UnwindRow row;
  row.cfa_register = state_.cfa_register;
  row.cfa_offset = state_.cfa_offset;
  row.cfa_expression = state_.cfa_expression;
  row.signal = cie_.signal;
  row.return_address_register = cie_.return_register;
  row.rules = state_.rules;
  // The CFA is the caller's stack pointer, by both ABIs' definition; CFI leaves it unsaid.
  unsigned sp = cie_.return_register == arch::x86::kRip ? arch::x86::kRsp : arch::a64::kSp;
  if (row.rules[sp].kind == Kind::kUnspecified) row.rules[sp].kind = Kind::kCfaPlus;
  // No return address: nobody called (6.4.4).
  if (cie_.return_register < row.rules.size() && row.rules[cie_.return_register].kind == Kind::kUndefined)
    row.shape = UnwindRow::Shape::kEnd;
  return row;
}

}  // namespace

std::optional<UnwindRow> run_cfi(const CfiCie& cie, Bytes program, uint64_t start, uint64_t address) {
  Program machine(cie, start, address);
  if (!machine.run(cie.program)) return std::nullopt;
  machine.keep_initial();
  if (!machine.run(program)) return std::nullopt;
  return machine.row();
}

}  // namespace inquest::debuginfo
