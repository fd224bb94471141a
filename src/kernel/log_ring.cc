#include <fmt/format.h>

#include <array>

#include "kernel/log_formats.h"
#include "kernel/memory_window.h"

namespace inquest::kernel {

namespace {

// kernel/printk/printk_ringbuffer.h: a descriptor's state sits in the top two bits of its state_var, its id below.
constexpr unsigned kStateShift = 62;
constexpr uint64_t kIdMask = (uint64_t{1} << kStateShift) - 1;
constexpr uint64_t kReserved = 0, kCommitted = 1, kFinalized = 2;
constexpr uint64_t kMaxCountBits = 24;  // a log of 512 MB: the kernel makes one descriptor for each 32 bytes

struct RingLayout {
  uint64_t descs = 0, infos = 0, text = 0, count = 0, text_size = 0, tail_id = 0, head_id = 0;
  uint64_t desc_size = 0, state_var = 0, lpos_begin = 0, lpos_next = 0;
  uint64_t info_size = 0, seq = 0, ts_nsec = 0, text_len = 0, caller_id = 0;
};

Result<RingLayout> read_layout(const target::AddressSpace& memory, const LogLayoutSource& layout) {
  auto offset = [&](std::string_view name) { return need(layout.offset(name), name); };
  auto size = [&](std::string_view name) { return need(layout.size(name), name); };
  RingLayout ring;
  TRY(uint64_t prb_symbol, need(layout.symbol("prb"), "prb"));
  TRY(VirtualAddress prb, memory.read_pointer(VirtualAddress(prb_symbol)));
  TRY(uint64_t desc_ring, offset("printk_ringbuffer.desc_ring"));
  TRY(uint64_t text_ring, offset("printk_ringbuffer.text_data_ring"));
  auto desc_member = [&](std::string_view name, unsigned bytes) -> Result<uint64_t> {
    TRY(uint64_t at, offset(name));
    return memory.read_unsigned(prb + desc_ring + at, bytes);
  };
  TRY(uint64_t count_bits, desc_member("prb_desc_ring.count_bits", 4));
  TRY(ring.descs, desc_member("prb_desc_ring.descs", 8));
  TRY(ring.infos, desc_member("prb_desc_ring.infos", 8));
  TRY(ring.head_id, desc_member("prb_desc_ring.head_id", 8));
  TRY(ring.tail_id, desc_member("prb_desc_ring.tail_id", 8));
  TRY(uint64_t bits_at, offset("prb_data_ring.size_bits"));
  TRY(uint64_t data_at, offset("prb_data_ring.data"));
  TRY(uint64_t size_bits, memory.read_unsigned(prb + text_ring + bits_at, 4));
  TRY(ring.text, memory.read_u64(prb + text_ring + data_at));
  if (count_bits == 0 || count_bits > kMaxCountBits || size_bits < 5 || (uint64_t{1} << (size_bits & 63)) > kMaxLogBytes || size_bits > 31)
    return Error(ErrorCode::kCorrupt, fmt::format("its sizes make no sense: 2^{} descriptors, 2^{} bytes of text", count_bits, size_bits));
  ring.count = uint64_t{1} << count_bits;
  ring.text_size = uint64_t{1} << size_bits;
  TRY(ring.desc_size, size("prb_desc"));
  TRY(ring.state_var, offset("prb_desc.state_var"));
  TRY(uint64_t lpos, offset("prb_desc.text_blk_lpos"));
  TRY(uint64_t begin, offset("prb_data_blk_lpos.begin"));
  TRY(uint64_t next, offset("prb_data_blk_lpos.next"));
  ring.lpos_begin = lpos + begin;
  ring.lpos_next = lpos + next;
  TRY(ring.info_size, size("printk_info"));
  TRY(ring.seq, offset("printk_info.seq"));
  TRY(ring.ts_nsec, offset("printk_info.ts_nsec"));
  TRY(ring.text_len, offset("printk_info.text_len"));
  TRY(ring.caller_id, offset("printk_info.caller_id"));
  if (ring.desc_size < 16 || ring.desc_size > 4096 || ring.info_size < 24 || ring.info_size > 4096)
    return Error(ErrorCode::kCorrupt, "its records have impossible sizes");
  return ring;
}

class RingReader {
 public:
  RingReader(const target::AddressSpace& memory, const RingLayout& ring)
      : ring_(ring), descs_(memory, VirtualAddress(ring.descs), ring.count * ring.desc_size),
        infos_(memory, VirtualAddress(ring.infos), ring.count * ring.info_size), text_(memory, VirtualAddress(ring.text), ring.text_size) {}

