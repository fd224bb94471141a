#include "kernel/log_buffer.h"

#include <gtest/gtest.h>

#include <map>

#include "kernel/testing/fake_memory.h"

namespace inquest::kernel {
namespace {

using testing::FakeMemory;
using testing::kLinear;

LogLayoutSource layout_of(std::map<std::string, uint64_t, std::less<>> symbols, std::map<std::string, uint64_t, std::less<>> offsets,
                          std::map<std::string, uint64_t, std::less<>> sizes) {
  auto from = [](auto table) {
    return [table](std::string_view name) -> std::optional<uint64_t> {
      auto it = table.find(name);
      return it == table.end() ? std::nullopt : std::optional(it->second);
    };
  };
  return {from(symbols), from(offsets), from(sizes)};
}

// A ring of 4 descriptors and 256 bytes of text, laid out as on a 64-bit kernel 5.10+.
class Ring {
 public:
  static constexpr uint64_t kPrb = kLinear + 0x10000, kSymbol = kLinear + 0xf000, kDescs = kLinear + 0x11000, kInfos = kLinear + 0x12000,
                            kText = kLinear + 0x13000;
  FakeMemory memory;

  Ring() {
    memory.put<uint64_t>(kSymbol, kPrb);
    memory.put<uint32_t>(kPrb, 2);
    memory.put<uint64_t>(kPrb + 8, kDescs);
    memory.put<uint64_t>(kPrb + 16, kInfos);
    memory.put<uint32_t>(kPrb + 48, 8);
    memory.put<uint64_t>(kPrb + 56, kText);
    bounds(0, 0);
  }
  void bounds(uint64_t tail, uint64_t head) {
    memory.put<uint64_t>(kPrb + 24, head);
    memory.put<uint64_t>(kPrb + 32, tail);
  }
  void record(uint64_t id, uint64_t state, uint64_t begin, uint64_t next, uint64_t ns, std::string_view text) {
    uint64_t desc = kDescs + id % 4 * 24, info = kInfos + id % 4 * 88;
    memory.put<uint64_t>(desc, state << 62 | id);
    memory.put<uint64_t>(desc + 8, begin);
    memory.put<uint64_t>(desc + 16, next);
    memory.put<uint64_t>(info, id);
    memory.put<uint64_t>(info + 8, ns);
    memory.put<uint16_t>(info + 16, uint16_t(text.size()));
    memory.put<uint8_t>(info + 19, 6 << 5);
    memory.put<uint32_t>(info + 20, 0x80000001);
    if (begin & 1) return;
    uint64_t at = (begin & 255) + 8 + text.size() > 256 ? 0 : begin & 255;
    memory.put<uint64_t>(kText + (begin & 255), id);
    memory.put<uint64_t>(kText + at, id);
    memory.put_text(kText + at + 8, text);
  }
  Result<LogText> read() {
    auto space = memory.space();
    return read_log(space, layout_of({{"prb", kSymbol}},
                                     {{"printk_ringbuffer.desc_ring", 0}, {"printk_ringbuffer.text_data_ring", 48}, {"prb_desc_ring.count_bits", 0},
                                      {"prb_desc_ring.descs", 8}, {"prb_desc_ring.infos", 16}, {"prb_desc_ring.head_id", 24},
                                      {"prb_desc_ring.tail_id", 32}, {"prb_data_ring.size_bits", 0}, {"prb_data_ring.data", 8},
                                      {"prb_desc.state_var", 0}, {"prb_desc.text_blk_lpos", 8}, {"prb_data_blk_lpos.begin", 0},
                                      {"prb_data_blk_lpos.next", 8}, {"printk_info.seq", 0}, {"printk_info.ts_nsec", 8},
                                      {"printk_info.text_len", 16}, {"printk_info.caller_id", 20}},
                                     {{"prb_desc", 24}, {"printk_info", 88}}));
  }
};

TEST(LogRing, ReadsRecordsInOrderWithTheConsolesPrefix) {
  Ring ring;
  ring.record(5, 2, 0, 32, 1234567890, "first");
  ring.record(6, 1, 32, 64, 12345678901234, "two\nlines");
  ring.bounds(5, 6);
  auto log = ring.read();
  ASSERT_TRUE(log.ok()) << log.error().message();
  EXPECT_EQ(log->text(), "[    1.234567] first\n[12345.678901] two\n[12345.678901] lines\n");
  EXPECT_EQ(log->text(true).substr(0, 20), "<6>[    1.234567] fi");
  EXPECT_EQ(log->records[0].caller, 0x80000001);
  EXPECT_EQ(log->lost, 0u);
}

TEST(LogRing, FollowsATextBlockThatStartsOverAtTheBeginning) {
  Ring ring;
  ring.record(9, 2, 240, 256 + 40, 1000000000, "wrapped around");
  ring.bounds(9, 9);
  auto log = ring.read();
  ASSERT_TRUE(log.ok());
  ASSERT_EQ(log->records.size(), 1u);
  EXPECT_EQ(log->records[0].text, "wrapped around");
}

TEST(LogRing, TakesABlockThatEndsWithTheRing) {
  Ring ring;
  ring.record(2, 2, 224, 256, 1000000000, "to the very end");
  ring.bounds(2, 2);
  auto log = ring.read();
  ASSERT_TRUE(log.ok());
  ASSERT_EQ(log->records.size(), 1u);
  EXPECT_EQ(log->records[0].text, "to the very end");
}

TEST(LogRing, CountsWhatItCouldNotReadAndWhatWasBeingWritten) {
  Ring ring;
  ring.record(4, 2, 0, 32, 1, "whole");
  ring.record(5, 2, 1, 1, 2, "");                     // its text did not fit
  ring.record(6, 2, 32, 64, 3, "stolen");
  ring.memory.put<uint64_t>(Ring::kText + 32, 1234);  // the block belongs to another record by now
  ring.record(7, 0, 64, 96, 4, "half");
  ring.bounds(4, 7);
  auto log = ring.read();
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->records.size(), 1u);
  EXPECT_EQ(log->lost, 2u);
  EXPECT_EQ(log->unfinished, 1u);
  EXPECT_NE(log->note, "");
}

TEST(LogRing, AnEmptyLineIsARecordWithoutText) {
  Ring ring;
  ring.record(4, 2, 3, 3, 1000, "");
  ring.bounds(4, 4);
  auto log = ring.read();
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->text(), "[    0.000001] \n");
}

