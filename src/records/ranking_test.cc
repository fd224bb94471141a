// What speaks for and against a candidate fix, each part by itself over a tiny archive.
#include <gtest/gtest.h>

#include <filesystem>

#include "records/archive.h"
#include "records/digest.h"
#include "records/repository_test.h"

namespace inquest::records {
namespace {

constexpr int64_t kJune = 1591700000;  // the day mail() dates all messages

const std::string kLog =
    "BUG: KASAN: use-after-free in nfs4_put_stid+0x3e/0xa0\nCPU: 5 PID: 3 Comm: kworker/u16:2 Not tainted 5.7.0-rc6 #1\nRSP: 0018:ffffb5c9c4c8bd90 EFLAGS: 00010286\n"
    "RAX: ffff8d04f3a1c2b7 RBX: ffff9e77aa31bc40 RCX: ffff8d04f3a1e5d8\nRDX: ffff8d04f3a1c3c8 RSI: ffff9e77aa31bd41 RDI: ffff8d04f3a1e6e9\nCall Trace:\n nfs4_put_stid+0x3e/0xa0 [nfsd]\n nfsd4_recall_release+0x15/0x20 [nfsd]\n"
    " nfsd4_delegreturn+0xa9/0xf0 [nfsd]\n";

std::string diff(const std::string& file, const std::string& function, const std::string& line) {
  return "---\ndiff --git a/" + file + " b/" + file + "\n--- a/" + file + "\n+++ b/" + file + "\n@@ -10,5 +10,6 @@ static void " + function + "(struct x *y)\n {\n \tint a;\n+\t" + line +
         ";\n \tif (a)\n \t\treturn;\n }\n";
}

const std::string kState = "fs/nfsd/nfs4state.c";

class RankingTest : public ::testing::Test {
 protected:
  void add(const std::string& id, const std::string& subject, const std::string& body, const std::string& reference = "", const std::string& from = "A <a@b.c>") {
    repository_.add("m", mail(id, subject, body, reference, from), kJune + count_++);
  }
  // The fixes for the log, its text around it, asked on the day of the messages.
  std::vector<Fix> fixes(const std::string& text = "") {
    Result<Archive> archive = Archive::open(folder_.path + "/archive");
    if (!archive.ok() || !archive->add_mail(folder_.path + "/inbox").ok()) return {};
    Query query = query_from_text(text + kLog);
    query.date = kJune - 3600;
    return archive->candidate_fixes(query).value_or({});
  }
  static double part(const Fix& fix, const std::string& name) {
    for (const ScorePart& p : fix.parts)
      if (p.name == name) return p.value;
    ADD_FAILURE() << "no part " << name;
    return 0;
  }
  static const Fix* named(const std::vector<Fix>& all, const std::string& id) {
    for (const Fix& f : all)
      for (const std::string& name : f.version_names)
        if (name == id) return &f;
    return nullptr;
  }
  static bool says(const std::vector<std::string>& reasons, const std::string& what) {
    for (const std::string& r : reasons)
      if (r.find(what) != std::string::npos) return true;
    return false;
  }

  TemporaryFolder folder_;
  Repository repository_{folder_.path + "/inbox"};
  int count_ = 0;
};

TEST_F(RankingTest, WhatWasPostedSoonAfterIsACandidateThoughItSharesNothing) {
  add("near@x", "[PATCH] nfsd: Fix the other end", "It was wrong.\n" + diff("fs/nfsd/other.c", "nfsd_other", "g()"));
  add("own@x", "[PATCH] nfsd: Fix nfs4_put_stid", "It was wrong.\n" + diff(kState, "nfs4_put_stid", "f()"));
  std::vector<Fix> all = fixes();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].head.name, "own@x");
  EXPECT_EQ(part(all[0], "shares neither function nor file with the stack"), 0);
  EXPECT_GT(part(all[0], "soon after the crash"), 0.9);
  EXPECT_GT(part(all[0], "changes a file of the stack"), 0.2);
  EXPECT_NEAR(part(all[0], "changes a file of the stack soon after the crash"), part(all[0], "changes a file of the stack") * part(all[0], "soon after the crash"), 1e-9);
  EXPECT_EQ(part(all[1], "changes a file of the stack soon after the crash"), 0);
  EXPECT_EQ(part(all[1], "shares neither function nor file with the stack"), 1);
  EXPECT_TRUE(says(all[1].reasons_against, "shares neither function nor file"));
}

TEST_F(RankingTest, APatchThatQuotesThisVeryLogSaysSo) {
  add("same@x", "[PATCH] nfsd: Fix A thing here", kLog + diff(kState, "nfs4_put_stid", "f()"));
  std::string another = kLog;  // another crash of the same kernel: flags and addresses of code agree
  for (size_t at = another.find("ffff"); at != another.npos; at = another.find("ffff", at + 1)) another[at + 5] = another[at + 5] == '1' ? '2' : '1';
  add("alike@x", "[PATCH] nfsd: Fix B thing there", another + diff(kState, "nfs4_put_stid", "g()"));
  std::vector<Fix> all = fixes();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].head.name, "same@x");
  EXPECT_GT(part(all[0], "quotes this very log"), 0.4);
  EXPECT_TRUE(says(all[0].reasons_for, "this very crash"));
  EXPECT_EQ(part(all[1], "quotes this very log"), 0);
}

