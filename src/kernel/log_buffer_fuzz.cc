// Both generations of the log's buffer from arbitrary bytes: the first byte chooses, the rest is the memory that holds it.

#include "kernel/log_buffer.h"
#include "kernel/testing/fake_memory.h"

using namespace inquest;
using kernel::testing::kLinear;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMemory = 1 << 16, kStart = 0x2000;  // behind the page table
  if (size < 1) return 0;
  kernel::testing::FakeMemory memory(kMemory);
  size_t length = std::min(size - 1, kMemory - kStart);
  memory.put_text(kLinear + kStart, {reinterpret_cast<const char*>(data) + 1, length});
  static constexpr std::pair<std::string_view, uint64_t> kOffsets[] = {
      {"printk_ringbuffer.text_data_ring", 48}, {"prb_desc_ring.descs", 8},   {"prb_desc_ring.infos", 16}, {"prb_desc_ring.head_id", 24},
      {"prb_desc_ring.tail_id", 32},            {"prb_data_ring.data", 8},    {"prb_desc.text_blk_lpos", 8}, {"prb_data_blk_lpos.next", 8},
      {"printk_info.ts_nsec", 8},               {"printk_info.text_len", 16}, {"printk_info.caller_id", 20}, {"printk_log.len", 8},
      {"printk_log.text_len", 10}};
  bool ring = data[0] & 1, joins = data[0] & 2;
  kernel::LogLayoutSource layout;
  layout.symbol = [ring](std::string_view name) -> std::optional<uint64_t> {
    uint64_t at = kLinear + kStart;
    if (ring) return name == "prb" ? std::optional(at) : std::nullopt;
    if (name == "log_buf") return at;
    if (name == "log_buf_len") return at + 8;
    if (name == "log_first_idx") return at + 12;
    if (name == "log_next_idx") return at + 16;
    return std::nullopt;
  };
  layout.offset = [joins](std::string_view name) -> std::optional<uint64_t> {
    if (name == "cont.cons") return joins ? std::optional(uint64_t{0}) : std::nullopt;
    if (name.ends_with("caller_id") && !name.starts_with("printk_info")) return std::nullopt;
    for (const auto& [key, value] : kOffsets)
      if (key == name) return value;
    return 0;
  };
  layout.size = [](std::string_view name) -> std::optional<uint64_t> {
    return name == "prb_desc" ? 24 : name == "printk_info" ? 88 : 16;
  };
  auto log = kernel::read_log(memory.space(), layout);
  if (log.ok()) (void)log->text(true);
  return 0;
}
