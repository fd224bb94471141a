// Result<T>: a value, or an Error that says why there is none.
//
// Used by every layer for anything that input can make fail. Assertions are kept for our own bugs.
// Not std::expected: g++ 12 does not warn when one is dropped, and clang 14 cannot see it.
//
// Thread rule: plain values, no sharing.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace inquest {

enum class ErrorCode {
  kNotFound,     // the thing asked for does not exist here: a symbol, a member, a file
  kNotMine,      // a probe's answer: this input is of another format
  kUnsupported,  // recognised, but this build or this version cannot read it
  kCorrupt,      // the input contradicts itself
  kTruncated,    // the input ends before what it promises
  kMismatch,     // two inputs do not belong together (build ID, release)
  kUnreadable,   // memory that the dump does not hold (filtered, lost, not RAM, unmapped)
  kIo,           // the operating system refused
  kLimit,        // a depth, count or step limit of ours was reached
  kUsage,        // the caller's words are off
};

const char* name_of(ErrorCode code);

// A code to decide on and a sentence to show. Context is put in front on the way up:
// "opening X: part 2: bitmap: short read at 0x1000".
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  Error in(const std::string& context) && {
    message_ = context + ": " + message_;
    return std::move(*this);
  }

 private:
  ErrorCode code_;
  std::string message_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  template <typename U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result<T>>)
  Result(U&& value) : state_(std::in_place_index<0>, T(std::forward<U>(value))) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { assert(ok()); return *std::get_if<0>(&state_); }
  const T& value() const& { assert(ok()); return *std::get_if<0>(&state_); }
  T&& value() && { assert(ok()); return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { assert(!ok()); return *std::get_if<1>(&state_); }
  Error&& error() && { assert(!ok()); return std::move(*std::get_if<1>(&state_)); }

  T value_or(T fallback) const& { return ok() ? value() : std::move(fallback); }
  T value_or(T fallback) && { return ok() ? std::move(*this).value() : std::move(fallback); }
  std::optional<T> maybe() && { return ok() ? std::optional<T>(std::move(*this).value()) : std::nullopt; }

  // The same result, its error (if any) told with where it happened.
  Result in(const std::string& context) && {
    if (!ok()) return std::move(*this).error().in(context);
    return std::move(*this);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { assert(error_); return *error_; }
  Error&& error() && { assert(error_); return std::move(*error_); }
  Result in(const std::string& context) && {
    if (!ok()) return std::move(*error_).in(context);
    return {};
  }

 private:
  std::optional<Error> error_;
};

// TRY(auto x, f());  declares x from f()'s value, or returns f()'s error.
// TRY_VOID(f());     the same for a Result<void> or a value nobody wants.
#define INQUEST_CONCAT_(a, b) a##b
#define INQUEST_CONCAT(a, b) INQUEST_CONCAT_(a, b)
#define TRY(declaration, ...)                                                                     \
  auto INQUEST_CONCAT(result_, __LINE__) = (__VA_ARGS__);                                         \
  if (!INQUEST_CONCAT(result_, __LINE__).ok()) return std::move(INQUEST_CONCAT(result_, __LINE__)).error(); \
  declaration = std::move(INQUEST_CONCAT(result_, __LINE__)).value()
#define TRY_VOID(...)                                                    \
  do {                                                                   \
    auto result_try_void = (__VA_ARGS__);                                \
    if (!result_try_void.ok()) return std::move(result_try_void).error(); \
  } while (0)

}  // namespace inquest
