// BTF is written as text, one type a line: kind, name, then what the kind has. Ids count from 1 (after the base's).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <sstream>
#include <thread>

#include "debuginfo/kallsyms.h"

namespace inquest::debuginfo {
namespace {

class Builder {
 public:
  explicit Builder(const char* text, uint32_t first_string = 0) : first_string_(first_string) {
    if (!first_string) strings_ = std::string(1, '\0');
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) add(line);
  }
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> out;
    auto put = [&](auto v) {
      out.resize(out.size() + sizeof v);
      std::memcpy(out.data() + out.size() - sizeof v, &v, sizeof v);
    };
    put(uint16_t{0xeb9f}), put(uint8_t{1}), put(uint8_t{0});
    put(uint32_t{24}), put(uint32_t{0}), put(uint32_t(types_.size() * 4)), put(uint32_t(types_.size() * 4)),
        put(uint32_t(strings_.size()));
    for (uint32_t w : types_) put(w);
    for (char c : strings_) put(c);
    return out;
  }
  uint32_t string_end() const { return first_string_ + uint32_t(strings_.size()); }

 private:
  uint32_t string(const std::string& s) {
    if (s == "-") return 0;
    strings_ += s + '\0';
    return first_string_ + uint32_t(strings_.size() - s.size() - 1);
  }
  // "struct* S 16 a:1:0 b:2:64": with * the kind flag is set; size or type; then members name:type:offset.
  void add(const std::string& line) {
    static const std::map<std::string, uint32_t> kKinds = {
        {"int", 1},       {"ptr", 2},       {"array", 3},     {"struct", 4},   {"union", 5},
        {"enum", 6},      {"fwd", 7},       {"typedef", 8},   {"volatile", 9}, {"const", 10},
        {"restrict", 11}, {"func", 12},     {"proto", 13},    {"var", 14},     {"datasec", 15},
        {"float", 16},    {"decl_tag", 17}, {"type_tag", 18}, {"enum64", 19},  {"alien", 25}};
    std::istringstream in(line);
    std::string kind, name, word;
    if (!(in >> kind >> name)) return;
    bool flag = kind.back() == '*';
    if (flag) kind.pop_back();
    uint32_t size = 0;
    in >> size;
    std::vector<uint32_t> extra;
    uint32_t count = 0;
    for (; in >> word; count++) {
      std::istringstream parts(word);
      bool named = kKinds.at(kind) != 1 && kKinds.at(kind) != 3 && kKinds.at(kind) != 14 && kKinds.at(kind) != 17;
      for (std::string part; std::getline(parts, part, ':');) {
        if (named)
          extra.push_back(string(part));
        else
          extra.push_back(uint32_t(std::stoll(part, nullptr, 0)));
        named = false;
      }
    }
    if (kind == "int" || kind == "array" || kind == "var" || kind == "decl_tag") count = 0;
    types_.push_back(string(name));
    types_.push_back(uint32_t(flag) << 31 | kKinds.at(kind) << 24 | count);
    types_.push_back(size);
    types_.insert(types_.end(), extra.begin(), extra.end());
  }

  uint32_t first_string_;
  std::vector<uint32_t> types_;
  std::string strings_;
};