TEST_F(RankingTest, RepairsWhatTheReportNames) {
  add("culprit@x", "[PATCH] nfsd: Make recall asynchronous", "New.\n" + diff("fs/nfsd/other.c", "nfsd_other", "a()"));
  add("fix@x", "[PATCH] nfsd: Fix recall one", "Oh.\n\nFixes: 0123456789ab (\"nfsd: Make recall asynchronous\")\n" + diff(kState, "nfsd4_recall_release", "f()"));
  add("other@x", "[PATCH] nfsd: Fix recall two", "Oh.\n\nFixes: fedcba987654 (\"nfsd: Something else entirely\")\n" + diff(kState, "nfsd4_recall_release", "f()"));
  std::vector<Fix> all = fixes("It was bisected to commit 0123456789abcdef0123 (\"nfsd: Make recall asynchronous\").\n\n");
  const Fix *fix = named(all, "fix@x"), *other = named(all, "other@x");
  ASSERT_TRUE(fix && other);
  EXPECT_EQ(part(*fix, "repairs what the report names"), 1);
  EXPECT_EQ(part(*other, "repairs what the report names"), 0);
  EXPECT_GT(fix->score, other->score);
}

TEST_F(RankingTest, APatchForLaterKernelsOnlyLoses) {
  add("later@x", "[PATCH] nfsd: Fix stid one", "Oh.\n\nCc: stable@vger.kernel.org # v5.10+\n" + diff(kState, "nfs4_put_stid", "f()"));
  add("now@x", "[PATCH] nfsd: Fix stid two", "Oh.\n\nCc: stable@vger.kernel.org # v5.4+\n" + diff(kState, "nfs4_put_stid", "f()"));
  std::vector<Fix> all = fixes();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].head.name, "now@x");
  EXPECT_EQ(part(all[1], "for kernels later than the crash's"), 1);
  EXPECT_TRUE(says(all[1].reasons_against, "marked for kernels later than"));
}

TEST_F(RankingTest, AReplyThatTookThePatchCounts) {
  add("a@x", "[PATCH] nfsd: Fix stid one", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"));
  add("b@x", "[PATCH] nfsd: Fix stid two", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"));
  add("reply@x", "Re: [PATCH] nfsd: Fix stid two", "Thanks, applied to nfsd-next.\n", "b@x");
  std::vector<Fix> all = fixes();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].head.name, "b@x");
  EXPECT_EQ(part(all[0], "a reply says it was taken"), 1);
  EXPECT_EQ(part(all[1], "a reply says it was taken"), 0);
}