  LogText read() {
    LogText log;
    uint64_t tail = ring_.tail_id & kIdMask, head = ring_.head_id & kIdMask;
    uint64_t steps = ((head - tail) & kIdMask) + 1;
    if (steps > ring_.count) {
      log.note = "the ring's head and tail contradict each other: every descriptor was looked at";
      steps = ring_.count;
      tail = (head - (steps - 1)) & kIdMask;
    }
    for (uint64_t i = 0; i < steps && text_taken_ <= ring_.text_size; i++) read_record((tail + i) & kIdMask, log);
    if (text_taken_ > ring_.text_size) log.note = "its records claim more text than the ring has: reading stopped there";
    if (log.lost) log.note += fmt::format("{}{} records could not be read", log.note.empty() ? "" : "; ", log.lost);
    return log;
  }

 private:
  void read_record(uint64_t id, LogText& log) {
    uint64_t desc = id % ring_.count * ring_.desc_size, info = id % ring_.count * ring_.info_size;
    auto state_var = descs_.integer<uint64_t>(desc + ring_.state_var);
    auto begin = descs_.integer<uint64_t>(desc + ring_.lpos_begin), next = descs_.integer<uint64_t>(desc + ring_.lpos_next);
    if (!state_var || !begin || !next) {
      log.lost++;
      return;
    }
    if ((*state_var & kIdMask) != id) return;  // not taken yet, or of an older round
    uint64_t state = *state_var >> kStateShift;
    if (state == kReserved) log.unfinished++;
    if (state != kCommitted && state != kFinalized) return;
    auto record = read_info(info);
    if (!record || !read_text(id, *begin, *next, *record)) {
      log.lost++;
      return;
    }
    log.records.push_back(std::move(record->record));
  }

  struct Described {
    LogRecord record;
    uint16_t text_len = 0;
  };
  std::optional<Described> read_info(uint64_t info) {
    auto seq = infos_.integer<uint64_t>(info + ring_.seq), time = infos_.integer<uint64_t>(info + ring_.ts_nsec);
    auto length = infos_.integer<uint16_t>(info + ring_.text_len);
    // facility and flags:5/level:3 follow text_len; VMCOREINFO does not name them (struct printk_info, 5.10 on).
    auto facility = infos_.integer<uint8_t>(info + ring_.text_len + 2), flags = infos_.integer<uint8_t>(info + ring_.text_len + 3);
    auto caller = infos_.integer<uint32_t>(info + ring_.caller_id);
    if (!seq || !time || !length || !facility || !flags || !caller) return std::nullopt;
    Described d;
    d.record.sequence = *seq;
    d.record.nanoseconds = *time;
    d.record.facility = *facility;
    d.record.level = *flags >> 5;
    d.record.caller = *caller;
    d.text_len = *length;
    return d;
  }

  // A text block is its descriptor's id, then the text. One that would cross the end of the ring starts over at its beginning, and
  // "begin" still says where it would have been. An odd begin and next mean: no text (FAILED_LPOS 1, NO_LPOS 3).
  bool read_text(uint64_t id, uint64_t begin, uint64_t next, Described& d) {
    if ((begin & 1) && (next & 1)) return begin != 1;  // 1: the text did not fit
    uint64_t mask = ring_.text_size - 1;
    uint64_t from = begin & mask, to = next & mask;
    if (to == 0) {
      to = ring_.text_size;  // ends with the ring
    } else if (from >= to) {
      from = 0;
    }
    if (from + 8 > to || text_.integer<uint64_t>(from) != id) return false;
    std::vector<std::byte> bytes(std::min<uint64_t>(d.text_len, to - from - 8));
    text_taken_ += bytes.size();
    if (!text_.read(from + 8, bytes)) return false;
    d.record.text = as_text(bytes);
    return true;
  }

  const RingLayout ring_;
  MemoryWindow descs_, infos_, text_;
  uint64_t text_taken_ = 0;
};

}  // namespace

Result<LogText> read_log_ring(const target::AddressSpace& memory, const LogLayoutSource& layout) {
  TRY(RingLayout ring, read_layout(memory, layout));
  return RingReader(memory, ring).read();
}

}  // namespace inquest::kernel