constexpr const char* kKernel =
    "int int 4 0x01000020\n"                                                           // 1
    "int char 1 0x08\n"                                                                // 2: unsigned, 8 bits
    "int _Bool 1 0x04000008\n"                                                         // 3
    "struct list_head 16 next:5:0 prev:5:64\n"                                         // 4
    "ptr - 4\n"                                                                        // 5
    "array - 0 2:1:16\n"                                                               // 6 char[16]
    "struct* node 64 list:4:0 name:6:128 flags:1:0x3000100 -:8:0x140 tail:16:0x180\n"  // 7; flags: 3 bits at 256
    "union - 8 next:9:0 func:13:0\n"                                                   // 8
    "ptr - 10\n"                                                                       // 9
    "fwd node 0\n"                                                                     // 10
    "proto - 0 head:9 flags:12\n"                                                      // 11 void f(struct node *, u32)
    "typedef u32 1\n"                                                                  // 12
    "ptr - 11\n"                                                                       // 13
    "func call_rcu 11\n"                                                               // 14
    "enum* state 4 DEAD:-1 ALIVE:7\n"                                                  // 15
    "array - 0 9:1:0\n"                                                                // 16 flexible
    "var jiffies 12 1\n"                                                               // 17
    "const - 0\n"                                                                      // 18 const void
    "ptr - 18\n"                                                                       // 19
    "type_tag rcu 7\n"                                                                 // 20
    "ptr - 20\n"                                                                       // 21
    "enum64 big 8 HUGE:0:1\n"                                                          // 22
    "enum colours 4 RED:0xffffffff\n"                                                  // 23
    "proto - 1 fmt:19 -:0\n"                                                           // 24 int f(const void *, ...)
    "func printk 24\n"                                                                 // 25
    "fwd* nowhere 0\n"                                                                 // 26 a union never defined
    "float double 8\n"                                                                 // 27
    "struct old 8 a:28:0 b:29:3\n"                                                     // 28 is next: an int of 3 bits
    "int int 4 0x01000003\n";                                                          // 29

struct Kernel {
  std::vector<std::byte> blob = Builder(kKernel).bytes();
  std::shared_ptr<const Btf> btf;
  Kernel() {
    auto parsed = Btf::parse(blob);
    EXPECT_TRUE(parsed.ok()) << parsed.error().message();
    btf = *parsed;
  }
};

std::string show(const Type* type) {
  if (!type) return "void";
  std::string text;
  for (const Member& m : type->members()) text += fmt::format("{}@{}:{} ", m.name, m.bit_offset, m.bit_size);
  return text;
}

TEST(Btf, Structs) {
  Kernel k;
  const Type* node = k.btf->find_type(TypeKind::kStruct, "node");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->size(), 64u);
  EXPECT_EQ(show(node), "list@0:0 name@128:0 flags@256:3 @320:0 tail@384:0 ");
  EXPECT_EQ(node->members()[1].type->kind(), TypeKind::kArray);
  EXPECT_EQ(node->members()[1].type->count(), 16u);
  EXPECT_EQ(node->members()[1].type->size(), 16u);
  EXPECT_EQ(node->members()[4].type->count(), std::nullopt);
  EXPECT_EQ(node->members()[4].type->size(), std::nullopt);
  // The forward declaration is the struct itself.
  EXPECT_EQ(node->members()[3].type->members()[0].type->target(), node);
  // An old bit-field: its size is the int's.
  EXPECT_EQ(show(k.btf->find_type(TypeKind::kStruct, "old")), "a@0:0 b@3:3 ");
}

TEST(Btf, ScalarsEnumsAndQualifiers) {
  Kernel k;
  EXPECT_TRUE(k.btf->find_type(TypeKind::kInteger, "int")->is_signed());
  EXPECT_FALSE(k.btf->find_type(TypeKind::kInteger, "char")->is_signed());
  EXPECT_TRUE(k.btf->find_type(TypeKind::kBool, "_Bool"));
  EXPECT_FALSE(k.btf->find_type(TypeKind::kInteger, "_Bool"));
  EXPECT_EQ(k.btf->find_type(TypeKind::kFloat, "double")->size(), 8u);
  EXPECT_EQ(k.btf->find_type(TypeKind::kTypedef, "u32")->size(), 4u);
  EXPECT_EQ(k.btf->find_enumerator("DEAD"), -1);
  EXPECT_EQ(k.btf->find_enumerator("HUGE"), int64_t{1} << 32);
  EXPECT_EQ(k.btf->find_enumerator("RED"), 0xffffffff);
  EXPECT_EQ(k.btf->find_enumerator("GREEN"), std::nullopt);
  const Type* to_const_void = k.btf->type(19);
  EXPECT_EQ(to_const_void->target()->kind(), TypeKind::kConst);
  EXPECT_EQ(to_const_void->target()->target(), nullptr);
  EXPECT_EQ(k.btf->type(21)->target(), k.btf->find_type(TypeKind::kStruct, "node"));  // through the type tag
  EXPECT_EQ(k.btf->type(0), nullptr);
  EXPECT_EQ(k.btf->type(14), nullptr);
  EXPECT_EQ(k.btf->type(9999), nullptr);
  const Type* nowhere = k.btf->type(26);
  EXPECT_TRUE(nowhere->is_declaration());
  EXPECT_EQ(nowhere->kind(), TypeKind::kUnion);
}

