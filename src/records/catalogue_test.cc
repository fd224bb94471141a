// The same tests over a SQLite file and over a PostgreSQL server.
#include "records/catalogue.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "records/postgres_server_test.h"
#include "records/sql_session.h"

namespace inquest::records {
namespace {

enum class Kind { kFile, kServer };

class CatalogueTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kServer) {
      ASSERT_TRUE(PostgresServer::running().ok()) << PostgresServer::running().problem();
      address = PostgresServer::running().fresh_database("catalogue");
      ASSERT_FALSE(address.empty());
    } else {
      address = (std::filesystem::temp_directory_path() / ("catalogue_test." + std::to_string(getpid()))).string();
      remove();
    }
  }
  void TearDown() override {
    if (GetParam() == Kind::kFile) remove();
  }
  void remove() {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(address + end);
  }
  std::string address;
};

CrashRecord crash(const std::string& input, int64_t time, const std::string& group, const std::string& verdict = "double-rcu-callback") {
  CrashRecord r;
  r.input = input;
  r.path = "/crash/" + input;
  r.time = time;
  r.release = "4.19.90";
  r.group = group;
  r.group_title = "WARNING in delete_node";
  r.panic = "bad-access in rcu_process_callbacks";
  r.verdict = verdict;
  r.confidence = verdict == "unknown" ? 0 : 0.6;
  r.fix = "2bbfed98a4d8";
  r.fix_title = "nfsd: Fix races";
  r.summary = "one line";
  return r;
}

TEST_P(CatalogueTest, GroupsTellSinceWhenAndHowOften) {
  Result<Catalogue> catalogue = Catalogue::open(address);
  ASSERT_TRUE(catalogue.ok()) << catalogue.error().message();
  EXPECT_EQ(catalogue->group("g").error().code(), ErrorCode::kNotFound);
  std::string me = Catalogue::this_process();
  for (int64_t i = 0; i < 3; i++) {
    std::string input = "i" + std::to_string(i);
    EXPECT_EQ(*catalogue->claim(input, "/crash", me, 1000), Claim::kYours);
    Result<Recorded> recorded = catalogue->record(crash(input, 500 - i * 100, "g", i < 2 ? "unknown" : "double-rcu-callback"));
    ASSERT_TRUE(recorded.ok()) << recorded.error().message();
    EXPECT_TRUE(recorded->added);
    EXPECT_EQ(recorded->new_group, i == 0);
  }
  EXPECT_FALSE(catalogue->record(crash("i0", 1, "g"))->added);
  EXPECT_EQ(*catalogue->claim("i0", "/crash", me, 1000), Claim::kDone);
  EXPECT_EQ(catalogue->crash("i0")->time, 500);
  EXPECT_EQ(catalogue->crash("i9").error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(catalogue->set_note("g", "ticket 7, \xff caf\xc3\xa9").ok());
  EXPECT_FALSE(catalogue->set_note("h", "x").ok());
  Result<CrashGroup> group = catalogue->group("g");
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(group->count, 3u);
  EXPECT_EQ(group->first_time, 300);
  EXPECT_EQ(group->last_time, 500);
  EXPECT_TRUE(group->note.starts_with("ticket 7, "));
  EXPECT_EQ(group->releases, std::vector<std::string>{"4.19.90"});
  EXPECT_EQ(group->fix, "2bbfed98a4d8");
  // Two logs that prove nothing do not outvote the one that does.
  EXPECT_EQ(group->verdicts.front(), "double-rcu-callback");
  EXPECT_DOUBLE_EQ(group->confidence, 0.6);
  EXPECT_EQ(group->panics, (std::vector<std::pair<std::string, uint64_t>>{{"bad-access in rcu_process_callbacks", 3}}));
  EXPECT_EQ(catalogue->groups()->size(), 1u);
}

TEST_P(CatalogueTest, ClaimsAreHeldUntilTheirOwnerIsGoneOrLate) {
  Result<Catalogue> catalogue = Catalogue::open(address);
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
  ASSERT_TRUE(catalogue->release("a").ok());
  EXPECT_EQ(*catalogue->claim("a", "/a", "other", 9999), Claim::kYours);
}

void work_through(const std::string& address, int inputs) {
  Result<Catalogue> catalogue = Catalogue::open(address);
  if (!catalogue.ok()) _exit(1);
  for (int i = 0; i < inputs; i++) {
    std::string input = "input" + std::to_string(i);
    Result<Claim> claim = catalogue->claim(input, "/x", Catalogue::this_process(), 1000);
    if (!claim.ok()) _exit(2);
    if (*claim != Claim::kYours) continue;
    Result<Recorded> recorded = catalogue->record(crash(input, i, "g" + std::to_string(i % 7)));
    if (!recorded.ok()) _exit(3);
    if (!recorded->added) _exit(4);  // somebody did the work of our claim
  }
  _exit(0);
}

TEST_P(CatalogueTest, ProcessesShareTheWorkAndAKillLosesNone) {
  constexpr int kInputs = 1000;
  std::vector<pid_t> children;
  for (int i = 0; i < 3; i++) {
    pid_t child = fork();
    if (child == 0) work_through(address, kInputs);
    children.push_back(child);
  }
  usleep(300'000);
  kill(children[0], SIGKILL);
  for (size_t i = 0; i < children.size(); i++) {
    int status = 0;
    waitpid(children[i], &status, 0);
    EXPECT_TRUE(i == 0 || status == 0);
  }
  pid_t last = fork();  // takes over what the killed one had claimed
  if (last == 0) work_through(address, kInputs);
  int status = 0;
  waitpid(last, &status, 0);
  EXPECT_EQ(status, 0);
  Result<Catalogue> catalogue = Catalogue::open(address);
  uint64_t count = 0;
  for (const CrashGroup& group : catalogue->groups().value_or({})) count += group.count;
  EXPECT_EQ(count, uint64_t(kInputs));
}

TEST_P(CatalogueTest, ANewerCatalogueIsRefused) {
  ASSERT_TRUE(Catalogue::open(address).ok());
  auto session = Catalogue::is_server(address) ? open_postgres_session(address) : open_sqlite_session(address);
  ASSERT_TRUE((*session)->run("INSERT INTO catalogue_info(version) VALUES($1)", {"99"}).ok());
  session->reset();
  EXPECT_EQ(Catalogue::open(address).error().code(), ErrorCode::kMismatch);
}

INSTANTIATE_TEST_SUITE_P(Kinds, CatalogueTest, testing::Values(Kind::kFile, Kind::kServer), [](const auto& p) { return p.param == Kind::kFile ? "Sqlite" : "PostgreSql"; });

TEST(Catalogue, DamageAndAbsentServersAreErrors) {
  std::string path = (std::filesystem::temp_directory_path() / ("catalogue_damage." + std::to_string(getpid()))).string();
  std::ofstream(path) << std::string(4096, 'z');
  EXPECT_EQ(Catalogue::open(path).error().code(), ErrorCode::kCorrupt);
  std::filesystem::remove(path);
  Result<Catalogue> absent = Catalogue::open("postgresql://me:secret@127.0.0.1:1/x");
  EXPECT_EQ(absent.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(absent.error().message().find("secret"), std::string::npos);
}

}  // namespace
}  // namespace inquest::records
