// Against other readers, on a real kernel: skipped where the lab has made none.
// Layouts against the BTF in the same file (made by pahole), scopes and lines against eu-addr2line.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <random>
#include <sstream>

#include "debuginfo/debug_file.h"
#include "debuginfo/kallsyms.h"
#include "debuginfo/testing/sample.h"

namespace inquest::debuginfo {
namespace {

namespace fs = std::filesystem;

// The kernels of the lab: $INQUEST_LAB, else ~/.cache/inquest-lab.
std::vector<std::string> lab_kernels() {
  const char *lab = std::getenv("INQUEST_LAB"), *home = std::getenv("HOME");
  std::vector<std::string> found;
  std::error_code error;
  fs::path root = lab ? fs::path(lab) : fs::path(home ? home : "/") / ".cache/inquest-lab";
  for (const auto& kernel : fs::directory_iterator(root, error))
    for (const auto& file : fs::directory_iterator(kernel.path() / "debug/usr/lib/debug/boot", error))
      if (file.path().filename().string().starts_with("vmlinux-")) found.push_back(file.path());
  return found;
}

class KernelFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& path : lab_kernels()) {
      auto mapped = MappedFile::open(path);
      ASSERT_TRUE(mapped.ok());
      auto file = DebugFile::open(*mapped, {}, ledger_);
      ASSERT_TRUE(file.ok()) << file.error().message();
      files_.push_back(*file);
    }
    if (files_.empty()) GTEST_SKIP() << "no kernel in the lab's cache";
  }
  LossLedger ledger_;
  std::vector<std::shared_ptr<const DebugFile>> files_;
};

struct Count {
  int compared = 0, different = 0;
};

// Members of named structs as pahole converted them. Bit-fields: BTF has their place and width too.
void compare(const Type* mine, const Type* theirs, Count& count, const std::string& name) {
  count.compared++;
  auto same = [](const Member& a, const Member& b) {
    return a.name == b.name && a.bit_offset == b.bit_offset && a.bit_size == b.bit_size;
  };
  if (mine->size() == theirs->size() && std::ranges::equal(mine->members(), theirs->members(), same)) return;
  if (++count.different <= 5) ADD_FAILURE() << name << ": " << *mine->size() << " and " << *theirs->size() << " bytes";
}

TEST_F(KernelFiles, LayoutsAgreeWithBtf) {
  for (const auto& file : files_) {
    auto section = file->section_bytes(".BTF");
    if (!section.ok() || section->empty()) continue;
    auto btf = Btf::parse(*section);
    ASSERT_TRUE(btf.ok()) << btf.error().message();
    for (TypeKind kind : {TypeKind::kStruct, TypeKind::kUnion, TypeKind::kEnum}) {
      Count count;
      for (std::string_view name : (*btf)->type_names(kind)) {
        const Type* theirs = (*btf)->find_type(kind, name);
        std::vector<const Type*> mine = file->find_types(kind, name);
        // Drivers have structs of one name; pahole keeps them all too, and gives any.
        if (!theirs || !theirs->size() || mine.size() != 1) continue;
        compare(mine[0], theirs, count,
                file->release().empty() ? std::string(name) : std::string(file->release()) + " " + std::string(name));
      }
      EXPECT_GT(count.compared, kind == TypeKind::kStruct ? 4000 : 50);
      EXPECT_EQ(count.different, 0) << "of " << count.compared;
    }
  }
}

struct Frame {
  std::string function, file;
  int line = 0;
  friend bool operator==(const Frame&, const Frame&) = default;
};

// What eu-addr2line says of each address, innermost frame first.
std::vector<std::vector<Frame>> ask_elfutils(const std::string& path, const std::vector<uint64_t>& addresses) {
  testing::ScratchFolder folder;
  std::string questions;
  for (uint64_t address : addresses) questions += "0x" + (std::stringstream() << std::hex << address).str() + "\n";
  folder.write("in", questions);
  if (std::system(("eu-addr2line -afie " + path + " < " + folder.path() + "/in > " + folder.path() + "/out 2>/dev/null")
                      .c_str()) != 0)
    return {};
  std::ifstream in(folder.path() + "/out");
  std::vector<std::vector<Frame>> answers;
  for (std::string line, place; std::getline(in, line);) {
    if (line.starts_with("0x")) {
      answers.emplace_back();
      continue;
    }
    std::getline(in, place);
    place = place.substr(0, place.find(" (discriminator"));
    size_t colon = place.find(':');
    Frame frame{line.substr(0, line.find(" inlined at")), place.substr(0, colon),
                std::atoi(place.c_str() + std::min(colon + 1, place.size()))};
    answers.back().push_back(frame);
  }
  return answers;
}

