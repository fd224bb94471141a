// Type: one C type of a kernel, from DWARF or from BTF, the same to whoever asks.
//
// Types are made by a TypeSource (a DebugFile's DWARF, a BTF blob) and live as long as it. They are lazy: what
// costs a parse (members, enumerators, parameters, the target) is fetched at the first call and kept. All calls
// are const and thread-safe. Pointers to Type compare equal only within one source; same_type() compares across.
// Nothing here reads memory.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace inquest::debuginfo {

class Type;

enum class TypeKind { kVoid, kInteger, kBool, kFloat, kEnum, kPointer, kArray, kStruct, kUnion, kTypedef, kFunction, kConst, kVolatile,
                      kRestrict, kAtomic, kUnknown };

struct Member {
  std::string_view name;               // "" for an anonymous struct or union
  const Type* type = nullptr;          // never null (kUnknown if it could not be read)
  uint64_t bit_offset = 0;             // from the start of the enclosing struct, little-endian bit order
  uint32_t bit_size = 0;               // of a bit-field; 0 = a whole object
  uint64_t offset() const { return bit_offset / 8; }
};

struct Enumerator {
  std::string_view name;
  int64_t value = 0;
};

struct TypeParameter {
  std::string_view name;
  const Type* type = nullptr;
};

// What a lazy Type asks of whoever made it.
class TypeSource {
 public:
  virtual ~TypeSource() = default;

 protected:
  friend class Type;
  struct Body {
    const Type* target = nullptr;      // pointee, element, underlying, result; null = void
    std::vector<Member> members;
    std::vector<Enumerator> enumerators;
    std::vector<TypeParameter> parameters;
    std::optional<uint64_t> count;     // of array elements; absent = flexible or unknown
    bool variadic = false;
  };
  virtual Body body_of(const Type& type) const = 0;
};

class Type {
 public:
  Type(const TypeSource* source, uint64_t key, TypeKind kind, std::string_view name, std::optional<uint64_t> size, bool is_signed, bool declaration)
      : source_(source), key_(key), kind_(kind), name_(name), size_(size), signed_(is_signed), declaration_(declaration) {}
  Type(const Type&) = delete;
  Type& operator=(const Type&) = delete;

  TypeKind kind() const { return kind_; }
  std::string_view name() const { return name_; }      // "xa_node", "unsigned long"; "" = anonymous
  // In bytes; follows typedefs and qualifiers, multiplies arrays. Absent for void, functions, declarations, flexible arrays.
  std::optional<uint64_t> size() const;
  bool is_signed() const { return signed_; }
  bool is_declaration() const { return declaration_; } // only declared here, and no definition was found anywhere
  uint64_t key() const { return key_; }                // the source's own handle (a DIE's offset, a BTF id)

  const Type* target() const { return body().target; } // null = void
  std::span<const Member> members() const { return body().members; }
  std::span<const Enumerator> enumerators() const { return body().enumerators; }
  std::span<const TypeParameter> parameters() const { return body().parameters; }
  std::optional<uint64_t> count() const { return body().count; }
  bool variadic() const { return body().variadic; }

  // Without typedefs and const/volatile/restrict/atomic. Never null; void becomes a kVoid type.
  const Type* stripped() const;
  bool is_aggregate() const;                           // struct or union, after stripping
  bool is_pointer() const;
  // The pointee of a pointer (stripped of qualifiers at the top only), null if it is none or void.
  const Type* pointee() const;

 private:
  const TypeSource::Body& body() const;
  const TypeSource* source_;
  uint64_t key_;
  TypeKind kind_;
  std::string_view name_;
  std::optional<uint64_t> size_;
  bool signed_, declaration_;
  mutable std::once_flag once_;
  mutable TypeSource::Body body_;
};

// C spelling: "struct xa_node *", "void (*)(struct callback_head *)", "char [16]"; with `name`, as a declaration of it.
std::string spell(const Type* type, std::string_view name = {});

// One step on a path into a type.
struct FoundMember {
  Member member;                       // its bit_offset is from the *outermost* type asked
  std::string path;                    // "rcu_head.func", anonymous levels left out
};
// A member by (dotted) name, looked for inside anonymous members too: "list.next", "slots[3]" included.
std::optional<FoundMember> find_member(const Type* aggregate, std::string_view path);
// *Every* member path that covers byte `offset`, deepest scalar of each union arm: offset 24 of xa_node gives
// "private_list.next" and "callback_head.next". Bounded; array elements as "slots[5]".
std::vector<FoundMember> members_at(const Type* type, uint64_t offset);
// C's usual spelling of an integer type: "unsigned long" for DWARF's and BTF's "long unsigned int". Any order of the
// words is understood; what is no integer type comes back as it is. Sources name their integer types with it.
std::string_view canonical_integer_name(std::string_view name);
// The same name, kind and size, so that a module's `struct list_head` equals vmlinux's.
bool same_type(const Type* a, const Type* b);

}  // namespace inquest::debuginfo
