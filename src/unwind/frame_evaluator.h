// FrameEvaluator: DWARF expressions computed in one frame of a stack, with a record of what they leaned on.
#pragma once

#include <optional>
#include <string>

#include "unwind/call_values.h"

namespace inquest::unwind {

class FrameEvaluator {
 public:
  // Expressions of the file that holds the frame's code. `before_call`: in the state just before the call, in which registers
  // that the call destroyed are taken from what the callee still keeps; else as the unwinder recovered them.
  FrameEvaluator(CallValues& values, size_t frame, bool before_call, int depth = 0);
  FrameEvaluator(const FrameEvaluator&) = delete;
  FrameEvaluator& operator=(const FrameEvaluator&) = delete;

  debuginfo::EvaluationContext context();
  void set_frame_base(const debuginfo::Expression* expression) { frame_base_ = expression; }
  void set_unit(uint64_t unit_offset) { unit_offset_ = unit_offset; }

  const object::LoadedFile* file() const { return file_; }
  // Low bytes that are right in whatever was computed so far, and how the non-obvious parts were found.
  unsigned width() const { return width_; }
  const std::string& how() const { return how_; }
  // A DW_OP_addr that has no run-time address (freed, per-CPU): the result must not be used.
  const std::string& misplaced() const { return misplaced_; }
  bool by_code() const { return by_code_; }   // something came from Kept values
  void forget_notes() { width_ = 8, how_.clear(), misplaced_.clear(), by_code_ = false; }

  Result<uint64_t> reg(unsigned number);
  Result<uint64_t> entry_value(Bytes expression);
  // What the frame's function was given, or its CFA, and an offset.
  std::optional<uint64_t> of_own_entry(const EntryValue& value);

 private:
  bool is_callers(unsigned number, uint64_t value);
  Result<uint64_t> entry_register(unsigned number);
  std::optional<uint64_t> from_caller(unsigned number);
  std::optional<uint64_t> from_own_code(unsigned number);
  std::optional<uint64_t> from_like(unsigned number);
  std::optional<uint64_t> of_entry(const EntryValue& value, const std::function<Result<uint64_t>(unsigned)>& entry);
  uint64_t to_runtime(uint64_t file_address);
  Result<uint64_t> frame_base();
  Result<debuginfo::ExpressionType> base_type(uint64_t die) const;
  Result<uint64_t> parameter_ref(uint64_t die);
  void note(unsigned width, const std::string& how);

  CallValues& values_;
  size_t frame_;
  bool before_call_;
  int depth_;
  const object::LoadedFile* file_;
  const debuginfo::Expression* frame_base_ = nullptr;
  uint64_t unit_offset_ = 0;
  unsigned width_ = 8;
  std::string how_, misplaced_;
  bool by_code_ = false;
};

}  // namespace inquest::unwind
