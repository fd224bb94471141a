// DebugFile over the sample program, as each compiler at hand writes it down.
#include "debuginfo/debug_file.h"

#include <gmock/gmock.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "debuginfo/testing/sample.h"

namespace inquest::debuginfo {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

struct Build {
  const char* name;
  const char* command;
  bool linked = false;
};

// DWARF 4 and 5, linked and relocatable, compressed, with indexed strings, addresses and lists (clang), in 64-bit
// DWARF.
constexpr Build kBuilds[] = {
    {"gcc5_object", "gcc -g -gdwarf-5 -O2 -c"},
    {"gcc4_object", "gcc -g -gdwarf-4 -O2 -c"},
    {"gcc5_linked", "gcc -g -gdwarf-5 -O2 -nostdlib -static -no-pie -Wl,--build-id,--defsym=outside=0", true},
    {"gcc4_linked", "gcc -g -gdwarf-4 -O2 -nostdlib -static -no-pie -Wl,--build-id,--defsym=outside=0", true},
    {"gcc5_zlib", "gcc -g -gdwarf-5 -gz=zlib -O2 -c"},
    {"gcc_strict", "gcc -g -gdwarf-5 -gstrict-dwarf -O2 -c"},
    {"gcc_dwarf64", "gcc -g -gdwarf-5 -gdwarf64 -O2 -c"},
    {"gcc_sections", "gcc -g -gdwarf-5 -O2 -ffunction-sections -c"},
    {"clang5_object", "clang-14 -g -gdwarf-5 -O2 -c"},
    {"clang4_object", "clang-14 -g -gdwarf-4 -O2 -c"},
    {"clang5_linked", "clang-14 -g -gdwarf-5 -O2 -nostdlib -static -Wl,--build-id,--defsym=outside=0", true},
};

// The sample built that way, once; "" if it cannot be.
std::string built(const Build& build) {
  static testing::ScratchFolder folder;
  static std::map<std::string, std::string> done;
  auto [place, fresh] = done.try_emplace(build.name);
  if (fresh && testing::compile(folder, build.name, testing::kSample, build.command))
    place->second = folder.path() + "/" + build.name;
  return place->second;
}

class DebugFileTest : public ::testing::TestWithParam<Build> {
 protected:
  void SetUp() override {
    path_ = built(GetParam());
    if (path_.empty()) GTEST_SKIP() << "cannot run: " << GetParam().command;
    file_ = open();
    ASSERT_TRUE(file_);
    ASSERT_TRUE(file_->has_dwarf());
    for (const auto& entry : ledger_.entries()) ADD_FAILURE() << name_of(entry.loss) << ": " << entry.details.at(0);
  }
  std::shared_ptr<const DebugFile> open(const CacheFolder* cache = nullptr) {
    auto mapped = MappedFile::open(path_);
    if (!mapped) return nullptr;
    OpenOptions options;
    options.cache = cache;
    auto opened = DebugFile::open(*mapped, options, ledger_);
    return opened ? *opened : nullptr;
  }
  // Addresses of `function` where the innermost frame is the function `innermost`.
  std::vector<uint64_t> addresses_in(std::string_view function, std::string_view innermost) {
    std::vector<uint64_t> found;
    for (const Function& f : file_->find_functions(function))
      for (uint64_t address = f.low; address < f.high; address++) {
        auto scopes = file_->scopes_at(address);
        if (scopes && scopes->functions.front().name == innermost) found.push_back(address);
      }
    return found;
  }

