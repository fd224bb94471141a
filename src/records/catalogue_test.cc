#include "records/catalogue.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace inquest::records {
namespace {

struct TemporaryFile {
  TemporaryFile() { path = (std::filesystem::temp_directory_path() / ("catalogue_test." + std::to_string(getpid()))).string(); remove(); }
  ~TemporaryFile() { remove(); }
  void remove() {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path + end);
  }
  std::string path;
};

CrashRecord crash(const std::string& input, int64_t time, const std::string& group) {
  return {input, "/crash/" + input, time, "4.19.90", group, "WARNING in delete_node", "use-after-free", "2bbfed98a4d8", "one line"};
}

TEST(Catalogue, GroupsTellSinceWhenAndHowOften) {
  TemporaryFile file;
  Result<Catalogue> catalogue = Catalogue::open(file.path);
  ASSERT_TRUE(catalogue.ok()) << catalogue.error().message();
  EXPECT_EQ(catalogue->group("g").error().code(), ErrorCode::kNotFound);
  std::string me = Catalogue::this_process();
  for (int64_t i = 0; i < 3; i++) {
    std::string input = "i" + std::to_string(i);
    EXPECT_EQ(*catalogue->claim(input, "/crash", me, 1000), Claim::kYours);
    EXPECT_TRUE(*catalogue->record(crash(input, 500 - i * 100, "g")));
  }
  EXPECT_FALSE(*catalogue->record(crash("i0", 1, "g")));
  EXPECT_EQ(*catalogue->claim("i0", "/crash", me, 1000), Claim::kDone);
  ASSERT_TRUE(catalogue->set_note("g", "ticket 7").ok());
  EXPECT_FALSE(catalogue->set_note("h", "x").ok());
  Result<CrashGroup> group = catalogue->group("g");
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(group->count, 3u);
  EXPECT_EQ(group->first_time, 300);
  EXPECT_EQ(group->last_time, 500);
  EXPECT_EQ(group->note, "ticket 7");
  EXPECT_EQ(group->releases, std::vector<std::string>{"4.19.90"});
  EXPECT_EQ(group->fix, "2bbfed98a4d8");
  EXPECT_EQ(catalogue->groups()->size(), 1u);
}

TEST(Catalogue, ClaimsAreHeldUntilTheirOwnerIsGoneOrLate) {
  TemporaryFile file;
  Result<Catalogue> catalogue = Catalogue::open(file.path);
  EXPECT_EQ(*catalogue->claim("a", "/a", "elsewhere", 1000, 60), Claim::kYours);
  EXPECT_EQ(*catalogue->claim("a", "/a", "me", 1030, 60), Claim::kBusy);
  EXPECT_EQ(*catalogue->claim("a", "/a", "me", 1061, 60), Claim::kYours);
  EXPECT_FALSE(Catalogue::is_gone(Catalogue::this_process()));
  EXPECT_FALSE(Catalogue::is_gone("another machine 1 2"));
  ASSERT_TRUE(catalogue->fail("a", "no kernel log in it").ok());
  EXPECT_EQ(*catalogue->claim("a", "/a", "me", 9999), Claim::kDone);
  EXPECT_EQ(catalogue->failures()->at(0).why, "no kernel log in it");
  ASSERT_TRUE(catalogue->retry("a").ok());
  EXPECT_EQ(*catalogue->claim("a", "/a", "me", 9999), Claim::kYours);
}

void work_through(const std::string& path, int inputs) {
  Result<Catalogue> catalogue = Catalogue::open(path);
  if (!catalogue.ok()) _exit(1);
  for (int i = 0; i < inputs; i++) {
    std::string input = "input" + std::to_string(i);
    Result<Claim> claim = catalogue->claim(input, "/x", Catalogue::this_process(), 1000);
    if (claim.ok() && *claim == Claim::kYours && !catalogue->record(crash(input, i, "g" + std::to_string(i % 7))).ok()) _exit(1);
  }
  _exit(0);
}

TEST(Catalogue, ProcessesShareTheWorkAndAKillLosesNone) {
  TemporaryFile file;
  constexpr int kInputs = 1000;
  std::vector<pid_t> children;
  for (int i = 0; i < 3; i++) {
    pid_t child = fork();
    if (child == 0) work_through(file.path, kInputs);
    children.push_back(child);
  }
  usleep(50'000);
  kill(children[0], SIGKILL);
  for (pid_t child : children) waitpid(child, nullptr, 0);
  pid_t last = fork();  // takes over what the killed one had claimed
  if (last == 0) work_through(file.path, kInputs);
  int status = 0;
  waitpid(last, &status, 0);
  EXPECT_EQ(status, 0);
  Result<Catalogue> catalogue = Catalogue::open(file.path);
  uint64_t count = 0;
  for (const CrashGroup& group : catalogue->groups().value_or({})) count += group.count;
  EXPECT_EQ(count, uint64_t(kInputs));
}

TEST(Catalogue, DamageAndServersAreErrors) {
  TemporaryFile file;
  std::ofstream(file.path) << std::string(4096, 'z');
  EXPECT_EQ(Catalogue::open(file.path).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(Catalogue::open("postgresql://localhost/x").error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace inquest::records
