// MappedFile and CacheFolder over a scratch folder.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/cache_folder.h"
#include "base/mapped_file.h"
#include "base/worker_pool.h"

namespace inquest {
namespace {

namespace fs = std::filesystem;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "inquest-base-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::permissions(folder_, fs::perms::owner_all, ignored);
    fs::remove_all(folder_, ignored);
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
    return folder_ + "/" + name;
  }
  static size_t files_in(const std::string& folder) {
    return size_t(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }
  std::string folder_;
};

TEST_F(FilesTest, AMappingOutlivesItsFileAndItsFirstHolder) {
  const std::string path = write("file", "contents");
  MappedFile copy;
  {
    auto file = MappedFile::open(path);
    ASSERT_TRUE(file.ok()) << file.error().message();
    copy = *file;
  }
  fs::remove(path);
  EXPECT_EQ(as_text(copy.bytes()), "contents");
  EXPECT_EQ(copy.path(), path);
  copy.will_read(0, 8);
  copy.will_read(3, ~uint64_t{0});
  copy.will_read(9, 1);
  EXPECT_EQ(as_text(copy.bytes()), "contents");
}

TEST_F(FilesTest, AnEmptyFileIsAnEmptySpan) {
  auto file = MappedFile::open(write("empty", ""));
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->bytes().empty());
  file->will_read(0, 1);
}

TEST_F(FilesTest, WhatCannotBeMappedSaysWhy) {
  auto missing = MappedFile::open(folder_ + "/none");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message().find(folder_ + "/none"), std::string::npos);
  auto folder = MappedFile::open(folder_);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code(), ErrorCode::kIo);
  auto below_a_file = MappedFile::open(write("file", "x") + "/below");
  ASSERT_FALSE(below_a_file.ok());
  EXPECT_EQ(below_a_file.error().code(), ErrorCode::kIo);
}

TEST(CacheFolder, ComesFromTheFirstVariableThatIsSet) {
  EXPECT_EQ(CacheFolder::from_environment("/a", "/b", "/c").path(), "/a");
  EXPECT_EQ(CacheFolder::from_environment("", "/b", "/c").path(), "/b/inquest");
  EXPECT_EQ(CacheFolder::from_environment(nullptr, "", "/c").path(), "/c/.cache/inquest");
  EXPECT_EQ(CacheFolder::from_environment(nullptr, nullptr, nullptr).path(), "");
}

TEST(CacheFolder, NoneAtAllKeepsNothing) {
  CacheFolder none("");
  EXPECT_EQ(none.open("index").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(none.store("index", {as_bytes_of("x")}).ok());
}

TEST_F(FilesTest, TheCacheFolderIsMadeWhenFirstWritten) {
  CacheFolder cache(folder_ + "/deep/er");
  EXPECT_EQ(cache.open("index").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder_ + "/deep")) << "asking makes nothing";
  auto stored = cache.store("index", {as_bytes_of("one "), as_bytes_of(""), as_bytes_of("two")});
  ASSERT_TRUE(stored.ok()) << stored.error().message();
  auto found = cache.open("index");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(as_text(found->bytes()), "one two");
  EXPECT_EQ(files_in(cache.path()), 1u) << "no temporary stays behind";
  EXPECT_EQ(fs::status(cache.path_of("index")).permissions() & fs::perms::all, fs::perms(0644));
}

TEST_F(FilesTest, AReaderKeepsTheFileItOpenedWhileANewOneIsStored) {
  CacheFolder cache(folder_);
  ASSERT_TRUE(cache.store("index", {as_bytes_of("old")}).ok());
  auto old = cache.open("index");
  ASSERT_TRUE(old.ok());
  ASSERT_TRUE(cache.store("index", {as_bytes_of("new and longer")}).ok());
  EXPECT_EQ(as_text(old->bytes()), "old");
  EXPECT_EQ(as_text(cache.open("index")->bytes()), "new and longer");
}

TEST_F(FilesTest, WritersAtTheSameTimeLeaveOneWholeFile) {
  CacheFolder cache(folder_ + "/shared");
  const std::string texts[] = {std::string(70000, 'a'), std::string(50000, 'b')};
  std::atomic<int> bad = 0;
  parallel_for(64, [&](size_t i, unsigned) {
    if (!cache.store("index", {as_bytes_of(texts[i % 2]).first(40000), as_bytes_of(texts[i % 2]).subspan(40000)}).ok()) bad++;
    auto seen = cache.open("index");
    if (!seen.ok() || (as_text(seen->bytes()) != texts[0] && as_text(seen->bytes()) != texts[1])) bad++;
  }, 4);
  EXPECT_EQ(bad, 0);
  EXPECT_EQ(files_in(cache.path()), 1u);
}

TEST_F(FilesTest, AFolderThatCannotBeWrittenIsAnErrorAndLeavesNothing) {
  write("file", "in the way");
  auto below_a_file = CacheFolder(folder_ + "/file/cache").store("index", {as_bytes_of("x")});
  ASSERT_FALSE(below_a_file.ok());
  EXPECT_EQ(below_a_file.error().code(), ErrorCode::kIo);
  EXPECT_FALSE(CacheFolder(folder_ + "/file").store("index", {as_bytes_of("x")}).ok());
  EXPECT_FALSE(CacheFolder("/proc/inquest").store("index", {as_bytes_of("x")}).ok());

  fs::create_directory(folder_ + "/index");  // a folder where the file should go: the rename fails
  auto onto_a_folder = CacheFolder(folder_).store("index", {as_bytes_of("x")});
  ASSERT_FALSE(onto_a_folder.ok());
  EXPECT_EQ(onto_a_folder.error().code(), ErrorCode::kIo);
  EXPECT_NE(onto_a_folder.error().message().find("directory"), std::string::npos) << onto_a_folder.error().message();
  EXPECT_EQ(files_in(folder_), 2u);
}

TEST_F(FilesTest, AReadOnlyFolderIsStillRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  CacheFolder cache(folder_);
  ASSERT_TRUE(cache.store("index", {as_bytes_of("kept")}).ok());
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(cache.store("index", {as_bytes_of("x")}).error().code(), ErrorCode::kIo);
  EXPECT_EQ(as_text(cache.open("index")->bytes()), "kept");
}

TEST_F(FilesTest, MakeFolders) {
  EXPECT_TRUE(make_folders(folder_ + "/a//b/").ok());
  EXPECT_TRUE(fs::is_directory(folder_ + "/a/b"));
  EXPECT_TRUE(make_folders(folder_ + "/a/b").ok()) << "already there";
  EXPECT_TRUE(make_folders("/").ok());
}

}  // namespace
}  // namespace inquest