  std::string path_;
  LossLedger ledger_;
  std::shared_ptr<const DebugFile> file_;
};

INSTANTIATE_TEST_SUITE_P(Compilers, DebugFileTest, ::testing::ValuesIn(kBuilds),
                         [](const auto& each) { return std::string(each.param.name); });

// struct node once more, laid out by this compiler.
struct Node {
  unsigned char shift, count;
  Node* parent;
  void* list[2];
  void* slots[8];
  unsigned int low : 3, high : 13;
  signed long wide : 40;
  int colour;
  int grid[2][3];
  void* flag;
  void* later;
  int word;
  unsigned long named;
};

TEST_P(DebugFileTest, Layout) {
  const Type* node = file_->find_type(TypeKind::kStruct, "node");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->size(), sizeof(Node));
  std::vector<std::pair<std::string_view, uint64_t>> wanted = {{"shift", offsetof(Node, shift)},
                                                               {"parent", offsetof(Node, parent)},
                                                               {"private_list.prev", offsetof(Node, list) + 8},
                                                               {"callback_head.func", offsetof(Node, list) + 8},
                                                               {"slots[3]", offsetof(Node, slots) + 24},
                                                               {"colour", offsetof(Node, colour)},
                                                               {"grid[1][2]", offsetof(Node, grid) + 20},
                                                               {"flag", offsetof(Node, flag)},
                                                               {"word.bytes[2]", offsetof(Node, word) + 2},
                                                               {"named.inner", offsetof(Node, named)},
                                                               {"tail", sizeof(Node)}};
  for (auto [path, offset] : wanted) {
    std::optional<FoundMember> found = find_member(node, path);
    ASSERT_TRUE(found) << path;
    EXPECT_EQ(found->member.offset(), offset) << path;
    EXPECT_EQ(found->path, path);
  }
  for (std::string_view path : {"nothing", "slots[", "slots[x]", "shift.x", "", ".", "private_list.", "parent.shift"})
    EXPECT_FALSE(find_member(node, path)) << path;
  EXPECT_EQ(file_->find_types(TypeKind::kStruct, "node").size(), 1u);
}

TEST_P(DebugFileTest, BitFields) {
  const Type* node = file_->find_type(TypeKind::kStruct, "node");
  ASSERT_TRUE(node);
  std::optional<FoundMember> low = find_member(node, "low"), high = find_member(node, "high"),
                             wide = find_member(node, "wide");
  ASSERT_TRUE(low && high && wide);
  Node probe = {};
  probe.high = 0x1fff;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&probe);
  uint64_t first = 0;
  while (!(bytes[first / 8] >> (first % 8) & 1)) first++;
  EXPECT_EQ(high->member.bit_offset, first);
  EXPECT_EQ(high->member.bit_size, 13u);
  EXPECT_EQ(low->member.bit_offset, first - 3);
  EXPECT_EQ(wide->member.bit_size, 40u);
  EXPECT_TRUE(wide->member.type->stripped()->is_signed());
}

TEST_P(DebugFileTest, Overlay) {
  const Type* node = file_->find_type(TypeKind::kStruct, "node");
  ASSERT_TRUE(node);
  std::vector<std::string> paths;
  for (const FoundMember& found : members_at(node, 16)) paths.push_back(found.path);
  EXPECT_THAT(paths, UnorderedElementsAre("private_list.next", "callback_head.next"));
  EXPECT_TRUE(members_at(node, 2).empty()) << "padding";
  ASSERT_EQ(members_at(node, offsetof(Node, grid) + 16).size(), 1u);
  EXPECT_EQ(members_at(node, offsetof(Node, grid) + 16)[0].path, "grid[1][1]");
}

TEST_P(DebugFileTest, Spelling) {
  const Type* node = file_->find_type(TypeKind::kStruct, "node");
  ASSERT_TRUE(node);
  auto spelled = [&](const char* path) { return spell(find_member(node, path)->member.type, path); };
  EXPECT_EQ(spelled("parent"), "struct node *parent");
  EXPECT_EQ(spelled("slots"), "void *slots[8]");
  EXPECT_EQ(spelled("grid"), "int grid[2][3]");
  EXPECT_EQ(spelled("tail"), "char tail[]");
  EXPECT_EQ(spelled("colour"), "enum colour colour");
  EXPECT_EQ(spelled("shift"), "unsigned char shift");
  EXPECT_EQ(spell(find_member(node, "callback_head.func")->member.type), "void (*)(struct callback *)");
  EXPECT_EQ(spell(find_member(node, "slots[0]")->member.type), "void *");
  std::string flag = spelled("flag");
  EXPECT_TRUE(flag == "const volatile flag_t *flag" || flag == "volatile const flag_t *flag") << flag;
  EXPECT_EQ(spell(file_->parse_type("struct node *")), "struct node *");
  EXPECT_EQ(spell(file_->parse_type("const struct list **[4][2]")), "struct list **[4][2]");
  EXPECT_EQ(spell(file_->parse_type("int unsigned")), "unsigned int");
  EXPECT_EQ(spell(file_->parse_type("void *")), "void *");
  EXPECT_EQ(file_->parse_type("u64_t")->stripped()->name(), "unsigned long");
  EXPECT_EQ(file_->parse_type("enum colour")->kind(), TypeKind::kEnum);
  EXPECT_EQ(file_->parse_type("u64_t [5]")->size(), 40u);
  for (const char* bad : {"", "struct nothing", "nothing", "struct node &", "struct node [x]", "*"})
    EXPECT_FALSE(file_->parse_type(bad)) << bad;
}

