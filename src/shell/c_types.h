// DerivedTypes: pointers to types, functions, and C's two widest integers, for expressions: debuginfo has only the types that the source happened to use.
#pragma once

#include <deque>
#include <memory>

#include "debuginfo/type.h"

namespace inquest::shell {

class DerivedTypes : public debuginfo::TypeSource {
 public:
  const debuginfo::Type* pointer_to(const debuginfo::Type* target) {
    targets_.push_back(target);
    return &types_.emplace_back(this, targets_.size() - 1, debuginfo::TypeKind::kPointer, "", 8, false, false);
  }
  const debuginfo::Type* integer(bool is_signed) const { return is_signed ? &long_ : &unsigned_long_; }
  const debuginfo::Type* function() const { return &function_; }  // of which nothing but the address is known

 private:
  Body body_of(const debuginfo::Type& type) const override {
    Body body;
    if (type.kind() == debuginfo::TypeKind::kPointer) body.target = targets_.at(type.key());
    return body;
  }
  std::deque<debuginfo::Type> types_;
  std::deque<const debuginfo::Type*> targets_;
  debuginfo::Type long_{this, 0, debuginfo::TypeKind::kInteger, "long", 8, true, false};
  debuginfo::Type function_{this, 0, debuginfo::TypeKind::kFunction, "", std::nullopt, false, false};
  debuginfo::Type unsigned_long_{this, 0, debuginfo::TypeKind::kInteger, "unsigned long", 8, false, false};
};

}  // namespace inquest::shell
