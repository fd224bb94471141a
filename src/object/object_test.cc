// Values and their printing over a dump of one page and types made by hand; symbols as text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "elf/testing/elf_builder.h"
#include "object/clones.h"
#include "object/value.h"

namespace inquest::object {
namespace {

using debuginfo::Member;
using ::testing::HasSubstr;

constexpr uint64_t kBase = 0xffff888000000000, kData = kBase + 0x10000;

class HandMadeTypes : public debuginfo::TypeSource {
 public:
  const Type* add(TypeKind kind, std::string_view name, std::optional<uint64_t> size, const Type* target = nullptr,
                  std::vector<Member> members = {}, std::optional<uint64_t> count = {}, bool is_signed = false) {
    Body body;
    body.target = target;
    body.members = std::move(members);
    body.count = count;
    uint64_t key = types_.size();
    bodies_.push_back(body);
    types_.push_back(std::make_unique<Type>(this, key, kind, name, size, is_signed, false));
    return types_.back().get();
  }

 private:
  Body body_of(const Type& type) const override { return bodies_.at(type.key()); }
  std::vector<Body> bodies_;
  std::vector<std::unique_ptr<Type>> types_;
};

class ObjectTest : public ::testing::Test {
 protected:
  ObjectTest() {
    elf::testing::Writer tables, data;
    tables.pad_to(8 * 273).u64(0x2003).pad_to(0x1000).u64(0x3003).pad_to(0x2000).u64(0x4003).pad_to(0x3000);
    tables.pad_to(0x3000 + 8 * 16).u64(0x10003).pad_to(0x4000);
    data.u32(uint32_t(-5)).u8(0x2d).u8('A').u8(0).u8(0).u64(kData + 0x108).bytes("ab\"\n").zeroes(4).zeroes(4 * 12).u32(9).pad_to(0x1000);
    elf::testing::ElfBuilder core;
    core.add_load(0x1000, kBase + 0x1000, tables.text());
    core.add_load(0x10000, kData, data.text());
    bytes_ = core.build();
    auto opened = dump::Dump::open_bytes({as_bytes_of(bytes_)}, {"vmcore"}, ledger_);
    if (!opened.ok()) std::abort();
    dump_.emplace(*std::move(opened));
    target::KernelLayout layout;
    layout.identity.arch = &arch::x86_64();
    layout.root = PhysicalAddress(0x1000);
    program_.emplace(*dump_, layout, ledger_);
    LoadedFile kernel, module;
    kernel.extents = {{VirtualAddress(kData), 0x200}};
    kernel.load_symbols = [] { return std::vector<MemorySymbol>{{"head", VirtualAddress(kData + 0x100), 0x40, 'd'}}; };
    module.name = "mod";
    module.text_start = VirtualAddress(kData + 0x200), module.text_size = 0x100;
    module.load_symbols = [] {
      return std::vector<MemorySymbol>{{"init", VirtualAddress(kData + 0x200), 0x80, 't'},        {"open.isra.0", VirtualAddress(kData + 0x280), 0x8, 't'},
                                       {"open.isra.0.cold", VirtualAddress(kData + 0x288), 0x8, 't'}, {"shut.part.0", VirtualAddress(kData + 0x2a0), 0x8, 't'},
                                       {"shut.constprop.0", VirtualAddress(kData + 0x2a8), 0x8, 't'}, {"rare.cold", VirtualAddress(kData + 0x2b0), 0x8, 't'},
                                       {"__key.12", VirtualAddress(kData + 0x2c0), 0, 'b'},           {"limit", VirtualAddress(kData + 0x2c0), 4, 'b'},
                                       {"__key.13", VirtualAddress(kData + 0x2c0), 0, 'b'}};
    };
    program_->add_file(std::move(kernel));
    program_->add_file(std::move(module));

    const Type* number = types_.add(TypeKind::kInteger, "int", 4, nullptr, {}, {}, true);
    const Type* byte = types_.add(TypeKind::kInteger, "unsigned char", 1);
    const Type* chars = types_.add(TypeKind::kInteger, "char", 1, nullptr, {}, {}, true);
    const Type* name = types_.add(TypeKind::kArray, "", std::nullopt, chars, {}, 8);
    const Type* grid = types_.add(TypeKind::kArray, "", std::nullopt, number, {}, 13);
    const Type* pointer = types_.add(TypeKind::kPointer, "", 8, number);
    const Type* inner = types_.add(TypeKind::kUnion, "", 1, nullptr, {{"letter", byte, 0, 0}});
    node_ = types_.add(TypeKind::kStruct, "node", 0x54, nullptr,
                       {{"n", number, 0, 0}, {"low", byte, 32, 3}, {"high", byte, 35, 5}, {"", inner, 40, 0}, {"next", pointer, 64, 0},
                        {"name", name, 128, 0}, {"grid", grid, 192, 0}});
    number_ = number;
  }
  HandMadeTypes types_;
  LossLedger ledger_;
  std::string bytes_;
  std::optional<dump::Dump> dump_;
  std::optional<Program> program_;
  const Type *node_ = nullptr, *number_ = nullptr;
};

TEST_F(ObjectTest, ReadsMembers) {
  Value node(*program_, node_, VirtualAddress(kData));
  EXPECT_EQ(node.member("n")->as_signed().value_or(0), -5);
  EXPECT_EQ(node.member("n")->as_unsigned().value_or(0), 0xfffffffbu);
  EXPECT_EQ(node.member("low")->as_unsigned().value_or(0), 5u);
  EXPECT_EQ(node.member("high")->as_unsigned().value_or(0), 5u);
  EXPECT_EQ(node.member("letter")->as_unsigned().value_or(0), 65u) << "through the anonymous union";
  EXPECT_EQ(node.member("grid[12]")->as_unsigned().value_or(0), 9u);
  EXPECT_EQ(node.member("name")->as_string().value_or(""), "ab\"\n");
  EXPECT_THAT(node.member("none").error().message(), HasSubstr("no member none"));
  EXPECT_FALSE(node.member("grid[").ok());
  EXPECT_FALSE(node.member("grid[x]").ok());
}

TEST_F(ObjectTest, PrintsAStructAsGdbDoes) {
  EXPECT_EQ(print(Value(*program_, node_, VirtualAddress(kData))),
            "{\n  n = -5, \n  low = 5 '\\005', \n  high = 5 '\\005', \n  {\n    letter = 65 'A'\n  }, \n"
            "  next = 0xffff888000010108 <head+8>, \n  name = \"ab\\\"\\012\\000\\000\\000\\000\", \n"
            "  grid = {0 <repeats 12 times>, 9}\n}");
  EXPECT_EQ(print(Value::of_number(*program_, number_, 0xfffffffe)), "-2");
  EXPECT_THAT(print(Value(*program_, node_, VirtualAddress(kData + 0x1000))), HasSubstr("n = <0xffff888000011000"));
  PrintOptions hex;
  hex.hex = true;
  EXPECT_EQ(print(Value::of_number(*program_, number_, 26), hex), "0x1a");
}

TEST_F(ObjectTest, PrintsALayout) {
  const std::string text = print_layout(node_, true);
  EXPECT_THAT(text, HasSubstr("struct node {\n"));
  EXPECT_THAT(text, HasSubstr("[0x0] int n;\n"));
  EXPECT_THAT(text, HasSubstr("[0x4] unsigned char low : 3;\n"));
  EXPECT_THAT(text, HasSubstr("union {\n"));
  EXPECT_THAT(text, HasSubstr("[0x5]     unsigned char letter;\n"));
  EXPECT_THAT(text, HasSubstr("[0x18] int grid[13];\n"));
  EXPECT_THAT(text, HasSubstr("}\nSIZE: 0x54\n"));
  EXPECT_THAT(print_layout(node_, false), HasSubstr("[24] int grid[13];\n"));
  EXPECT_THAT(print_layout(node_, true, VirtualAddress(kData)), HasSubstr("[ffff888000010018] int grid[13];\n"));
}

TEST_F(ObjectTest, SymbolText) {
  EXPECT_EQ(program_->symbol_at(VirtualAddress(kData + 0x210))->text(), "init+0x10/0x80 [mod]");
  EXPECT_EQ(program_->symbol_at(VirtualAddress(kData + 0x100))->text(false), "head+0x0");
  EXPECT_FALSE(program_->symbol_at(VirtualAddress(kData + 0x290)).has_value()) << "behind its size";
  EXPECT_FALSE(program_->symbol_at(VirtualAddress(kData + 0x900)).has_value());
  EXPECT_TRUE(program_->symbol("mod:init").has_value());
  EXPECT_FALSE(program_->kernel_symbol("init").has_value());
  EXPECT_TRUE(program_->is_text(VirtualAddress(kData + 0x2ff)));
  EXPECT_FALSE(program_->is_text(VirtualAddress(kData + 0x300)));
}

TEST_F(ObjectTest, AnEmptyObjectHidesNoVariable) {
  EXPECT_EQ(program_->symbol_at(VirtualAddress(kData + 0x2c0))->symbol.name, "limit");
  EXPECT_EQ(program_->symbol_at(VirtualAddress(kData + 0x2c3))->symbol.name, "limit");
}

TEST_F(ObjectTest, FunctionsThatTheCompilerRenamed) {
  auto names = [&](std::string_view function) {
    std::vector<std::string> all;
    for (const Symbol& s : clones_of(*program_, function)) all.push_back(s.name);
    return all;
  };
  EXPECT_THAT(names("open"), ::testing::ElementsAre("open.isra.0")) << "its cold part is no other";
  EXPECT_THAT(names("shut"), ::testing::ElementsAre("shut.part.0", "shut.constprop.0"));
  EXPECT_THAT(names("rare"), ::testing::ElementsAre("rare.cold")) << "nothing else of it is there";
  EXPECT_THAT(names("mod:rare"), ::testing::SizeIs(1));
  EXPECT_THAT(names("other:rare"), ::testing::IsEmpty());
  EXPECT_THAT(names("__key"), ::testing::IsEmpty()) << "a number alone tells variables apart";
  EXPECT_THAT(names("ope"), ::testing::IsEmpty());
  EXPECT_THAT(names(""), ::testing::IsEmpty());
  EXPECT_TRUE(is_clone_of("f.constprop.0.isra.3", "f"));
  EXPECT_FALSE(is_clone_of("f", "f"));
  EXPECT_FALSE(is_clone_of("f.text", "f"));
  EXPECT_FALSE(is_clone_of("f.isra.0x", "f"));
}

TEST(Sizes, AgreeUpToPadding) {
  EXPECT_TRUE(size_agrees(0x250, 0x250));
  EXPECT_TRUE(size_agrees(0x250, 0x241));
  EXPECT_FALSE(size_agrees(0x250, 0x210));
  EXPECT_FALSE(size_agrees(0x240, 0x250));
}

}  // namespace
}  // namespace inquest::object
