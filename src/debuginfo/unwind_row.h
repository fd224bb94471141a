// UnwindRow: how to find the caller's registers at one instruction, in one neutral form for DWARF CFI and ORC.
//
// Sources: DWARF 5 section 6.4 (.debug_frame, .eh_frame); ORC: arch/x86/include/asm/orc_types.h, since 4.14;
// 6.3 added the `signal` bit (kernel commit ffb1b4a41016), 6.4 dropped `end` for ORC_TYPE_UNDEFINED/END_OF_STACK
// (commit fb799447ae29): told apart by the ORC header note/section hash or by plausibility, never by release.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "arch/registers.h"
#include "debuginfo/location.h"

namespace inquest::debuginfo {

namespace index {
struct FrameRecord;
}

struct RegisterRule {
  enum class Kind {
    kUnspecified,   // nothing said: the calling convention decides (callee-saved keep their value)
    kUndefined,     // not recoverable
    kSame,          // unchanged
    kAtCfa,         // saved in memory at CFA + offset
    kCfaPlus,       // value is CFA + offset
    kRegister,      // value is that of `reg` + offset
    kAtRegister,    // saved in memory at `reg` + offset
    kExpression,    // saved in memory at the address that `expression` gives (CFA pushed first)
    kValueExpression,
  } kind = Kind::kUnspecified;
  unsigned reg = 0;
  int64_t offset = 0;
  Expression expression;
};

struct UnwindRow {
  enum class Shape {
    kCall,           // an ordinary frame: rules below
    kRegisters,      // at the CFA expression lies a whole struct pt_regs (exception, interrupt)
    kPartialRegisters,  // only the hardware part of pt_regs (x86: ip cs flags sp ss) lies there
    kEnd,            // outermost: no caller
  } shape = Shape::kCall;
  enum class Source { kOrc, kEhFrame, kDebugFrame, kFramePointer } source = Source::kOrc;
  // The CFA (x86 ORC: the caller's sp): reg + offset, read through memory first if `cfa_indirect` (ORC's *_INDIRECT), or an expression.
  unsigned cfa_register = 0;
  int64_t cfa_offset = 0;
  bool cfa_indirect = false;
  int64_t cfa_after_indirect = 0;  // added after the read
  std::optional<Expression> cfa_expression;
  bool signal = false;             // pc of this frame is not a return address
  unsigned return_address_register = 16;
  std::array<RegisterRule, arch::kRegisterCount> rules;
};

class UnwindTable {
 public:
  virtual ~UnwindTable() = default;
  // The row for an instruction, in the table's own addresses (file addresses for CFI; run-time addresses for ORC read from memory).
  virtual std::optional<UnwindRow> row(uint64_t address) const = 0;
};

// The FDEs of a section, by address. `section_address` is where the section lies (for pc-relative .eh_frame pointers).
std::vector<index::FrameRecord> list_frames(Bytes section, uint64_t section_address, bool is_eh_frame, ByteOrder order);
// CFI from a section's bytes. `frames`: what list_frames() gave for it, once; without, it is asked at the first question. Keeps the spans.
std::unique_ptr<UnwindTable> make_cfi_table(Bytes section, uint64_t section_address, bool is_eh_frame, ByteOrder order,
                                            std::span<const index::FrameRecord> frames = {});
// ORC from the bytes of .orc_unwind_ip (int32 offsets from their own addresses) and .orc_unwind. `ip_address` is where .orc_unwind_ip lies.
// The layout variant (6.1, 6.3, 6.4+) is told by `header_hash` (.orc_header, 6.4+) if given, else by the data.
std::unique_ptr<UnwindTable> make_orc_table(Bytes ips, Bytes entries, uint64_t ip_address, std::optional<Bytes> header);

}  // namespace inquest::debuginfo
