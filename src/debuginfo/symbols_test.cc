// The order of symbols at one address, which is what symbol_at() goes by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "debuginfo/index/builder.h"
#include "elf/testing/elf_builder.h"

namespace inquest::debuginfo::index {
namespace {

TEST(Symbols, AtOneAddressAnEmptyObjectIsLast) {
  elf::testing::ElfBuilder builder;
  builder.type = elf::kEtExec;
  elf::testing::ElfBuilder::NewSection data;
  data.name = ".data";
  data.header.type = 1;  // SHT_PROGBITS
  data.header.flags = elf::kShfAlloc;
  data.header.address = 0x1000;
  data.contents = std::string(0x20, '\0');
  builder.sections.push_back(data);
  builder.add_symbols({{"__key.12", 0x1000, 0, elf::kSttObject, 1}, {"limit", 0x1000, 4, elf::kSttObject, 1}, {"global_mark", 0x1000, 0, 0x10, 1}, {"next", 0x1008, 8, elf::kSttObject, 1}});
  std::string bytes = builder.build();
  auto file = elf::ElfFile::parse(as_bytes_of(bytes));
  ASSERT_TRUE(file.ok());
  std::vector<uint64_t> addresses;
  for (const auto& section : file->sections()) addresses.push_back(section.address);
  Bytes strtab = symbol_strings(*file);
  std::vector<std::string> names;
  std::vector<uint64_t> sizes;
  for (const SymbolRecord& record : read_symbols(*file, addresses, strtab)) {
    names.push_back(reinterpret_cast<const char*>(strtab.data()) + (record.name & kNameOffsetMask));
    sizes.push_back(record.size);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("limit", "global_mark", "__key.12", "next"));
  EXPECT_EQ(sizes[0], 4u);
}

}  // namespace
}  // namespace inquest::debuginfo::index
