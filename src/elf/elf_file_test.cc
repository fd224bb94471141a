#include "elf/elf_file.h"

#include <gtest/gtest.h>

#include "elf/testing/elf_builder.h"

namespace inquest::elf {
namespace {

using testing::ElfBuilder;
using testing::note;
using testing::Writer;

struct Shape {
  bool is_64;
  ByteOrder order;
};

class EveryShape : public ::testing::TestWithParam<Shape> {
 protected:
  ElfBuilder builder() const {
    ElfBuilder b;
    b.is_64 = GetParam().is_64;
    b.order = GetParam().order;
    return b;
  }
};
INSTANTIATE_TEST_SUITE_P(Elf, EveryShape,
                         ::testing::Values(Shape{true, ByteOrder::kLittle}, Shape{true, ByteOrder::kBig},
                                           Shape{false, ByteOrder::kLittle}, Shape{false, ByteOrder::kBig}));

TEST_P(EveryShape, SegmentsSectionsSymbolsAndNotes) {
  ElfBuilder b = builder();
  b.type = kEtExec;
  b.machine = kEmAarch64;
  b.flags = 1;
  b.add_load(0x1000, 0xc0001000, "memory", 4096);
  b.add_note(note("GNU", 3, "\xab\x01\xff", b.order) + note("CORE", 1, "regs!", b.order));
  Section text;
  text.type = kShtProgbits;
  text.address = 0x40;
  b.sections.push_back({".text", text, "code"});
  b.add_symbols({{"", 0, 0, 0, 0}, {"start_kernel", 0x44, 12, 0x12, 1}});
  std::string file = b.build();

  Result<ElfFile> parsed = ElfFile::parse(as_bytes_of(file));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  const ElfFile& elf = *parsed;
  EXPECT_EQ(elf.is_64(), b.is_64);
  EXPECT_EQ(elf.order(), b.order);
  EXPECT_EQ(elf.type(), kEtExec);
  EXPECT_EQ(elf.machine(), kEmAarch64);
  EXPECT_EQ(elf.flags(), 1u);
  EXPECT_FALSE(elf.headers_cut());
  ASSERT_EQ(elf.segments().size(), 2u);
  EXPECT_EQ(elf.segments()[0].physical_address, 0x1000u);
  EXPECT_EQ(elf.segments()[0].virtual_address, 0xc0001000u);
  EXPECT_EQ(elf.segments()[0].memory_size, 4096u);
  EXPECT_EQ(as_text(elf.contents(elf.segments()[0])), "memory");
  const Section* found = elf.section(".text");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->index, 1u);
  EXPECT_EQ(found->address, 0x40u);
  EXPECT_EQ(as_text(elf.contents(*found)), "code");
  EXPECT_EQ(elf.section(".nothing"), nullptr);

  std::vector<Symbol> symbols = elf.symbols();
  ASSERT_EQ(symbols.size(), 2u);
  EXPECT_EQ(symbols[1].name, "start_kernel");
  EXPECT_EQ(symbols[1].value, 0x44u);
  EXPECT_EQ(symbols[1].size, 12u);
  EXPECT_EQ(symbols[1].type, kSttFunc);
  EXPECT_EQ(symbols[1].binding, 1);
  EXPECT_EQ(symbols[1].section, 1);

  std::vector<Note> notes = elf.notes();
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[1].name, "CORE");
  EXPECT_EQ(as_text(notes[1].description), "regs!");
  EXPECT_EQ(file.substr(notes[1].offset, 5), "regs!");
  EXPECT_EQ(elf.build_id(), "ab01ff");
}

TEST_P(EveryShape, CountsBehindTheEscapes) {
  ElfBuilder b = builder();
  b.force_pn_xnum = b.force_many_sections = true;
  for (uint64_t i = 0; i < 3; i++) b.add_load(i << 12, 0, "x");
  std::string file = b.build();
  Result<ElfFile> elf = ElfFile::parse(as_bytes_of(file));
  ASSERT_TRUE(elf.ok());
  EXPECT_EQ(elf->segments().size(), 3u);
  EXPECT_EQ(elf->sections().size(), 2u);
  EXPECT_NE(elf->section(".shstrtab"), nullptr);
  EXPECT_FALSE(elf->headers_cut());
}

TEST(ElfFile, MoreThan65534Segments) {
  ElfBuilder b;
  b.force_pn_xnum = true;
  b.segments.resize(70000);
  b.segments.back().header.type = kPtLoad;
  std::string file = b.build();
  Result<ElfFile> elf = ElfFile::parse(as_bytes_of(file));
  ASSERT_TRUE(elf.ok());
  ASSERT_EQ(elf->segments().size(), 70000u);
  EXPECT_EQ(elf->segments().back().type, kPtLoad);
}

