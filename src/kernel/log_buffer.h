// LogText: the kernel's log, read from its buffer in memory, as text in dmesg's form.
//
// Two generations: the lockless ring buffer `prb` (5.10+, kernel/printk/printk_ringbuffer.h, commit 896fbe20b4e2) and the records of
// `log_buf` between log_first_idx and log_next_idx (3.5 to 5.9, struct printk_log / log). Offsets come from VMCOREINFO or from types,
// so the log needs no debuginfo. Damaged records are skipped, counted, and said.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "object/program.h"
#include "target/address_space.h"
#include "target/vmcoreinfo.h"

namespace inquest::kernel {

struct LogRecord {
  uint64_t nanoseconds = 0;
  int level = -1, facility = 0;
  std::optional<uint32_t> caller;  // thread id, or 0x80000000 + CPU: who printed it
  std::string text;                // may hold several lines
  uint64_t sequence = 0;
  bool continues = false;          // belongs to the line before (kernels before 4.9)
};

struct LogText {
  std::vector<LogRecord> records;
  uint64_t lost = 0;               // records that could not be read
  uint64_t unfinished = 0;         // records that were being written when the kernel died
  std::string note;                // "" or what is wrong with it
  // The kernel printed callers to its console. Known only up to 5.9 (records have the member under CONFIG_PRINTK_CALLER alone);
  // newer ones keep the caller always, and nothing but their configuration says whether they print it.
  bool callers_shown = false;

  // "[    1.234567] text\n", each further line of a record with the same prefix (as the console prints it).
  std::string text(bool with_levels = false) const;
};

// `lookup`: run-time address of a symbol; `offset`: of a "type.member"; `size`: of a type: from whatever is at hand.
struct LogLayoutSource {
  std::function<std::optional<uint64_t>(std::string_view)> symbol, offset, size;
};
LogLayoutSource log_layout(const target::Vmcoreinfo& vmcoreinfo);                 // VMCOREINFO alone
LogLayoutSource log_layout(const object::Program& program);                       // VMCOREINFO, then types and symbols
// kNotFound: neither generation's symbols are known; kUnreadable, kCorrupt: the buffer's own head is.
Result<LogText> read_log(const target::AddressSpace& memory, const LogLayoutSource& layout);

}  // namespace inquest::kernel