TEST_P(DebugFileTest, TypesAreShared) {
  const Type* node = file_->find_type(TypeKind::kStruct, "node");
  ASSERT_TRUE(node);
  EXPECT_EQ(find_member(node, "parent")->member.type->pointee(), node);
  EXPECT_EQ(file_->find_variable("global_node")->type, node);
  EXPECT_TRUE(find_member(node, "later")->member.type->pointee()->is_declaration());
  EXPECT_TRUE(same_type(file_->parse_type("struct node *"), find_member(node, "parent")->member.type));
  EXPECT_FALSE(same_type(node, file_->find_type(TypeKind::kStruct, "list")));
}

TEST_P(DebugFileTest, Names) {
  std::vector<std::string_view> unions = file_->type_names(TypeKind::kUnion);
  EXPECT_THAT(unions, ElementsAre("word"));
  EXPECT_EQ(file_->find_enumerator("GREEN"), 7);
  EXPECT_EQ(file_->find_enumerator("BLUE"), -3);
  EXPECT_EQ(file_->find_enumerator("nothing"), std::nullopt);
  EXPECT_TRUE(file_->find_type(TypeKind::kEnum, "colour")->is_signed());
  EXPECT_FALSE(file_->find_type(TypeKind::kStruct, "nothing"));
  EXPECT_FALSE(file_->find_type(TypeKind::kUnion, "node"));
  EXPECT_EQ(file_->find_type(TypeKind::kInteger, "unsigned long")->size(), 8u);
}

TEST_P(DebugFileTest, VariablesAndSymbols) {
  std::optional<Variable> counter = file_->find_variable("static_counter"), node = file_->find_variable("global_node");
  ASSERT_TRUE(counter && node && counter->address && node->address);
  EXPECT_EQ(spell(counter->type), "int");
  EXPECT_EQ(counter->declared_line, testing::line_of("static_counter"));
  EXPECT_EQ(counter->declared_file, std::string("lib/") + GetParam().name + ".c");
  std::optional<FileSymbol> symbol = file_->find_symbol("global_node");
  ASSERT_TRUE(symbol);
  EXPECT_EQ(symbol->address, *node->address);
  EXPECT_TRUE(symbol->global);
  EXPECT_EQ(file_->symbol_at(symbol->address + 5)->name, "global_node");
  EXPECT_EQ(file_->variable_at(*node->address + 20)->name, "global_node");
  Bytes stored = file_->file_bytes(*counter->address, 4);
  ASSERT_EQ(stored.size(), 4u);
  EXPECT_EQ(load_unchecked<uint32_t>(stored.data()), 3u);
  EXPECT_FALSE(file_->find_variable("nothing"));
  EXPECT_FALSE(file_->find_symbol(""));
  for (size_t i = 1; i < file_->symbols().size(); i++)
    EXPECT_LE(file_->symbols()[i - 1].address, file_->symbols()[i].address);
}

