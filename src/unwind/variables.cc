// variables_of(): parameters and locals of a frame's functions, where DWARF has them, and, marked as such, where the code shows them.
#include <fmt/format.h>

#include <algorithm>

#include "unwind/frame_evaluator.h"
#include "unwind/placeless.h"
#include "unwind/stack.h"

namespace inquest::unwind {

using debuginfo::FunctionScope;
using debuginfo::Location;
using debuginfo::LocalVariable;
using debuginfo::Piece;

namespace {

struct Reader {
  const object::Program& program;
  CallValues& values;
  size_t frame;

  std::vector<FrameVariable> read(const debuginfo::Scopes& here, const debuginfo::Scopes* at_call);
  void evaluate(FrameEvaluator& evaluator, const debuginfo::Expression& location, FrameVariable& variable) const;
  bool from_location(const Location& location, FrameEvaluator& evaluator, FrameVariable& variable) const;
  bool from_piece(const Piece& piece, FrameEvaluator& evaluator, FrameVariable& variable, uint64_t size) const;
  bool from_pieces(const Location& location, FrameEvaluator& evaluator, FrameVariable& variable, uint64_t size) const;
  Result<uint64_t> piece_number(const Piece& piece, FrameEvaluator& evaluator) const;
};

std::string joined(const std::string& first, const std::string& second) {
  if (first.empty() || second.empty()) return first + second;
  return first + ", " + second;
}

constexpr uint64_t kMaxPieces = 256;  // bytes

uint64_t number_of(const object::Value::Pieces& pieces) {
  uint64_t number = 0;
  for (size_t i = 0; i < std::min<size_t>(8, pieces.bytes.size()); i++) number |= std::to_integer<uint64_t>(pieces.bytes[i]) << (8 * i);
  return number;
}

uint64_t low_bytes(uint64_t value, uint64_t size) { return size >= 8 ? value : value & ((uint64_t{1} << (8 * size)) - 1); }

Result<uint64_t> Reader::piece_number(const Piece& piece, FrameEvaluator& evaluator) const {
  uint64_t bits = piece.bit_size ? piece.bit_size : 64;
  if (bits > 64) return Error(ErrorCode::kUnsupported, "a piece of more than 8 bytes");
  switch (piece.kind) {
    case Piece::Kind::kMemory: {
      if (piece.bit_offset) return Error(ErrorCode::kUnsupported, "a piece that begins inside a byte");
      TRY(uint64_t raw, program.memory().read_unsigned(VirtualAddress(piece.value), unsigned((bits + 7) / 8)));
      return raw;
    }
    case Piece::Kind::kRegister: {
      TRY(uint64_t raw, evaluator.reg(unsigned(piece.value)));
      return piece.bit_offset < 64 ? raw >> piece.bit_offset : 0;
    }
    case Piece::Kind::kValue: return piece.bit_offset < 64 ? piece.value >> piece.bit_offset : 0;
    case Piece::Kind::kBytes: {
      uint64_t raw = 0;
      for (size_t i = 0; i < std::min<size_t>(8, piece.bytes.size()); i++) raw |= std::to_integer<uint64_t>(piece.bytes[i]) << (8 * i);
      return raw;
    }
    case Piece::Kind::kImplicitPointer: return Error(ErrorCode::kNotFound, "a pointer to what has no address of its own");
    case Piece::Kind::kNowhere: break;
  }
  return Error(ErrorCode::kNotFound, piece.why.empty() ? "optimized out" : piece.why);
}

bool Reader::from_piece(const Piece& piece, FrameEvaluator& evaluator, FrameVariable& variable, uint64_t size) const {
  if (piece.kind == Piece::Kind::kMemory) {
    variable.value = object::Value(program, variable.type, VirtualAddress(piece.value));
    variable.how = joined(fmt::format("at {:#x}", piece.value), evaluator.how());
    return true;
  }
  auto number = piece_number(piece, evaluator);
  if (!number.ok()) {
    variable.why_not = number.error().message();
    return false;
  }
  if (size > 8 || evaluator.width() < std::min<uint64_t>(size, 8)) {
    variable.why_not = fmt::format("only {} of {} bytes are known", evaluator.width(), size);
    return false;
  }
  // gcc keeps a bool that it has not yet cut down to one bit in a register and calls it the variable.
  if (variable.type && variable.type->stripped()->kind() == debuginfo::TypeKind::kBool && low_bytes(*number, size) > 1) {
    variable.why_not = fmt::format("{:#x} is no bool", low_bytes(*number, size));
    return false;
  }
  variable.value = object::Value::of_number(program, variable.type, low_bytes(*number, size));
  if (piece.kind == Piece::Kind::kRegister)
    variable.how = joined("in " + std::string(program.arch().register_name(unsigned(piece.value))), evaluator.how());
  else
    variable.how = evaluator.how().empty() ? "computed" : evaluator.how();
  return true;
}

// How much of the members of a type is known: padding is nothing to know.
void count_known(const debuginfo::Type* type, uint64_t offset, const std::vector<bool>& known, std::pair<size_t, size_t>& told, int depth = 0) {
  const debuginfo::Type* t = type->stripped();
  if (t->is_aggregate() && depth < 8) {
    for (const auto& m : t->members()) count_known(m.type, offset + m.offset(), known, told, depth + 1);
    return;
  }
  uint64_t size = t->size().value_or(0);
  bool all = size > 0 && offset <= known.size() && size <= known.size() - offset;
  for (uint64_t i = 0; all && i < size; i++) all = known[offset + i];
  (all ? told.first : told.second)++;
}

// A struct taken apart: memory if its parts still lie in order, else what is known of it.
bool Reader::from_pieces(const Location& location, FrameEvaluator& evaluator, FrameVariable& variable, uint64_t size) const {
  object::Value::Pieces pieces{std::vector<std::byte>(std::min<uint64_t>(size, kMaxPieces)), std::vector<bool>(std::min<uint64_t>(size, kMaxPieces))};
  uint64_t total = 0;
  bool in_order = true;
  std::string why;
  for (const Piece& piece : location) {
    in_order = in_order && piece.kind == Piece::Kind::kMemory && total % 8 == 0 && piece.value == location[0].value + total / 8;
    auto part = piece_number(piece, evaluator);
    if (!part.ok() && why.empty()) why = part.error().message();
    for (uint64_t bit = 0; part.ok() && bit + 8 <= std::min<uint64_t>(piece.bit_size, 64) && (total + bit) / 8 < pieces.bytes.size(); bit += 8)
      pieces.bytes[(total + bit) / 8] = std::byte(*part >> bit), pieces.known[(total + bit) / 8] = total % 8 == 0;
    if (piece.bit_size > UINT64_MAX - total) break;
    total += piece.bit_size;
  }
  if (in_order && total == size * 8) return from_piece({Piece::Kind::kMemory, location[0].value, 0, {}, 0, 0, {}}, evaluator, variable, size);
  std::pair<size_t, size_t> told;
  if (variable.type && size <= kMaxPieces && evaluator.width() == 8) count_known(variable.type, 0, pieces.known, told);
  if (!told.first) {
    variable.why_not = fmt::format("{} of its {} bytes are known: {}", std::ranges::count(pieces.known, true), size, why);
    return false;
  }
  variable.partly = told.second > 0;
  variable.value = variable.type->stripped()->is_aggregate() ? object::Value::of_pieces(program, variable.type, std::move(pieces))
                                                             : object::Value::of_number(program, variable.type, number_of(pieces));
  variable.how = joined(variable.partly ? "in pieces, of which some are not known" : "in pieces", evaluator.how());
  return true;
}

bool Reader::from_location(const Location& location, FrameEvaluator& evaluator, FrameVariable& variable) const {
  uint64_t size = variable.type ? variable.type->size().value_or(8) : 8;
  if (location.empty()) {
    variable.why_not = "optimized out";
    return false;
  }
  if (!evaluator.misplaced().empty()) {
    variable.why_not = evaluator.misplaced();
    return false;
  }
  return location.size() == 1 && location[0].bit_size == 0 ? from_piece(location[0], evaluator, variable, size)
                                                           : from_pieces(location, evaluator, variable, size);
}

void Reader::evaluate(FrameEvaluator& evaluator, const debuginfo::Expression& location, FrameVariable& variable) const {
  evaluator.forget_notes();
  evaluator.set_unit(location.unit_offset);
  auto where = debuginfo::evaluate(location, evaluator.context());
  if (!where.ok()) {
    variable.why_not = where.error().message();
    return;
  }
  // Fewer bytes than a register are right: true of the result only if nothing was computed with them.
  bool computed = where->size() != 1 || (*where)[0].kind != Piece::Kind::kValue || location.bytes.size() > 5;
  if (evaluator.width() < 8 && computed) {
    variable.why_not = "only the low bytes of what it is computed from are known";
    return;
  }
  if (!from_location(*where, evaluator, variable)) return;
  variable.why_not.clear();
  variable.basis = evaluator.by_code() ? Basis::kCode : Basis::kDebuginfo;
}

const LocalVariable* same_variable(const debuginfo::Scopes* scopes, uint64_t function_die, uint64_t die) {
  if (!scopes) return nullptr;
  for (const FunctionScope& f : scopes->functions)
    if (f.die == function_die)
      for (const LocalVariable& v : f.variables)
        if (v.die == die) return &v;
  return nullptr;
}

std::vector<FrameVariable> Reader::read(const debuginfo::Scopes& here, const debuginfo::Scopes* at_call) {
  FrameEvaluator now(values, frame, false), before(values, frame, true);
  if (!here.functions.empty() && here.functions.back().frame_base) {
    now.set_frame_base(&*here.functions.back().frame_base);
    before.set_frame_base(&*here.functions.back().frame_base);
  }
  std::vector<FrameVariable> all;
  for (size_t i = 0; i < here.functions.size(); i++) {
    for (const LocalVariable& local : here.functions[i].variables) {
      FrameVariable variable;
      variable.name = local.name;
      variable.type = local.type;
      variable.parameter = local.parameter;
      variable.source_index = i;
      if (local.constant) {
        variable.value = object::Value::of_number(program, local.type, uint64_t(*local.constant));
        variable.how = "constant";
      } else if (local.location) {
        evaluate(now, *local.location, variable);
      } else {
        variable.why_not = "optimized out";
      }
      // Compilers end the life of what a call destroys one byte before the call's end, so that the look-up at the return address
      // minus 1 does not find it. It was alive when the call was made.
      const LocalVariable* earlier = variable.value ? nullptr : same_variable(at_call, here.functions[i].die, local.die);
      if (earlier && earlier->location) {
        FrameVariable then = variable;
        evaluate(before, *earlier->location, then);
        if (then.value) variable = std::move(then);
        else if (!local.location) variable.why_not = then.why_not;
      }
      all.push_back(std::move(variable));
    }
  }
  return all;
}

}  // namespace

VariableReader::VariableReader(const object::Program& program, const Stack& stack) : values_(std::make_unique<CallValues>(program, stack)) {}
VariableReader::~VariableReader() = default;

std::vector<FrameVariable> VariableReader::variables_of(size_t frame) {
  const Stack& stack = values_->stack();
  const object::Program& program = values_->program();
  if (frame >= stack.frames.size()) return {};
  const Frame& f = stack.frames[frame];
  const object::LoadedFile* file = f.garbage_pc || f.user ? nullptr : program.file_at(f.lookup());
  if (!file || !file->debug_file()) return {};
  auto at = file->to_file(f.lookup());
  if (!at) return {};
  auto here = file->debug_file()->scopes_at(*at);
  if (!here.ok()) return {};
  std::optional<debuginfo::Scopes> at_call;
  if (f.pc_is_return)
    if (auto call = file->to_file(values_->call_address(frame)))
      if (auto scopes = file->debug_file()->scopes_at(*call); scopes.ok()) at_call = std::move(*scopes);
  std::vector<FrameVariable> variables = Reader{program, *values_, frame}.read(*here, at_call ? &*at_call : nullptr);
  find_placeless(*values_, frame, *at, *here, variables);
  return variables;
}

std::vector<FrameVariable> variables_of(const object::Program& program, const Stack& stack, size_t frame) {
  return VariableReader(program, stack).variables_of(frame);
}

CallRegisters registers_at_call(const object::Program& program, const Stack& stack, size_t frame) {
  CallRegisters result;
  if (frame >= stack.frames.size()) return result;
  CallValues values(program, stack);
  for (unsigned reg = 0; reg < program.arch().register_count; reg++) {
    auto kept = values.at_call(frame, reg);
    if (!kept) continue;
    result.registers.set(reg, kept->value);
    result.width[reg] = uint8_t(kept->width);
    result.how[reg] = kept->how;
  }
  return result;
}

}  // namespace inquest::unwind