TEST(LogRing, ImpossibleSizesAreAnErrorAndContradictionsAreSaid) {
  Ring ring;
  ring.record(4, 2, 0, 32, 1, "one");
  ring.bounds(100, 4);
  auto log = ring.read();
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->records.size(), 1u);
  EXPECT_NE(log->note, "");
  ring.memory.put<uint32_t>(Ring::kPrb, 60);
  EXPECT_FALSE(ring.read().ok());
}

// The records of 3.5 to 5.9 in a buffer of 256 bytes.
class Records {
 public:
  static constexpr uint64_t kBuffer = kLinear + 0x20000, kVariables = kLinear + 0x21000;
  FakeMemory memory;
  bool callers = false, joins = false;

  Records() {
    memory.put<uint64_t>(kVariables, kBuffer);
    memory.put<uint32_t>(kVariables + 8, 256);
  }
  void bounds(uint32_t first, uint32_t next) {
    memory.put<uint32_t>(kVariables + 12, first);
    memory.put<uint32_t>(kVariables + 16, next);
  }
  uint32_t record(uint32_t at, uint64_t ns, std::string_view text, uint8_t flags = 2) {
    uint32_t header = callers ? 20 : 16, length = (header + uint32_t(text.size()) + 7) & ~7u;
    memory.put<uint64_t>(kBuffer + at, ns);
    memory.put<uint16_t>(kBuffer + at + 8, uint16_t(length));
    memory.put<uint16_t>(kBuffer + at + 10, uint16_t(text.size()));
    memory.put<uint8_t>(kBuffer + at + 15, uint8_t(4 << 5 | flags));
    if (callers) memory.put<uint32_t>(kBuffer + at + 16, 77);
    memory.put_text(kBuffer + at + header, text);
    return at + length;
  }
  Result<LogText> read() {
    auto space = memory.space();
    std::map<std::string, uint64_t, std::less<>> offsets = {{"printk_log.ts_nsec", 0}, {"printk_log.len", 8}, {"printk_log.text_len", 10}};
    if (callers) offsets["printk_log.caller_id"] = 16;
    if (joins) offsets["cont.cons"] = 0;
    return read_log(space, layout_of({{"log_buf", kVariables}, {"log_buf_len", kVariables + 8}, {"log_first_idx", kVariables + 12},
                                      {"log_next_idx", kVariables + 16}},
                                     offsets, {{"printk_log", callers ? 20 : 16}}));
  }
};

TEST(LogRecords, ReadsFromFirstToNextAcrossTheEnd) {
  Records records;
  uint32_t filler = records.record(192, 51807593752000, "WARNING: CPU: 56");
  records.memory.put<uint16_t>(Records::kBuffer + filler + 8, 0);
  uint32_t next = records.record(0, 51807645808000, "Unable to handle");
  records.bounds(192, next);
  auto log = records.read();
  ASSERT_TRUE(log.ok()) << log.error().message();
  EXPECT_EQ(log->text(), "[51807.593752] WARNING: CPU: 56\n[51807.645808] Unable to handle\n");
  EXPECT_EQ(log->records[0].level, 4);
  EXPECT_EQ(log->note, "");
}

TEST(LogRecords, CallersAreShownWhereRecordsHaveThem) {
  Records records;
  records.callers = true;
  records.bounds(0, records.record(0, 1000, "hello"));
  auto log = records.read();
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->text(), "[    0.000001][   T77] hello\n");
}

TEST(LogRecords, JoinsFragmentsWhereTheKernelDid) {
  Records records;
  records.joins = true;
  uint32_t at = records.record(0, 1000, "one ", 8);
  at = records.record(at, 2000, "line", 8 | 2);
  records.bounds(0, records.record(at, 3000, "next"));
  auto log = records.read();
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->text(), "[    0.000001] one line\n[    0.000003] next\n");
}

TEST(LogRecords, ADamagedRecordEndsTheLogAndIsSaid) {
  Records records;
  uint32_t second = records.record(0, 1000, "good");
  uint32_t third = records.record(second, 2000, "bad");
  records.bounds(0, records.record(third, 3000, "unreachable"));
  records.memory.put<uint16_t>(Records::kBuffer + second + 8, 9);
  auto log = records.read();
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->records.size(), 1u);
  EXPECT_EQ(log->lost, 1u);
  EXPECT_NE(log->note.find("lost"), std::string::npos);
}

TEST(Log, SaysWhatIsMissing) {
  FakeMemory memory;
  auto log = read_log(memory.space(), layout_of({}, {}, {}));
  ASSERT_FALSE(log.ok());
  EXPECT_EQ(log.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace inquest::kernel