// Paths of eu-addr2line start with the compilation folder; ours are cut to the tree. It prefers a symbol's name to the
// function's, also where several symbols lie at one address (arm64's __pi_memcpy and memcpy).
bool agree(const DebugFile& file, const FunctionScope& scope, const SourceLine& at, const Frame& theirs) {
  std::string path = fs::path(theirs.file).lexically_normal();
  std::vector<FileSymbol> aliases = file.find_symbols(theirs.function);
  bool named = scope.name == theirs.function || path.ends_with(".S") ||
               std::ranges::find(aliases, scope.entry, &FileSymbol::address) != aliases.end();
  return named && at.line == theirs.line && path.ends_with(at.file);
}

TEST_F(KernelFiles, FramesAgreeWithElfutils) {
  for (const auto& file : files_) {
    std::mt19937_64 random(42);
    std::vector<uint64_t> addresses;
    std::vector<FileSymbol> functions;
    for (const FileSymbol& symbol : file->symbols())
      if (symbol.type == elf::kSttFunc && symbol.size > 4 && file->function_at(symbol.address))
        functions.push_back(symbol);
    ASSERT_GT(functions.size(), 5000u);
    for (int i = 0; i < 100; i++) {
      const FileSymbol& symbol = functions[random() % functions.size()];
      addresses.push_back(symbol.address + random() % symbol.size);
    }
    auto theirs = ask_elfutils(file->path(), addresses);
    if (theirs.size() != addresses.size()) GTEST_SKIP() << "no eu-addr2line";
    int different = 0;
    std::ostringstream unlike;
    for (size_t i = 0; i < addresses.size(); i++) {
      auto scopes = file->frames_at(addresses[i]);
      std::optional<SourceLine> at = file->line_at(addresses[i]);
      if (!scopes || !at) continue;  // padding behind a function's end
      // elfutils at times leaves out or repeats a function in the middle: its frames must be among ours, in their
      // order.
      theirs[i].erase(std::unique(theirs[i].begin(), theirs[i].end()), theirs[i].end());
      size_t matched = 0;
      for (const FunctionScope& scope : scopes->functions) {
        bool first = &scope == &scopes->functions.front();
        if (matched < theirs[i].size() && agree(*file, scope, *at, theirs[i][matched]))
          matched++;
        else if (first)
          break;
        at = scope.call;
      }
      bool same = matched == theirs[i].size();
      if (!same) unlike << std::hex << addresses[i] << " " << theirs[i][0].function << "\n";
      different += !same;
    }
    // llvm-symbolizer sides with us in those that are left.
    EXPECT_LE(different, 2) << file->path() << "\n" << unlike.str();
  }
}

TEST_F(KernelFiles, SymbolsAndVariablesAgree) {
  for (const auto& file : files_) {
    int compared = 0, different = 0;
    for (const char* name : {"init_task", "jiffies_64", "init_uts_ns", "runqueues", "modules", "linux_banner",
                             "system_wq", "slab_caches"}) {
      std::optional<Variable> variable = file->find_variable(name);
      std::optional<FileSymbol> symbol = file->find_symbol(name);
      ASSERT_TRUE(variable && symbol && variable->type) << name;
      EXPECT_EQ(variable->address, symbol->address) << name;
    }
    for (const FileSymbol& symbol : file->symbols()) {
      if (symbol.type != elf::kSttObject || compared > 5000) continue;
      std::optional<Variable> variable = file->variable_at(symbol.address);
      std::optional<uint64_t> size =
          variable && variable->type && variable->address == symbol.address ? variable->type->size() : std::nullopt;
      if (!size || variable->name != symbol.name) continue;
      compared++;
      different += *size != symbol.size;
    }
    EXPECT_GT(compared, 2000);
    EXPECT_LE(different, compared / 100) << "flexible arrays have a size of their own only in the symbol table";
  }
}

}  // namespace
}  // namespace inquest::debuginfo
