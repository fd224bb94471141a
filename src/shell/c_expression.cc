#include "shell/c_expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "shell/c_tokens.h"
#include "shell/c_types.h"

namespace inquest::shell {

namespace {

using debuginfo::Type;
using debuginfo::TypeKind;
using object::Value;

constexpr int kMaxDepth = 64;        // parentheses, casts and unary operators inside one another
constexpr unsigned kMaxPointers = 8;

constexpr std::array<std::string_view, 12> kTypeWords = {"struct", "union", "enum", "const", "volatile", "unsigned", "signed", "long", "int", "short", "char", "void"};
constexpr std::array<std::string_view, 7> kIntegerWords = {"unsigned", "signed", "long", "int", "short", "char", "__int128"};

template <typename Words>
bool among(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// How tightly a binary operator binds, as in C; 0: it is none of ours.
int precedence(std::string_view op) {
  if (op == "*" || op == "/" || op == "%") return 6;
  if (op == "+" || op == "-") return 5;
  if (op == "<<" || op == ">>") return 4;
  return op == "&" ? 3 : op == "^" ? 2 : op == "|" ? 1 : 0;
}

Error usage(std::string message) { return Error(ErrorCode::kUsage, std::move(message)); }

class Evaluator {
 public:
  Evaluator(const object::Program& program, const kernel::PerCpu* per_cpu, std::vector<CToken> tokens)
      : program_(program), per_cpu_(per_cpu), tokens_(std::move(tokens)) {}

  Result<Value> whole() {
    TRY(Value value, binary(1));
    if (here().kind != CToken::Kind::kEnd) return usage(fmt::format("\"{}\" is not understood behind that", here().text));
    return value;
  }
  std::shared_ptr<const DerivedTypes> types() const { return types_; }

 private:
  struct Nesting {
    explicit Nesting(int& depth) : depth_(depth) { depth_++; }
    ~Nesting() { depth_--; }
    int& depth_;
  };

  const CToken& here() const { return tokens_[at_]; }
  const CToken& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  CToken take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool is(std::string_view op) const { return here().kind == CToken::Kind::kOperator && here().text == op; }
  bool accept(std::string_view op) {
    if (!is(op)) return false;
    take();
    return true;
  }
  Result<void> expect(std::string_view op) {
    if (!accept(op)) return usage(fmt::format("\"{}\" is missing before {}", op, here().text));
    return {};
  }

  Value integer(uint64_t number, bool is_signed) { return Value::of_number(program_, types_->integer(is_signed), number); }
  Value pointer(const Type* to, uint64_t number) { return Value::of_number(program_, types_->pointer_to(to), number); }

  Result<Value> binary(int lowest);
  Result<Value> apply(std::string_view op, const Value& left, const Value& right);
  Result<Value> move(const Value& pointer_value, const Value& by, bool back);
  Result<Value> arithmetic(std::string_view op, const Value& left, const Value& right);
  Result<Value> unary();
  Result<Value> postfix();
  Result<Value> primary();
  Result<Value> name();
  Result<Value> size_of();
  Result<Value> cast();
  Result<Value> address(const Value& value);
  Result<Value> dereference(const Value& value);
  Result<Value> element(const Value& value, const Value& index);
  bool type_begins() const;
  Result<const Type*> type_name();
  Result<const Type*> base_type();
  // An array is the address of its first element, a function its own; a struct is no number.
  Result<Value> number(const Value& value);

  const object::Program& program_;
  const kernel::PerCpu* per_cpu_;
  std::vector<CToken> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  std::shared_ptr<DerivedTypes> types_ = std::make_shared<DerivedTypes>();
};

Result<Value> Evaluator::binary(int lowest) {
  TRY(Value left, unary());
  while (here().kind == CToken::Kind::kOperator) {
    int binds = precedence(here().text);
    if (!binds || binds < lowest) break;
    std::string_view op = take().text;
    TRY(Value right, binary(binds + 1));
    TRY(left, apply(op, left, right));
  }
  return left;
}

Result<Value> Evaluator::number(const Value& value) {
  const Type* t = value.type() ? value.type()->stripped() : nullptr;
  if (!t) return usage("the type of that symbol is not known: cast its address, as in *(int *)&NAME");
  if (t->kind() == TypeKind::kArray || t->kind() == TypeKind::kFunction) {
    if (!value.address()) return usage(fmt::format("{} is no number", debuginfo::spell(value.type())));
    return pointer(t->kind() == TypeKind::kArray ? t->target() : value.type(), value.address()->value);
  }
  if (t->is_aggregate() || t->kind() == TypeKind::kVoid || t->kind() == TypeKind::kFloat) return usage(fmt::format("{} is no number", debuginfo::spell(value.type())));
  if (t->kind() == TypeKind::kPointer) {
    TRY(uint64_t raw, value.as_unsigned());
    return Value::of_number(program_, value.type(), raw);
  }
  TRY(int64_t raw, value.as_signed());
  return integer(uint64_t(raw), t->is_signed() || t->size().value_or(8) < 8 || value.bit_size());
}

Result<Value> Evaluator::apply(std::string_view op, const Value& left, const Value& right) {
  TRY(Value a, number(left));
  TRY(Value b, number(right));
  bool pointer_a = a.type()->is_pointer(), pointer_b = b.type()->is_pointer();
  if (op == "+" && pointer_b && !pointer_a) return move(b, a, false);
  if ((op == "+" || op == "-") && pointer_a && !pointer_b) return move(a, b, op == "-");
  if (op == "-" && pointer_a && pointer_b) {
    const Type* to = a.type()->pointee();
    auto size = to ? to->size() : std::optional<uint64_t>(1);
    TRY(uint64_t x, a.as_unsigned());
    TRY(uint64_t y, b.as_unsigned());
    if (!size || !*size) return usage("the size of what these pointers point at is not known");
    return integer(uint64_t(int64_t(x - y) / int64_t(*size)), true);
  }
  return arithmetic(op, a, b);
}

Result<Value> Evaluator::move(const Value& from, const Value& by, bool back) {
  const Type* to = from.type()->pointee();
  auto size = to ? to->size() : std::optional<uint64_t>(1);  // void *: bytes, as gcc counts
  if (!size) return usage(fmt::format("the size of {} is not known", debuginfo::spell(to)));
  TRY(uint64_t start, from.as_unsigned());
  TRY(uint64_t steps, by.as_unsigned());
  return Value::of_number(program_, from.type(), back ? start - steps * *size : start + steps * *size);
}

Result<Value> Evaluator::arithmetic(std::string_view op, const Value& left, const Value& right) {
  TRY(uint64_t a, left.as_unsigned());
  TRY(uint64_t b, right.as_unsigned());
  auto is_signed = [](const Value& v) { return v.type()->stripped()->is_signed(); };
  bool both = is_signed(left) && is_signed(right);
  if (op == "+") return integer(a + b, both);
  if (op == "-") return integer(a - b, both);
  if (op == "*") return integer(a * b, both);
  if (op == "&") return integer(a & b, both);
  if (op == "|") return integer(a | b, both);
  if (op == "^") return integer(a ^ b, both);
  if (op == "<<" || op == ">>") {
    if (b >= 64) return usage(fmt::format("a shift by {}", int64_t(b)));
    if (op == "<<") return integer(a << b, is_signed(left));
    return integer(is_signed(left) ? uint64_t(int64_t(a) >> b) : a >> b, is_signed(left));
  }
  if (!b) return usage("a division by zero");
  // The one quotient that 64 bits do not hold; its remainder is 0.
  if (both && b == ~uint64_t{0}) return integer(op == "/" ? uint64_t{0} - a : 0, true);
  if (both) return integer(op == "/" ? uint64_t(int64_t(a) / int64_t(b)) : uint64_t(int64_t(a) % int64_t(b)), true);
  return integer(op == "/" ? a / b : a % b, false);
}

Result<Value> Evaluator::unary() {
  Nesting nesting(depth_);
  if (depth_ > kMaxDepth) return Error(ErrorCode::kLimit, fmt::format("more than {} levels inside one another", kMaxDepth));
  if (accept("*")) {
    TRY(Value value, unary());
    return dereference(value);
  }
  if (accept("&")) {
    TRY(Value value, unary());
    return address(value);
  }
  if (is("-") || is("~")) {
    bool minus = take().text == "-";
    TRY(Value operand, unary());
    TRY(Value value, number(operand));
    TRY(uint64_t raw, value.as_unsigned());
    return integer(minus ? uint64_t{0} - raw : ~raw, value.type()->stripped()->is_signed());
  }
  if (is("(") && type_begins()) return cast();
  if (here().kind == CToken::Kind::kName && here().text == "sizeof") return size_of();
  return postfix();
}

Result<Value> Evaluator::cast() {
  take();
  TRY(const Type* type, type_name());
  TRY_VOID(expect(")"));
  TRY(Value operand, unary());
  const Type* t = type ? type->stripped() : nullptr;
  if (!t || t->is_aggregate() || t->kind() == TypeKind::kArray)
    return usage(fmt::format("nothing can be cast to {}; *({} *)ADDRESS lays it over an address", type ? debuginfo::spell(type) : "void", type ? debuginfo::spell(type) : "void"));
  TRY(Value value, number(operand));
  TRY(uint64_t raw, value.as_unsigned());
  if (t->kind() == TypeKind::kBool) raw = raw != 0;
  return Value::of_number(program_, type, raw);
}

Result<Value> Evaluator::size_of() {
  take();
  const Type* type = nullptr;
  if (is("(") && type_begins()) {
    take();
    TRY(type, type_name());
    TRY_VOID(expect(")"));
  } else {
    TRY(Value operand, unary());
    type = operand.type();
  }
  auto size = type ? type->size() : std::nullopt;
  if (!size) return usage(fmt::format("the size of {} is not known", type ? debuginfo::spell(type) : "void"));
  return integer(*size, false);
}

Result<Value> Evaluator::address(const Value& value) {
  if (value.bit_size()) return usage("a bit-field has no address");
  if (!value.address()) return usage("& needs something that lies in memory");
  return pointer(value.type(), value.address()->value);
}

Result<Value> Evaluator::dereference(const Value& operand) {
  TRY(Value value, number(operand));
  if (!value.type()->is_pointer()) return usage("* needs a pointer: cast the number, as in *(unsigned long *)NUMBER");
  const Type* to = value.type()->stripped()->target();
  if (!to || to->stripped()->kind() == TypeKind::kVoid) return usage("a void * points at nothing typed: cast it, as in *(unsigned long *)POINTER");
  TRY(VirtualAddress at, value.as_pointer());
  return Value(program_, to, at);
}

Result<Value> Evaluator::element(const Value& value, const Value& index) {
  TRY(Value first, number(value));
  TRY(Value by, number(index));
  if (!first.type()->is_pointer()) return usage(fmt::format("{} has no elements", debuginfo::spell(value.type())));
  if (by.type()->is_pointer()) return usage("a pointer is no index");
  TRY(Value there, move(first, by, false));
  return dereference(there);
}

Result<Value> Evaluator::postfix() {
  TRY(Value value, primary());
  for (;;) {
    if (accept("[")) {
      TRY(Value index, binary(1));
      TRY_VOID(expect("]"));
      TRY(value, element(value, index));
    } else if (is(".") || is("->")) {
      take();
      if (here().kind != CToken::Kind::kName) return usage(fmt::format("a member's name is missing before {}", here().text));
      if (!value.type()) return usage("the type of that symbol is not known: cast its address first");
      // Value::member() reads what a pointer held in a number points at, too.
      TRY(value, value.member(take().text));
    } else {
      return value;
    }
  }
}

Result<Value> Evaluator::primary() {
  if (accept("(")) {
    TRY(Value value, binary(1));
    TRY_VOID(expect(")"));
    return value;
  }
  if (here().kind == CToken::Kind::kNumber) {
    CToken number = take();
    return integer(number.number, !number.is_unsigned);
  }
  if (here().kind != CToken::Kind::kName) return usage(fmt::format("a name or number is missing before {}", here().text));
  return name();
}

// A variable, NAME:CPU, MODULE:NAME, a constant of an enum, a symbol.
Result<Value> Evaluator::name() {
  std::string first(take().text);
  if (is(":") && ahead().kind == CToken::Kind::kNumber) {
    take();
    if (!per_cpu_) return usage("per-CPU variables need a dump");
    return per_cpu_->value(first, int(std::min<uint64_t>(take().number, 1 << 20)));
  }
  if (is(":") && ahead().kind == CToken::Kind::kName) {
    take();
    std::string second(take().text);
    const auto* file = program_.file(first == "vmlinux" ? "" : first);
    if (!file) return Error(ErrorCode::kNotFound, first + ": no module of that name is loaded");
    auto variable = file->debug_file() ? file->debug_file()->find_variable(second) : std::nullopt;
    auto at = variable && variable->address ? file->to_runtime(*variable->address) : std::nullopt;
    if (!at || !variable->type) return Error(ErrorCode::kNotFound, fmt::format("{} has no variable {}", first, second));
    return Value(program_, variable->type, *at);
  }
  auto variable = Value::variable(program_, first);
  if (variable.ok()) return *variable;
  if (auto constant = program_.enumerator(first)) return integer(uint64_t(*constant), true);
  auto symbol = program_.symbol(first);
  if (!symbol) return std::move(variable).error();
  return Value(program_, symbol->is_function ? types_->function() : nullptr, symbol->address);
}

bool Evaluator::type_begins() const {
  const CToken& next = ahead();
  if (next.kind != CToken::Kind::kName) return false;
  if (among(kTypeWords, next.text) || among(kIntegerWords, next.text)) return true;
  const CToken& behind = tokens_[std::min(at_ + 2, tokens_.size() - 1)];
  if (behind.kind != CToken::Kind::kOperator || (behind.text != "*" && behind.text != ")")) return false;
  bool known = program_.type(TypeKind::kTypedef, next.text) || program_.type(TypeKind::kInteger, next.text);
  return known && !Value::variable(program_, next.text).ok();
}

Result<const Type*> Evaluator::base_type() {
  std::string_view word = here().text;
  for (auto [key, kind] : {std::pair<std::string_view, TypeKind>{"struct", TypeKind::kStruct}, {"union", TypeKind::kUnion}, {"enum", TypeKind::kEnum}}) {
    if (word != key) continue;
    take();
    std::string_view tag = here().text;
    if (take().kind != CToken::Kind::kName) return usage(fmt::format("a name is missing behind {}", key));
    const Type* type = program_.type(kind, tag);
    if (!type) return Error(ErrorCode::kNotFound, fmt::format("this kernel has no {} {}", key, tag));
    return type;
  }
  std::string integer_words;
  while (here().kind == CToken::Kind::kName && (among(kIntegerWords, here().text) || (integer_words.size() && here().text == "const")))
    if (std::string_view next = take().text; next != "const") integer_words += (integer_words.empty() ? "" : " ") + std::string(next);
  std::string name = integer_words.empty() ? std::string(take().text) : std::string(debuginfo::canonical_integer_name(integer_words));
  if (name == "void") return nullptr;
  if (name == "unsigned long" || name == "unsigned long long") return types_->integer(false);
  const Type* type = program_.type(TypeKind::kInteger, name);
  if (!type) type = program_.type(TypeKind::kTypedef, name);
  if (!type && name == "long") type = types_->integer(true);
  if (!type) return Error(ErrorCode::kNotFound, "this kernel has no type " + name);
  return type;
}

Result<const Type*> Evaluator::type_name() {
  auto qualifiers = [&] {
    while (here().kind == CToken::Kind::kName && (here().text == "const" || here().text == "volatile" || here().text == "__user" || here().text == "__percpu" || here().text == "__rcu" || here().text == "__iomem")) take();
  };
  qualifiers();
  TRY(const Type* type, base_type());
  qualifiers();
  unsigned pointers = 0;
  while (accept("*")) {
    if (++pointers > kMaxPointers) return Error(ErrorCode::kLimit, "too many levels of pointers");
    type = types_->pointer_to(type);
    qualifiers();
  }
  return type;
}

}  // namespace

Result<CValue> evaluate(const object::Program& program, const kernel::PerCpu* per_cpu, std::string_view text) {
  TRY(std::vector<CToken> tokens, tokens_of(text));
  Evaluator evaluator(program, per_cpu, std::move(tokens));
  TRY(Value value, evaluator.whole());
  return CValue{value, evaluator.types()};
}

}  // namespace inquest::shell
