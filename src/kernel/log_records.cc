#include <fmt/format.h>

#include "kernel/log_formats.h"
#include "kernel/memory_window.h"

namespace inquest::kernel {

namespace {

constexpr uint8_t kLogNewline = 2, kLogPrefix = 4, kLogCont = 8;  // enum log_flags, kernel/printk/printk.c, 3.5 to 5.9

struct RecordLayout {
  uint64_t size = 16, ts_nsec = 0, len = 8, text_len = 10;
  std::optional<uint64_t> caller_id;
  uint64_t buffer = 0, length = 0, first = 0, next = 0;
  bool joins_lines = false;  // before 4.9 (commit 5c2992ee7fd8): the flags say which records make one line
};

// struct log until 3.10, struct printk_log after (commit 62e32ac3505a): the same members.
Result<RecordLayout> read_layout(const target::AddressSpace& memory, const LogLayoutSource& layout) {
  RecordLayout l;
  auto offset = [&](std::string_view member) -> std::optional<uint64_t> {
    if (auto v = layout.offset(fmt::format("printk_log.{}", member))) return v;
    return layout.offset(fmt::format("log.{}", member));
  };
  auto size = layout.size("printk_log") ? layout.size("printk_log") : layout.size("log");
  TRY(l.size, need(size, "the size of struct printk_log"));
  TRY(l.ts_nsec, need(offset("ts_nsec"), "printk_log.ts_nsec"));
  TRY(l.len, need(offset("len"), "printk_log.len"));
  TRY(l.text_len, need(offset("text_len"), "printk_log.text_len"));
  l.caller_id = offset("caller_id");
  l.joins_lines = layout.offset("cont.cons").has_value();
  auto variable = [&](const char* name, unsigned bytes) -> Result<uint64_t> {
    TRY(uint64_t at, need(layout.symbol(name), name));
    return memory.read_unsigned(VirtualAddress(at), bytes).in(name);
  };
  TRY(l.buffer, variable("log_buf", 8));
  TRY(l.length, variable("log_buf_len", 4));
  TRY(l.first, variable("log_first_idx", 4));
  TRY(l.next, variable("log_next_idx", 4));
  if (l.length < 64 || l.length > kMaxLogBytes || l.size < 16 || l.size > 256 || l.len > l.size - 2 || l.text_len > l.size - 4 ||
      l.ts_nsec > l.size - 8)
    return Error(ErrorCode::kCorrupt, "its sizes make no sense");
  if (l.first >= l.length || l.next > l.length)
    return Error(ErrorCode::kCorrupt, fmt::format("log_first_idx {} or log_next_idx {} is outside of its {} bytes", l.first, l.next, l.length));
  return l;
}

class RecordReader {
 public:
  RecordReader(const target::AddressSpace& memory, const RecordLayout& layout)
      : layout_(layout), window_(memory, VirtualAddress(layout.buffer), layout.length) {}

  LogText read() {
    LogText log;
    log.callers_shown = layout_.caller_id.has_value();
    uint64_t at = layout_.first;
    bool wrapped = false;
    for (uint64_t steps = 0; at != layout_.next; steps++) {
      if (steps > layout_.length / layout_.size) break;
      auto length = window_.integer<uint16_t>(at + layout_.len);
      if (length && *length == 0 && !wrapped) {  // the filler at the end: go on at the start
        wrapped = true;
        at = 0;
        continue;
      }
      bool behind_next = wrapped && at > layout_.next;
      if (!length || *length < layout_.size || at + *length > layout_.length || behind_next || !read_record(at, *length, log)) {
        log.lost++;
        log.note = fmt::format("the record at offset {} of {} is damaged or not in the dump: what follows it is lost", at, layout_.length);
        break;
      }
      at += *length;
    }
    return log;
  }

 private:
  bool read_record(uint64_t at, uint64_t length, LogText& log) {
    auto time = window_.integer<uint64_t>(at + layout_.ts_nsec);
    auto text_len = window_.integer<uint16_t>(at + layout_.text_len);
    auto facility = window_.integer<uint8_t>(at + layout_.text_len + 4), flags = window_.integer<uint8_t>(at + layout_.text_len + 5);
    if (!time || !text_len || !facility || !flags || *text_len > length - layout_.size) return false;
    std::vector<std::byte> bytes(*text_len);
    if (!window_.read(at + layout_.size, bytes)) return false;
    LogRecord r;
    r.nanoseconds = *time;
    r.facility = *facility;
    r.level = *flags >> 5;
    r.text = as_text(bytes);
    r.sequence = log.records.size();
    if (layout_.caller_id) r.caller = window_.integer<uint32_t>(at + *layout_.caller_id);
    // msg_print_text() before 4.9: a fragment goes on on the line of an unfinished one.
    if (layout_.joins_lines && !(*flags & kLogPrefix) && (*flags & kLogCont || previous_ & kLogCont))
      r.continues = (previous_ & kLogCont) && !(previous_ & kLogNewline);
    previous_ = *flags & 31;
    log.records.push_back(std::move(r));
    return true;
  }

  const RecordLayout layout_;
  MemoryWindow window_;
  uint8_t previous_ = kLogNewline;
};

}  // namespace

Result<LogText> read_log_records(const target::AddressSpace& memory, const LogLayoutSource& layout) {
  TRY(RecordLayout l, read_layout(memory, layout));
  return RecordReader(memory, l).read();
}

}  // namespace inquest::kernel
