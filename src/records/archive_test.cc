// The archive over tiny repositories built here through libgit2: added in steps, killed, damaged, asked.
#include "records/archive.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "records/git_source.h"
#include "records/repository_test.h"
#include "records/trailers.h"

namespace inquest::records {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kJune = 1591700000;

const std::string kLog =
    "WARNING: CPU: 5 PID: 31004 at lib/radix-tree.c:784 delete_node+0x84/0x1f0\nCPU: 5 PID: 3 Comm: kworker/u16:2 Not tainted 4.14.99-zadara02 #1\n"
    "Workqueue: nfsd4_callbacks nfsd4_run_cb_work [nfsd]\nRIP: 0010:delete_node+0x84/0x1f0\nRSP: 0018:ffffb5c9c4c8bd90 EFLAGS: 00010286\nCall Trace:\n"
    " __radix_tree_delete+0x73/0xc0\n idr_remove+0xe/0x10\n nfs4_put_stid+0x3e/0xa0 [nfsd]\n nfsd4_cb_recall_release+0x15/0x20 [nfsd]\n nfsd4_run_cb_work+0xa9/0xf0 [nfsd]\n"
    " process_one_work+0x14b/0x410\n worker_thread+0x4b/0x460\n";

const std::string kDiff =
    "---\ndiff --git a/fs/nfsd/nfs4callback.c b/fs/nfsd/nfs4callback.c\n--- a/fs/nfsd/nfs4callback.c\n+++ b/fs/nfsd/nfs4callback.c\n"
    "@@ -10,5 +10,6 @@ static void nfsd4_run_cb_work(struct work_struct *work)\n {\n \tstruct nfs4_client *clp;\n+\tnfsd41_cb_inflight_begin(clp);\n \tif (x)\n \t\treturn;\n }\n";

void fill(Repository& repository) {
  repository.add("m", mail("report@x", "nfsd: radix tree warning", "We hit this:\n\n" + kLog), kJune);
  repository.add("m", mail("other@x", "xfs: something else", "WARNING: CPU: 1 PID: 1 at fs/xfs/a.c:1 xfs_a+0x1/0x2\n xfs_a+0x1/0x2\n xfs_b+0x1/0x2\n"), kJune + 1);
  repository.add("m", mail("fix-v1@x", "[PATCH] nfsd: Fix races between nfsd4_cb_release() and shutdown", "It races.\n\nFixes: 0123456789ab (\"x: y\")\n" + kDiff), kJune + 2);
  repository.add("m", mail("fix-v2@x", "[PATCH v2] nfsd: Fix races between nfsd4_cb_release() and shutdown", "It races.\n" + kDiff), kJune + 3);
  repository.add("m", mail("weak@x", "[PATCH] nfsd: Don't release the slot unless held", "Slot.\n" + kDiff), kJune + 4);
  repository.add("m", mail("answer@x", "Re: nfsd: radix tree warning",
                           "We tested \"nfsd\" with commit 2bbfed98a4d8 (\"nfsd: Fix races between nfsd4_cb_release() and shutdown\") and it no longer happens.\n", "report@x"), kJune + 5);
}

TEST(Archive, AddsInStepsAndRepeatsNothing) {
  TemporaryFolder folder;
  Repository repository(folder.path + "/inbox");
  fill(repository);
  Result<Archive> archive = Archive::open(folder.path + "/archive");
  ASSERT_TRUE(archive.ok()) << archive.error().message();
  uint64_t seen = 0;
  Result<AddReport> report = archive->add_mail(folder.path + "/inbox", [&](uint64_t done, uint64_t total) { seen = done; return total == 6; });
  ASSERT_TRUE(report.ok()) << report.error().message();
  EXPECT_EQ(report->added, 6u);
  EXPECT_EQ(seen, 6u);
  EXPECT_EQ(archive->add_mail(folder.path + "/inbox")->added, 0u);
  repository.add("m", mail("late@x", "Re: nfsd: radix tree warning", "And later.\n", "answer@x"), kJune + 6);
  repository.add("d", "gone", kJune + 7);  // public-inbox marks a deletion so
  repository.add("m", mail("late@x", "Re: again", "Cross-posted.\n"), kJune + 8);
  report = archive->add_mail(folder.path + "/inbox");
  EXPECT_EQ(report->added, 1u);
  EXPECT_EQ(report->known, 1u);
  EXPECT_EQ(report->without, 1u);
  EXPECT_EQ(archive->counts()->messages, 7u);
  EXPECT_EQ(archive->find("late@x")->thread, archive->find("report@x")->thread);
  EXPECT_EQ(archive->text(archive->find("late@x")->id).value_or(""), "And later.\n");
}

TEST(Archive, ThreadsMeetWhenTheMiddleArrivesLast) {
  TemporaryFolder folder;
  Repository repository(folder.path + "/inbox");
  repository.add("m", mail("c@x", "Re: t", "c\n", "b@x"), kJune);
  repository.add("m", mail("a@x", "t", "a\n"), kJune);
  repository.add("m", mail("b@x", "Re: t", "b\n", "a@x"), kJune);
  Result<Archive> archive = Archive::open(folder.path + "/archive");
  ASSERT_TRUE(archive->add_mail(folder.path + "/inbox").ok());
  EXPECT_EQ(archive->find("a@x")->thread, archive->find("c@x")->thread);
  EXPECT_EQ(archive->counts()->threads, 1u);
}

TEST(Archive, FindsTheReportAndTheFixWithReasons) {
  TemporaryFolder folder;
  Repository repository(folder.path + "/inbox");
  fill(repository);
  Result<Archive> archive = Archive::open(folder.path + "/archive");
  ASSERT_TRUE(archive->add_mail(folder.path + "/inbox").ok());
  Query query = query_from_text(kLog);
  std::vector<Similar> similar = archive->similar(query).value_or({});
  ASSERT_FALSE(similar.empty());
  EXPECT_EQ(similar[0].head.name, "report@x");
  EXPECT_TRUE(similar[0].by_signature);
  EXPECT_GT(similar[0].score, 0.8);
  std::vector<Fix> fixes = archive->candidate_fixes(query).value_or({});
  ASSERT_GE(fixes.size(), 2u);
  EXPECT_EQ(fixes[0].head.name, "fix-v2@x");  // the last version stands for both
  EXPECT_EQ(fixes[0].versions.size(), 2u);
  ASSERT_EQ(fixes[0].opinions.size(), 1u);
  EXPECT_EQ(fixes[0].opinions[0].stance, int(Stance::kTested));
  EXPECT_LT(fixes[0].confidence, 0.9);
  double sum = 0;
  for (const ScorePart& part : fixes[0].parts) sum += part.value * part.worth;
  EXPECT_NEAR(sum, fixes[0].score, 1e-9);
  EXPECT_EQ(archive->marks(fixes[0].head.id)->size(), 1u);
  EXPECT_EQ(archive->search("nfs4_put_stid")->front().head.name, "report@x");
}

TEST(Archive, AnExcludedThreadIsInNoAnswer) {
  TemporaryFolder folder;
  Repository repository(folder.path + "/inbox");
  fill(repository);
  Result<Archive> archive = Archive::open(folder.path + "/archive");
  ASSERT_TRUE(archive->add_mail(folder.path + "/inbox").ok());
  Query query = query_from_text(kLog);
  query.exclude_thread = "answer@x";
  for (const Similar& s : archive->similar(query, 10, true).value_or({})) EXPECT_NE(s.head.name, "report@x");
  for (const Fix& f : archive->candidate_fixes(query).value_or({})) EXPECT_TRUE(f.opinions.empty());
}

TEST(Archive, KernelHistoryGivesTagsAndUpstreamCommits) {
  TemporaryFolder folder;
  Repository repository(folder.path + "/linux");
  std::string before = "static void nfsd4_run_cb_work(struct work_struct *work)\n{\n\tint a;\n\tint b;\n\tint c;\n\n\treturn;\n}\n";
  std::string after = before;
  after.replace(after.find("\treturn"), 0, "\tnfsd41_cb_inflight_begin(clp);\n");
  repository.add("nfs4callback.c", before, kJune, "start");
  repository.tag("v5.4");
  repository.add("nfs4callback.c", after, kJune + 10, "nfsd: Fix races between nfsd4_cb_release() and shutdown\n\nBody.\n");
  std::string fix = repository.last();
  Result<Archive> archive = Archive::open(folder.path + "/archive");
  ASSERT_TRUE(archive->add_git(folder.path + "/linux").ok());
  EXPECT_EQ(archive->counts()->commits, 2u);
  std::vector<Fix> fixes = archive->candidate_fixes(query_from_text(kLog)).value_or({});
  ASSERT_FALSE(fixes.empty());
  EXPECT_EQ(fixes[0].commit, fix);
  EXPECT_EQ(fixes[0].first_tag, "");  // in no release yet
  repository.tag("v5.5-rc1");
  ASSERT_TRUE(archive->add_git(folder.path + "/linux").ok());
  EXPECT_EQ(archive->counts()->commits, 2u);
  EXPECT_EQ(archive->candidate_fixes(query_from_text(kLog))->front().first_tag, "v5.5-rc1");
  EXPECT_EQ(archive->find(fix.substr(0, 12))->name, fix);
  // A stable kernel's copy names its original.
  repository.add("nfs4callback.c", before, kJune + 20, "revert for the copy\n");
  repository.add("nfs4callback.c", after, kJune + 30, "nfsd: Fix races between nfsd4_cb_release() and shutdown\n\ncommit " + fix + " upstream.\n\nBody.\n");
  std::string copy = repository.last();
  repository.tag("v5.4.86");
  ASSERT_TRUE(archive->add_git(folder.path + "/linux").ok());
  Fix told = archive->candidate_fixes(query_from_text(kLog))->front();
  EXPECT_EQ(told.commit, fix);
  EXPECT_EQ(told.first_tag, "v5.5-rc1");
  EXPECT_EQ(told.backports, std::vector<std::string>{"v5.4.86 " + copy.substr(0, 12)});
}

TEST(Archive, ADamagedObjectCostsThatMessageOnly) {
  TemporaryFolder folder;
  Repository repository(folder.path + "/inbox");
  repository.add("m", mail("a@x", "a", "a\n"), kJune);
  std::string blob = repository.add("m", mail("b@x", "b", "b\n"), kJune);
  repository.add("m", mail("c@x", "c", "c\n"), kJune);
  fs::path object = folder.path + "/inbox/objects/" + blob.substr(0, 2) + "/" + blob.substr(2);
  fs::permissions(object, fs::perms::owner_all);
  std::ofstream(object, std::ios::binary) << "rubbish";
  Result<Archive> archive = Archive::open(folder.path + "/archive");
  Result<AddReport> report = archive->add_mail(folder.path + "/inbox");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->added, 2u);
  EXPECT_EQ(report->damaged, 1u);
  EXPECT_EQ(report->damage.size(), 1u);
  EXPECT_FALSE(archive->add_mail(folder.path + "/nothing").ok());
}