TEST(Btf, FunctionsAndVariables) {
  Kernel k;
  const Type* call_rcu = k.btf->function_prototype("call_rcu");
  ASSERT_TRUE(call_rcu);
  EXPECT_EQ(call_rcu->kind(), TypeKind::kFunction);
  EXPECT_EQ(call_rcu->target(), nullptr);
  ASSERT_EQ(call_rcu->parameters().size(), 2u);
  EXPECT_EQ(call_rcu->parameters()[0].name, "head");
  EXPECT_TRUE(k.btf->function_prototype("printk")->variadic());
  EXPECT_EQ(k.btf->function_prototype("schedule"), nullptr);
  EXPECT_EQ(k.btf->variable_type("jiffies")->name(), "u32");
  std::vector<std::string_view> names = k.btf->type_names(TypeKind::kStruct);
  EXPECT_EQ(names, (std::vector<std::string_view>{"list_head", "node", "old"}));
}

TEST(Btf, ModulesBuildOnTheKernel) {
  Kernel k;
  Builder module("struct mine 24 link:4:0 peer:31:128\nptr - 30\nfwd list_head 0\n", Builder(kKernel).string_end());
  std::vector<std::byte> blob = module.bytes();
  auto parsed = Btf::parse(blob, k.btf);
  ASSERT_TRUE(parsed.ok());
  const Type* mine = (*parsed)->find_type(TypeKind::kStruct, "mine");
  ASSERT_TRUE(mine);
  EXPECT_EQ(mine->members()[0].type, k.btf->find_type(TypeKind::kStruct, "list_head"));
  EXPECT_EQ(mine->members()[1].type->target(), mine);
  EXPECT_EQ((*parsed)->type(32), k.btf->find_type(TypeKind::kStruct, "list_head"));
  EXPECT_EQ((*parsed)->find_enumerator("ALIVE"), 7);
  EXPECT_EQ((*parsed)->type_count(), 33u);
}

TEST(Btf, DamageIsNamed) {
  auto code = [](Bytes blob) {
    auto parsed = Btf::parse(blob);
    return parsed.ok() ? ErrorCode::kUsage : parsed.error().code();
  };
  std::vector<std::byte> blob = Builder(kKernel).bytes();
  EXPECT_EQ(code({}), ErrorCode::kNotMine);
  EXPECT_EQ(code(Bytes(blob).first(blob.size() - 1)), ErrorCode::kTruncated);
  EXPECT_EQ(code(Builder("alien x 0\n").bytes()), ErrorCode::kUnsupported);
  std::vector<std::byte> swapped = blob;
  std::swap(swapped[0], swapped[1]);
  EXPECT_EQ(code(swapped), ErrorCode::kUnsupported);
  std::vector<std::byte> endless = blob;
  endless.back() = std::byte{'x'};
  EXPECT_EQ(code(endless), ErrorCode::kCorrupt);
  // Loops and references to nowhere are survived.
  std::vector<std::byte> loops = Builder("type_tag a 1\ntypedef t 99\nstruct s 8 m:77:0\nptr - 4\n").bytes();
  auto parsed = Btf::parse(loops);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ((*parsed)->type(1), nullptr);
  EXPECT_EQ((*parsed)->type(2)->target()->kind(), TypeKind::kUnknown);
  EXPECT_EQ((*parsed)->find_type(TypeKind::kStruct, "s")->members()[0].type->kind(), TypeKind::kUnknown);
}

TEST(Btf, ThreadsGetTheSameTypes) {
  Kernel k;
  std::vector<const Type*> seen(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < seen.size(); i++) {
    threads.emplace_back([&, i] { seen[i] = k.btf->find_type(TypeKind::kStruct, "node")->members()[0].type; });
  }
  for (std::thread& t : threads) t.join();
  for (const Type* t : seen) EXPECT_EQ(t, seen[0]);
}

}  // namespace
}  // namespace inquest::debuginfo