TEST_F(RankingTest, ARenamedPatchIsOneAnswerTwoPartsOfASeriesAreTwo) {
  add("v1@x", "[PATCH] nfsd: Fix race between recall and delegation return", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"));
  add("v2@x", "[PATCH v2] nfsd: Fix a race between recall and a delegation's return", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"));
  add("other@x", "[PATCH] nfsd: Fix race between recall and delegation return again", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"), "", "B <b@b.c>");
  add("s0@x", "[PATCH 0/2] nfsd: both", "Cover.\n");
  add("s1@x", "[PATCH 1/2] nfsd: Fix release of stid in recall path one", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"), "s0@x");
  add("s2@x", "[PATCH 2/2] nfsd: Fix release of stid in recall path two", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"), "s0@x");
  std::vector<Fix> all = fixes();
  const Fix *v1 = named(all, "v1@x"), *s1 = named(all, "s1@x"), *s2 = named(all, "s2@x");
  ASSERT_TRUE(v1 && s1 && s2);
  EXPECT_EQ(v1, named(all, "v2@x"));
  EXPECT_NE(v1, named(all, "other@x"));
  EXPECT_NE(s1, s2);
  EXPECT_EQ(part(*s1, "log of the patches of its series above it") + part(*s2, "log of the patches of its series above it"), 1);
}

TEST_F(RankingTest, TitlesSayInProseWhatFunctionsAreNamedAfter) {
  add("topic@x", "[PATCH] nfsd: Fix delegation accounting", "Oh.\n" + diff("fs/nfsd/other.c", "nfsd_other", "f()"));
  add("none@x", "[PATCH] nfsd: Fix export accounting", "Oh.\n" + diff("fs/nfsd/other.c", "nfsd_other", "g()"));
  Result<Archive> archive = Archive::open(folder_.path + "/archive");
  ASSERT_TRUE(archive.ok() && archive->add_mail(folder_.path + "/inbox").ok());
  Query query = query_from_text("WARNING: CPU: 1 PID: 1 at fs/nfsd/a.c:1 nfs4_free_deleg+0x1/0x2\n nfs4_free_deleg+0x1/0x2\n nfsd_x+0x1/0x2\n");
  query.date = kJune - 3600;
  std::vector<Fix> all = archive->candidate_fixes(query).value_or({});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].head.name, "topic@x");
}

TEST_F(RankingTest, TheTextsOfTheBestAreReadAgain) {
  std::string quoted = "We saw it under load:\n" + kLog + "\n";
  add("near@x", "[PATCH] nfsd: Fix one", quoted + "The delegation is recycled while layouts migrate.\n" + diff(kState, "nfs4_put_stateowner", "f()"));
  add("far@x", "[PATCH] nfsd: Fix two", "Nothing of that.\n" + diff(kState, "write_gracetime", "f()"));
  std::string log = "Our layouts migrate a lot.\nBUG: KASAN: use-after-free in nfs4_put_stid+0x3e/0xa0\nCall Trace:\n nfs4_put_stid+0x3e/0xa0 fs/nfsd/nfs4state.c:15\n nfsd4_recall+0x15/0x20 fs/nfsd/nfs4state.c:4000\n";
  Result<Archive> archive = Archive::open(folder_.path + "/archive");
  ASSERT_TRUE(archive.ok() && archive->add_mail(folder_.path + "/inbox").ok());
  Query query = query_from_text(log);
  query.date = kJune - 3600;
  std::vector<Fix> all = archive->candidate_fixes(query).value_or({});
  const Fix *near = named(all, "near@x"), *far = named(all, "far@x");
  ASSERT_TRUE(near && far);
  EXPECT_GT(part(*near, "changes lines near the stack's"), 0.8);
  EXPECT_GT(part(*near, "changes functions named like the stack's"), 0.5);
  EXPECT_EQ(part(*far, "changes functions named like the stack's"), 0);
  EXPECT_GT(part(*near, "its prose is like the report's"), part(*far, "its prose is like the report's"));
  EXPECT_EQ(part(*near, "quotes a stack with the same innermost function"), 1);
  EXPECT_TRUE(says(near->reasons_for, "near one of the stack's"));
  query.use_quoted_traces = false;
  all = archive->candidate_fixes(query).value_or({});
  ASSERT_TRUE(named(all, "near@x"));
  EXPECT_EQ(part(*named(all, "near@x"), "quotes a stack with the same innermost function"), 0);
}

TEST_F(RankingTest, AnArchiveWhoseRepositoryIsGoneStillAnswers) {
  add("fix@x", "[PATCH] nfsd: Fix stid", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"));
  ASSERT_EQ(fixes().size(), 1u);
  std::filesystem::remove_all(folder_.path + "/inbox");
  Result<Archive> archive = Archive::open_existing(folder_.path + "/archive");
  ASSERT_TRUE(archive.ok());
  std::vector<Fix> all = archive->candidate_fixes(query_from_text(kLog)).value_or({});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(part(all[0], "its prose is like the report's"), 0);
}

TEST_F(RankingTest, ScoresAreTheSumOfTheirParts) {
  add("a@x", "[PATCH 1/3] nfsd: Fix stid one", kLog + diff(kState, "nfs4_put_stid", "f()"));
  add("b@x", "[PATCH 2/3] nfsd: Clean up stid", "Oh.\n" + diff(kState, "nfs4_put_stid", "f()"), "a@x");
  add("c@x", "[PATCH 3/3] nfsd: Fix delegation", "Oh.\n" + diff("fs/nfsd/other.c", "nfsd_other", "f()"), "a@x");
  std::vector<Fix> all = fixes();
  ASSERT_EQ(all.size(), 3u);
  for (const Fix& f : all) {
    double sum = 0;
    for (const ScorePart& p : f.parts) sum += p.value * p.worth;
    EXPECT_NEAR(sum, f.score, 1e-9) << f.head.subject;
  }
}

TEST(Digest, KnowsRepairsOfTextAndAnswersThatTakeAPatch) {
  auto flags = [](const std::string& subject, const std::string& body) { return digest_mail(mail("a@x", subject, body), kJune, "").flags; };
  EXPECT_TRUE(flags("[PATCH] nfsd: fix race in recall", "") & kSaysFix);
  EXPECT_FALSE(flags("[PATCH] nfsd: fix some spelling errors in comments", "") & kSaysFix);
  EXPECT_TRUE(flags("[PATCH] nfsd: fix some spelling errors in comments", "") & kSaysCleanup);
  EXPECT_TRUE(flags("[PATCH] nfsd: fix unused entry use-after-free", "") & kSaysFix);  // a crash all the same
  EXPECT_TRUE(flags("Re: [PATCH] x: y and z", "> +foo\n\nApplied to x-next, thanks.\n") & kSaysTaken);
  EXPECT_FALSE(flags("Re: [PATCH] x: y and z", "I still see it with this applied. Applied to which tree?\n") & kSaysTaken);
  EXPECT_FALSE(flags("[PATCH] x: y and z", "Applied to x-next, thanks.\n") & kSaysTaken);
}

}  // namespace
}  // namespace inquest::records