TEST(Archive, ADamagedArchiveIsAnErrorNotACrash) {
  TemporaryFolder folder;
  std::ofstream(folder.path + "/archive.sqlite") << std::string(5000, 'x');
  Result<Archive> archive = Archive::open(folder.path);
  ASSERT_FALSE(archive.ok());
  EXPECT_EQ(archive.error().code(), ErrorCode::kCorrupt);
}

// A child adds and is killed at a random moment, again and again; in the end everything is there once.
TEST(Archive, KillsLoseAndRepeatNothing) {
  TemporaryFolder folder;
  Repository repository(folder.path + "/inbox");
  constexpr int kMessages = 1200;
  for (int i = 0; i < kMessages; i++) repository.add("m", mail(std::to_string(i) + "@x", "subject " + std::to_string(i), "word" + std::to_string(i) + "\n"), kJune + i);
  for (int round = 0; round < 6; round++) {
    pid_t child = fork();
    if (child == 0) {
      Result<Archive> archive = Archive::open(folder.path + "/archive");
      if (archive.ok()) (void)archive->add_mail(folder.path + "/inbox", {}, 1).ok();
      _exit(0);
    }
    usleep(useconds_t(20'000 + round * 60'000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  Result<Archive> archive = Archive::open(folder.path + "/archive");
  ASSERT_TRUE(archive.ok());
  Result<AddReport> report = archive->add_mail(folder.path + "/inbox");
  ASSERT_TRUE(report.ok()) << report.error().message();
  EXPECT_EQ(report->known, 0u);
  EXPECT_EQ(archive->counts()->messages, uint64_t(kMessages));
  std::vector<Similar> hits = archive->search("word77 word78").value_or({});
  EXPECT_EQ(hits.size(), 2u);
}

TEST(Epochs, AreFoundInOrder) {
  TemporaryFolder folder;
  for (const char* name : {"10.git", "2.git", "0.git", "all.git"}) Repository(folder.path + "/list/git/" + name).add("m", mail(std::string(name) + "@x", "s", "b\n"), kJune);
  std::vector<std::string> epochs = mail_epochs(folder.path + "/list");
  ASSERT_EQ(epochs.size(), 3u);
  EXPECT_TRUE(epochs[2].ends_with("10.git"));
  Result<Archive> archive = Archive::open(folder.path + "/archive");
  EXPECT_EQ(archive->add_mail(folder.path + "/list")->added, 3u);
}

}  // namespace
}  // namespace inquest::records