// What the tree says of each address of its function, as lines like those of scopes(): functions outwards, their variables with the bytes of their places.
std::string by_tree(const FunctionTree& tree, uint64_t address) {
  std::vector<std::string> functions;
  auto holds = [&](const FunctionTree::Node& node) { return std::ranges::any_of(node.spans, [&](const auto& s) { return s.contains(address); }); };
  const FunctionTree::Node* node = &tree.nodes.at(0);
  while (node) {
    if (node->is_function) functions.push_back(std::string(node->name) + ":");
    for (const auto& v : node->variables)
      for (const auto& p : v.places)
        if (p.span.contains(address)) {
          if (!p.location.bytes.empty()) functions.back() += fmt::format(" {}@{}", v.name, as_text(p.location.bytes));
          break;
        }
    const FunctionTree::Node* next = nullptr;
    for (size_t i : node->inner)
      if (!next && holds(tree.nodes.at(i))) next = &tree.nodes.at(i);
    node = next;
  }
  return fmt::format("{}", fmt::join(functions.rbegin(), functions.rend(), "\n"));
}

std::string by_scopes(const Scopes& scopes) {
  std::vector<std::string> functions;
  for (const FunctionScope& f : scopes.functions) {
    functions.push_back(std::string(f.name) + ":");
    for (const LocalVariable& v : f.variables)
      if (v.location) functions.back() += fmt::format(" {}@{}", v.name, as_text(v.location->bytes));
  }
  return fmt::format("{}", fmt::join(functions, "\n"));
}

// In each function the order of the variables may differ; their sets may not.
std::multiset<std::string> words_of(const std::string& text) {
  std::multiset<std::string> words;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find_first_of(" \n", at), text.size());
    words.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

TEST_P(DebugFileTest, TheTreeSaysAtEachAddressWhatTheScopesSay) {
  size_t compared = 0;
  for (const char* name : {"outer", "middle", "leaf"})
    for (const Function& f : file_->find_functions(name)) {
      auto tree = file_->tree_at(f.low);
      ASSERT_TRUE(tree.ok());
      for (uint64_t address = f.low; address < f.high; address++, compared++) {
        auto scopes = file_->scopes_at(address);
        ASSERT_TRUE(scopes.ok());
        EXPECT_EQ(words_of(by_tree(*tree, address)), words_of(by_scopes(*scopes)));
      }
    }
  EXPECT_GT(compared, 0u);
  EXPECT_FALSE(file_->tree_at(1).ok());
}

TEST_P(DebugFileTest, ConstantsKeepTheirSign) {
  auto fixed = file_->find_functions("fixed");
  ASSERT_EQ(fixed.size(), 1u);
  auto scopes = file_->scopes_at(fixed[0].low);
  ASSERT_TRUE(scopes.ok());
  size_t seen = 0;
  for (const LocalVariable& v : scopes->functions.back().variables) {
    if (!v.constant) continue;  // this compiler writes a location
    EXPECT_EQ(*v.constant, v.name == "large" ? 159 : -3) << v.name;
    seen++;
  }
  if (!seen) GTEST_SKIP() << "this compiler writes no constants here";
}

TEST_P(DebugFileTest, InlineChain) {
  std::vector<uint64_t> leaves = addresses_in("outer", "leaf");
  ASSERT_FALSE(leaves.empty());
  for (uint64_t address : leaves) {
    auto scopes = file_->scopes_at(address);
    ASSERT_TRUE(scopes.ok());
    ASSERT_EQ(scopes->functions.size(), 3u);
    const FunctionScope &leaf = scopes->functions[0], &middle = scopes->functions[1], &outer = scopes->functions[2];
    EXPECT_TRUE(leaf.inlined && middle.inlined && !outer.inlined);
    EXPECT_EQ(middle.name, "middle");
    EXPECT_EQ(outer.name, "outer");
    EXPECT_EQ(leaf.call.line, testing::line_of("/* CALL LEAF */"));
    EXPECT_EQ(middle.call.line, testing::line_of("/* CALL MIDDLE */"));
    EXPECT_EQ(leaf.call.file, std::string("lib/") + GetParam().name + ".c");
    EXPECT_EQ(leaf.declared_line, testing::line_of("int leaf("));
    EXPECT_EQ(spell(leaf.result), "int");
    ASSERT_GE(leaf.variables.size(), 2u);
    EXPECT_EQ(leaf.variables[0].name, "n");
    EXPECT_TRUE(leaf.variables[0].parameter);
    EXPECT_EQ(spell(leaf.variables[0].type), "struct node *");
    std::set<std::string_view> locals;
    for (const LocalVariable& local : outer.variables) locals.insert(local.name);
    EXPECT_TRUE(locals.contains("node") && locals.contains("sum"));
    auto frames = file_->frames_at(address);
    ASSERT_TRUE(frames.ok());
    EXPECT_EQ(frames->functions.size(), 3u);
    EXPECT_EQ(frames->functions[0].call.line, leaf.call.line);
  }
  EXPECT_FALSE(file_->scopes_at(1).ok());
  EXPECT_FALSE(file_->frames_at(~uint64_t{0}).ok());
}

