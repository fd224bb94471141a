// The two generations of the log's buffer; read_log() (log_buffer.h) picks one.
#pragma once

#include "kernel/log_buffer.h"

namespace inquest::kernel {

// The lockless ring of 5.10+ (log_ring.cc) and the records of 3.5 to 5.9 (log_records.cc).
Result<LogText> read_log_ring(const target::AddressSpace& memory, const LogLayoutSource& layout);
Result<LogText> read_log_records(const target::AddressSpace& memory, const LogLayoutSource& layout);

// What the layout has, or an error naming it.
Result<uint64_t> need(const std::optional<uint64_t>& value, std::string_view what);

inline constexpr uint64_t kMaxLogBytes = uint64_t{1} << 31;  // LOG_BUF_LEN_MAX, kernel/printk/printk.c

}  // namespace inquest::kernel
