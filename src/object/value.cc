#include "object/value.h"

#include <fmt/format.h>

#include <charconv>

namespace inquest::object {

Value Value::of_number(const Program& program, const Type* type, uint64_t number) {
  Value v(program, type, VirtualAddress());
  v.address_.reset();
  v.number_ = number;
  return v;
}

Value Value::of_pieces(const Program& program, const Type* type, Pieces pieces) {
  Value v = of_number(program, type, 0);
  v.pieces_ = std::make_shared<const Pieces>(std::move(pieces));
  return v;
}

Value Value::part(const Type* type, uint64_t offset) const {
  if (address_) return Value(*program_, type, *address_ + offset);
  Value inner = *this;
  inner.type_ = type;
  inner.piece_offset_ += offset;
  return inner;
}

std::optional<Value> Value::unnamed(const debuginfo::Member& member) const {
  return address_ || pieces_ ? std::optional(part(member.type, member.offset())) : std::nullopt;
}

Result<uint64_t> Value::number_of_pieces(unsigned bytes) const {
  uint64_t number = 0;
  if (piece_offset_ > pieces_->bytes.size() || bytes > pieces_->bytes.size() - piece_offset_) return Error(ErrorCode::kCorrupt, "a member outside of its struct");
  for (unsigned i = 0; i < bytes; i++) {
    if (!pieces_->known[piece_offset_ + i]) return Error(ErrorCode::kNotFound, "not known");
    number |= std::to_integer<uint64_t>(pieces_->bytes[piece_offset_ + i]) << (8 * i);
  }
  return number;
}

Result<Value> Value::variable(const Program& program, std::string_view name) {
  for (const auto& file : program.files()) {
    if (!file->debug_file()) continue;
    auto v = file->debug_file()->find_variable(name);
    if (!v || !v->type || !v->address) continue;
    if (auto at = file->to_runtime(*v->address)) return Value(program, v->type, *at);
  }
  if (program.symbol(name)) return Error(ErrorCode::kNotFound, fmt::format("the type of {} is not known", name));
  return Error(ErrorCode::kNotFound, fmt::format("this kernel has no variable {}", name));
}

Result<Value> Value::at(const Program& program, std::string_view type_spelling, VirtualAddress address) {
  const Type* type = program.parse_type(type_spelling);
  if (!type) return Error(ErrorCode::kNotFound, fmt::format("this kernel has no type {}", type_spelling));
  return Value(program, type, address);
}

// "a.b[2].c" is taken step by step: members by name (anonymous levels are passed through), "[n]" by index.
Result<Value> Value::member(std::string_view path) const {
  Value here = *this;
  while (!path.empty()) {
    if (path[0] == '[') {
      size_t close = path.find(']');
      if (close == std::string_view::npos) return Error(ErrorCode::kUsage, "no ] in a member path");
      uint64_t i = 0;
      auto digits = path.substr(1, close - 1);
      if (std::from_chars(digits.data(), digits.data() + digits.size(), i).ec != std::errc())
        return Error(ErrorCode::kUsage, fmt::format("[{}] is no index", digits));
      TRY(here, here.index(i));
      path.remove_prefix(close + 1);
    } else {
      if (path[0] == '.') path.remove_prefix(1);
      std::string_view name = path.substr(0, path.find_first_of(".["));
      if (here.type_ && here.type_->is_pointer()) {
        TRY(here, here.pointee());
      }
      auto found = here.type_ ? debuginfo::find_member(here.type_, name) : std::nullopt;
      if (!found) return Error(ErrorCode::kNotFound, fmt::format("{} has no member {}", debuginfo::spell(here.type_), name));
      if (!here.address_ && !here.pieces_) return Error(ErrorCode::kUnreadable, "a struct held in registers has no address");
      Value next = here.part(found->member.type, found->member.offset());
      next.bit_size_ = found->member.bit_size;
      next.bit_shift_ = found->member.bit_size ? uint32_t(found->member.bit_offset % 8) : 0;
      here = next;
      path.remove_prefix(name.size());
    }
  }
  return here;
}

Result<Value> Value::index(uint64_t i) const {
  const Type* t = type_ ? type_->stripped() : nullptr;
  if (!t) return Error(ErrorCode::kUsage, "no type to index");
  const Type* element = t->target();
  auto size = element ? element->size() : std::nullopt;
  if (!size) return Error(ErrorCode::kUsage, fmt::format("{} cannot be indexed", debuginfo::spell(type_)));
  if (t->kind() == TypeKind::kArray) {
    if (!address_ && !pieces_) return Error(ErrorCode::kUnreadable, "an array held in registers has no address");
    return part(element, i * *size);
  }
  if (t->kind() != TypeKind::kPointer) return Error(ErrorCode::kUsage, fmt::format("{} cannot be indexed", debuginfo::spell(type_)));
  TRY(VirtualAddress base, as_pointer());
  return Value(*program_, element, base + i * *size);
}

Result<Value> Value::pointee() const {
  const Type* t = type_ ? type_->stripped() : nullptr;
  if (!t || t->kind() != TypeKind::kPointer) return Error(ErrorCode::kUsage, fmt::format("{} is no pointer", debuginfo::spell(type_)));
  TRY(VirtualAddress to, as_pointer());
  return Value(*program_, t->target(), to);
}

Result<uint64_t> Value::as_unsigned() const {
  uint64_t size = type_ ? type_->size().value_or(8) : 8;
  if (!address_ && !pieces_) {
    if (size >= 8 || size == 0) return number_;
    return number_ & ((uint64_t{1} << (8 * size)) - 1);
  }
  if (bit_size_) {
    unsigned bytes = unsigned((bit_shift_ + bit_size_ + 7) / 8);
    if (bytes > 8) return Error(ErrorCode::kUnsupported, "a bit-field over nine bytes");
    TRY(uint64_t raw, pieces_ ? number_of_pieces(bytes) : program_->memory().read_unsigned(*address_, bytes));
    return raw >> bit_shift_ & (bit_size_ >= 64 ? ~uint64_t{0} : (uint64_t{1} << bit_size_) - 1);
  }
  if (size == 0 || size > 8) return Error(ErrorCode::kUsage, fmt::format("{} is no number", debuginfo::spell(type_)));
  if (pieces_) return number_of_pieces(unsigned(size));
  return program_->memory().read_unsigned(*address_, unsigned(size));
}

Result<int64_t> Value::as_signed() const {
  TRY(uint64_t raw, as_unsigned());
  uint64_t bits = bit_size_ ? bit_size_ : 8 * (type_ ? type_->size().value_or(8) : 8);
  const Type* t = type_ ? type_->stripped() : nullptr;
  if (!t || !t->is_signed() || bits >= 64 || bits == 0) return int64_t(raw);
  unsigned shift = unsigned(64 - bits);
  return int64_t(raw << shift) >> shift;
}

Result<VirtualAddress> Value::as_pointer() const {
  TRY(uint64_t raw, as_unsigned());
  return VirtualAddress(raw);
}

Result<std::string> Value::as_string(uint64_t limit) const {
  const Type* t = type_ ? type_->stripped() : nullptr;
  if (t && t->kind() == TypeKind::kArray && address_) {
    uint64_t most = std::min<uint64_t>(limit, t->count().value_or(limit));
    return program_->memory().read_string(*address_, most);
  }
  TRY(VirtualAddress to, as_pointer());
  return program_->memory().read_string(to, limit);
}

Result<std::vector<std::byte>> Value::bytes() const {
  auto size = type_ ? type_->size() : std::nullopt;
  if (!address_ || !size) return Error(ErrorCode::kUnreadable, "no bytes in memory");
  if (*size > (64u << 20)) return Error(ErrorCode::kLimit, "larger than 64 MiB");
  std::vector<std::byte> all(*size);
  TRY_VOID(program_->memory().read(*address_, all));
  return all;
}

}  // namespace inquest::object