TEST(ElfFile, OtherFilesAreNotMine) {
  for (std::string_view text : {"", "\177EL", "KDUMP   ", "hello"}) {
    Result<ElfFile> elf = ElfFile::parse(as_bytes_of(text));
    ASSERT_FALSE(elf.ok());
    EXPECT_EQ(elf.error().code(), ErrorCode::kNotMine);
  }
}

TEST(ElfFile, BadIdentificationAndEntrySizesAreCorrupt) {
  ElfBuilder b;
  b.add_load(0, 0, "x");
  b.sections.push_back({".a", {}, "x"});
  for (size_t at : {4, 5}) {
    std::string file = b.build();
    file[at] = 9;
    EXPECT_EQ(ElfFile::parse(as_bytes_of(file)).error().code(), ErrorCode::kCorrupt);
  }
  b.segment_entry_size = 8;
  EXPECT_EQ(ElfFile::parse(as_bytes_of(b.build())).error().code(), ErrorCode::kCorrupt);
  b.segment_entry_size = 0;
  b.section_entry_size = 1;
  EXPECT_EQ(ElfFile::parse(as_bytes_of(b.build())).error().code(), ErrorCode::kCorrupt);
}

TEST(ElfFile, EveryTruncationIsAnErrorOrAPrefix) {
  ElfBuilder b;
  b.add_load(0x1000, 0, std::string(40, 'm'));
  b.add_note(note("CORE", 1, "registers"));
  b.add_symbols({{"a", 1, 1, 2, 0}, {"bcd", 2, 2, 2, 0}});
  const std::string whole = b.build();
  for (size_t size = 0; size < whole.size(); size++) {
    std::string file = whole.substr(0, size);  // its own allocation, so that a sanitizer sees a read too far
    Result<ElfFile> elf = ElfFile::parse(as_bytes_of(file));
    if (!elf.ok()) {
      EXPECT_LT(size, 64u);
      continue;
    }
    EXPECT_TRUE(elf->headers_cut()) << size;  // the section headers come last
    for (const Segment& s : elf->segments()) {
      std::string_view contents = as_text(elf->contents(s));
      EXPECT_EQ(contents, std::string_view(whole).substr(s.offset, contents.size()));
      EXPECT_EQ(elf->is_cut(s), contents.size() < s.file_size);
    }
    for (const Note& n : elf->notes()) EXPECT_EQ(as_text(n.description), "registers");
    for (const Symbol& s : elf->symbols()) EXPECT_TRUE(s.name.empty() || s.name == "a" || s.name == "bcd");
  }
}

TEST(ElfFile, OffsetsAtTheEndOfTheNumberLine) {
  ElfBuilder b;
  b.add_load(0, 0, "x");
  std::string file = b.build();
  Writer huge;
  huge.u64(~uint64_t{0} - 3);
  std::string segments_far = file, contents_far = file;
  segments_far.replace(32, 8, huge.text());      // e_phoff
  contents_far.replace(64 + 8, 8, huge.text());  // p_offset
  Result<ElfFile> a = ElfFile::parse(as_bytes_of(segments_far)), c = ElfFile::parse(as_bytes_of(contents_far));
  ASSERT_TRUE(a.ok() && c.ok());
  EXPECT_TRUE(a->segments().empty());
  EXPECT_TRUE(a->headers_cut());
  EXPECT_TRUE(c->contents(c->segments()[0]).empty());
  EXPECT_TRUE(c->is_cut(c->segments()[0]));
}

TEST(Notes, EndCleanlyOrNot) {
  bool complete = false;
  std::string blob = note("CORE", 1, "abc") + note("QEMU", 0, "state");
  EXPECT_EQ(parse_notes(as_bytes_of(blob), ByteOrder::kLittle, &complete).size(), 2u);
  EXPECT_TRUE(complete);
  EXPECT_EQ(parse_notes(as_bytes_of(blob + std::string(40, '\0')), ByteOrder::kLittle, &complete).size(), 2u);
  EXPECT_TRUE(complete);
  std::string cut = blob.substr(0, blob.size() - 6);
  EXPECT_EQ(parse_notes(as_bytes_of(cut), ByteOrder::kLittle, &complete).size(), 1u);
  EXPECT_FALSE(complete);
  EXPECT_EQ(parse_notes(as_bytes_of(blob + "noise"), ByteOrder::kLittle, &complete).size(), 2u);
  EXPECT_FALSE(complete);
  // A last description without its padding is whole.
  std::string unpadded = blob.substr(0, blob.size() - 3);
  EXPECT_EQ(parse_notes(as_bytes_of(unpadded), ByteOrder::kLittle, &complete).size(), 2u);
  EXPECT_TRUE(complete);
}

TEST(Notes, AlignedToEight) {
  std::string blob = note("GNU", 5, "12345", ByteOrder::kLittle, 8) + note("GNU", 3, "\x01", ByteOrder::kLittle, 8);
  std::vector<Note> notes = parse_notes(as_bytes_of(blob), ByteOrder::kLittle, nullptr, 8);
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(build_id_of(notes), "01");
}

}  // namespace
}  // namespace inquest::elf