TEST_P(DebugFileTest, Lines) {
  std::vector<Function> outer = file_->find_functions("outer");
  ASSERT_EQ(outer.size(), 1u);
  EXPECT_EQ(outer[0].declared_line, testing::line_of("int outer("));
  ASSERT_GE(outer[0].parameters.size(), 1u);
  EXPECT_EQ(outer[0].parameters[0].name, "node");
  EXPECT_TRUE(outer[0].external);
  std::vector<DebugFile::LineRow> rows = file_->lines_of(outer[0].low, outer[0].high);
  ASSERT_GT(rows.size(), 4u);
  EXPECT_EQ(rows[0].address, outer[0].low);
  std::set<int> lines;
  for (size_t i = 0; i < rows.size(); i++) {
    lines.insert(rows[i].where.line);
    EXPECT_TRUE(rows[i].address >= outer[0].low && rows[i].address < outer[0].high);
    EXPECT_EQ(rows[i].where.file, std::string("lib/") + GetParam().name + ".c");
    bool last = i + 1 == rows.size() || rows[i + 1].address != rows[i].address;
    if (last) {
      EXPECT_EQ(file_->line_at(rows[i].address)->line, rows[i].where.line);
    }
  }
  EXPECT_TRUE(lines.contains(testing::line_of("/* LEAF */")));
  // The same from a file that was not asked before: rows kept and rows looked for must agree.
  auto fresh = open();
  for (uint64_t address = outer[0].low; address < outer[0].high; address += 5) {
    auto one = fresh->line_at(address), other = file_->line_at(address);
    ASSERT_TRUE(one && other);
    EXPECT_EQ(one->line, other->line);
    fresh = open();
  }
}

TEST_P(DebugFileTest, CallSites) {
  std::vector<Function> outer = file_->find_functions("outer"), tail = file_->find_functions("tail");
  ASSERT_TRUE(outer.size() == 1 && tail.size() == 1);
  std::vector<CallSite> calls = file_->call_sites(outer[0].die);
  if (calls.empty()) GTEST_SKIP() << "this compiler writes no call sites here";
  EXPECT_EQ(calls[0].callee, "outside");
  EXPECT_FALSE(calls[0].tail_call);
  EXPECT_TRUE(calls[0].return_address > outer[0].low && calls[0].return_address <= outer[0].high);
  std::vector<CallSite> tails = file_->call_sites(tail[0].die);
  ASSERT_EQ(tails.size(), 1u);
  EXPECT_TRUE(tails[0].tail_call);
  EXPECT_EQ(tails[0].callee, "outside");
}

TEST_P(DebugFileTest, IndexIsKept) {
  testing::ScratchFolder folder;
  CacheFolder cache(folder.path() + "/cache");
  auto first = open(&cache), second = open(&cache);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(first->index_from_cache());
  EXPECT_TRUE(second->index_from_cache());
  EXPECT_EQ(first->index_bytes(), second->index_bytes());
  EXPECT_EQ(second->find_type(TypeKind::kStruct, "node")->size(), sizeof(Node));
  EXPECT_EQ(second->symbols().size(), file_->symbols().size());
}

}  // namespace
}  // namespace inquest::debuginfo
