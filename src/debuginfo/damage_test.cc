// What damage may cost: answers, never the process. Damaged debug files, damaged indexes, unusable caches.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "debuginfo/debug_file.h"
#include "debuginfo/testing/exercise.h"
#include "debuginfo/testing/sample.h"

namespace inquest::debuginfo {
namespace {

class DamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    bool built = testing::compile(folder_, "object", testing::kSample, "gcc -g -gdwarf-5 -O2 -c") &&
                 testing::compile(folder_, "linked", testing::kSample,
                                  "gcc -g -gdwarf-4 -O2 -nostdlib -static -no-pie -Wl,--build-id,--defsym=outside=0");
    if (!built) GTEST_SKIP() << "no gcc";
  }
  void exercise(const std::string& bytes) {
    LossLedger ledger;
    OpenOptions options;
    options.workers = 1;
    auto file = DebugFile::open(as_bytes_of(bytes), "damaged", options, ledger);
    if (file) testing::exercise(**file);
  }
  std::shared_ptr<const DebugFile> open(const OpenOptions& options) {
    auto mapped = MappedFile::open(folder_.path() + "/linked");
    auto file = DebugFile::open(*mapped, options, ledger_);
    return file ? *file : nullptr;
  }
  // The one index in the cache.
  std::string index_path() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/cache")) return entry.path();
    return {};
  }

  testing::ScratchFolder folder_;
  LossLedger ledger_;
};

TEST_F(DamageTest, Truncated) {
  for (const char* name : {"object", "linked"}) {
    std::string whole = testing::read_file(folder_.path() + "/" + name);
    for (size_t size = 0; size < whole.size(); size += whole.size() / 60 + 1) exercise(whole.substr(0, size));
  }
}

TEST_F(DamageTest, Flipped) {
  std::mt19937 random(1);
  for (const char* name : {"object", "linked"}) {
    std::string whole = testing::read_file(folder_.path() + "/" + name);
    for (int round = 0; round < 150; round++) {
      std::string bytes = whole;
      for (int i = 0; i < 1 + round % 20; i++) bytes[random() % bytes.size()] = char(random());
      exercise(bytes);
    }
  }
}

// Overwrites whole runs, as a bad disk does.
TEST_F(DamageTest, Noise) {
  std::mt19937 random(2);
  std::string whole = testing::read_file(folder_.path() + "/object");
  for (int round = 0; round < 60; round++) {
    std::string bytes = whole;
    size_t at = 64 + random() % (bytes.size() - 64);
    for (size_t i = at; i < std::min(bytes.size(), at + 256); i++) bytes[i] = round % 3 ? char(random()) : char(0xff);
    exercise(bytes);
  }
}

TEST_F(DamageTest, NoDebugFile) {
  OpenOptions options;
  for (std::string_view text :
       {"",
        "\x7f"
        "ELF",
        "hello, this is a text file and nothing else, much longer than any header of any kind"}) {
    auto file = DebugFile::open(as_bytes_of(text), "text", options, ledger_);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().message().substr(0, 6), "text: ");
  }
}

TEST_F(DamageTest, DamagedIndexIsMadeAgain) {
  CacheFolder cache(folder_.path() + "/cache");
  OpenOptions options;
  options.cache = &cache;
  ASSERT_TRUE(open(options));
  std::string path = index_path(), good = testing::read_file(path);
  ASSERT_FALSE(good.empty());
  std::mt19937 random(3);
  for (int round = 0; round < 40; round++) {
    std::string bad = good;
    if (round % 4 == 0)
      bad.resize(random() % bad.size());
    else
      bad[round % 4 == 1 ? random() % 512 : random() % bad.size()] ^= char(1 << random() % 8);
    folder_.write("cache/" + path.substr(path.rfind('/') + 1), bad);
    auto file = open(options);
    ASSERT_TRUE(file);
    EXPECT_FALSE(file->index_from_cache());
    EXPECT_EQ(file->find_enumerator("GREEN"), 7);
    EXPECT_EQ(testing::read_file(path), good) << "made again, the same to the byte";
  }
}

TEST_F(DamageTest, UnusableCache) {
  for (std::string path :
       {std::string("/dev/null"), std::string("/proc/nothing"), std::string(), folder_.path() + "/linked"}) {
    CacheFolder cache(path);
    OpenOptions options;
    options.cache = &cache;
    auto file = open(options);
    ASSERT_TRUE(file) << path;
    EXPECT_FALSE(file->index_from_cache());
    EXPECT_EQ(file->find_enumerator("GREEN"), 7);
  }
}

TEST_F(DamageTest, TheSameIndexFromAnyNumberOfWorkers) {
  CacheFolder cache(folder_.path() + "/cache");
  OpenOptions options;
  options.cache = &cache;
  options.rebuild = true;
  std::string first;
  for (unsigned workers : {1, 2, 5}) {
    options.workers = workers;
    ASSERT_TRUE(open(options));
    std::string made = testing::read_file(index_path());
    if (first.empty()) first = made;
    EXPECT_EQ(made, first);
  }
}

TEST_F(DamageTest, AnotherFileIsNotServed) {
  CacheFolder cache(folder_.path() + "/cache");
  OpenOptions options;
  options.cache = &cache;
  ASSERT_TRUE(open(options));
  // The same build ID and size, but another time: it may have other contents.
  std::filesystem::last_write_time(folder_.path() + "/linked",
                                   std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_FALSE(open(options)->index_from_cache());
  EXPECT_TRUE(open(options)->index_from_cache());
}

}  // namespace
}  // namespace inquest::debuginfo
