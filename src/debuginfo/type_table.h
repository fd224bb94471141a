// TypeTable: the types of one debug file, made from its DIEs when asked for, each once.
//
// The same struct is described in thousands of units; all descriptions that agree in name, size and line become one
// Type, so pointers to Type can be compared. A declaration becomes the definition found anywhere in the file.
// Thread-safe. Dwarf, Index and NameStrings must outlive it.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "debuginfo/dwarf/dwarf.h"
#include "debuginfo/index/index.h"
#include "debuginfo/type.h"

namespace inquest::debuginfo {

class TypeTable final : public TypeSource {
 public:
  TypeTable(const dwarf::Dwarf& dwarf, const index::Index& index, const index::NameStrings& strings)
      : dwarf_(dwarf), index_(index), strings_(strings) {}

  const Type* at(uint64_t die) const;                  // never null
  const Type* target_of(const dwarf::Die& die) const;  // of DW_AT_type along origins; null = void
  const Type* find(TypeKind kind, std::string_view name) const;
  std::vector<const Type*> find_all(TypeKind kind, std::string_view name) const;
  const Type* parse(std::string_view spelling) const;
  std::vector<std::string_view> names(TypeKind kind) const;
  // Types that no DIE describes.
  const Type* pointer_to(const Type* target) const { return derived(TypeKind::kPointer, target, 0); }
  const Type* array_of(const Type* element, uint64_t count) const { return derived(TypeKind::kArray, element, count); }

 protected:
  Body body_of(const Type& type) const override;

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<uint64_t, const Type*> by_key;
    std::vector<std::unique_ptr<const Type>> owned;
  };
  struct Derived {
    TypeKind kind;
    const Type* target;
    uint64_t count;
  };
  // Keys: a DIE's offset; with kDerived a number in derived_; with a dimension in bits 48..55 an inner array of a
  // DIE's.
  static constexpr uint64_t kDerived = uint64_t{1} << 62;
  static constexpr unsigned kDimensionShift = 48;

  Shard& shard(uint64_t key) const { return shards_[(key ^ key >> 7) % shards_.size()]; }
  const Type* lookup(uint64_t key) const;
  const Type* keep(uint64_t key, std::unique_ptr<const Type> type) const;
  const Type* alias(uint64_t key, const Type* type) const;
  const Type* make(uint64_t die_offset, int depth) const;
  const Type* at(uint64_t die, int depth) const;
  std::unique_ptr<const Type> describe(const dwarf::Die& die) const;
  const index::TypeRecord* canonical(TypeKind kind, std::string_view name, uint64_t size, uint32_t line) const;
  const index::TypeRecord* best(TypeKind kind, std::string_view name) const;
  const Type* derived(TypeKind kind, const Type* target, uint64_t count) const;
  bool enum_is_signed(const dwarf::Die& die) const;

  void read_members(const dwarf::Die& die, Body& body) const;
  void read_enumerators(const dwarf::Die& die, Body& body) const;
  void read_parameters(const dwarf::Die& die, Body& body) const;
  void read_array(const dwarf::Die& die, const Type& type, Body& body) const;

  const dwarf::Dwarf& dwarf_;
  const index::Index& index_;
  const index::NameStrings& strings_;
  mutable std::array<Shard, 16> shards_;
  mutable std::mutex derived_mutex_;
  mutable std::vector<Derived> derived_;
};

}  // namespace inquest::debuginfo
