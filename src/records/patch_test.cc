#include <gtest/gtest.h>

#include <set>

#include "records/diff.h"
#include "records/digest.h"
#include "records/marks.h"

namespace inquest::records {
namespace {

constexpr const char* kPatch =
    "diff --git a/fs/nfsd/nfs4callback.c b/fs/nfsd/nfs4callback.c\n--- a/fs/nfsd/nfs4callback.c\n+++ b/fs/nfsd/nfs4callback.c\n"
    "@@ -10,11 +10,17 @@ static int unrelated(void)\n }\n \n+static void nfsd41_cb_inflight_begin(struct nfs4_client *clp)\n+{\n+\tatomic_inc(&clp->cl_cb_inflight);\n+}\n+\n"
    " static void nfsd41_destroy_cb(struct nfsd4_callback *cb)\n {\n \tstruct nfs4_client *clp = cb->cb_clp;\n+\tnfsd41_cb_inflight_end(clp);\n-\told_helper(clp);\n \tif (x)\n"
    " \t\treturn;\n }\n"
    "diff --git a/fs/nfsd/state.h b/fs/nfsd/state.h\n--- a/fs/nfsd/state.h\n+++ b/fs/nfsd/state.h\n@@ -1,3 +1,4 @@ struct nfs4_client {\n"
    " \tstruct rpc_clnt\t\t*cl_cb_client;\n+\tatomic_t\t\tcl_cb_inflight;\n \tint x;\n };\n";

TEST(Diff, ScopesFollowDefinitionsInsideTheHunk) {
  Diff diff = read_diff(kPatch);
  ASSERT_EQ(diff.files.size(), 2u);
  EXPECT_EQ(diff.files[1].path, "fs/nfsd/state.h");
  std::set<std::string> changed;
  for (const DiffLine& line : diff.lines) {
    if (line.kind != ' ') changed.insert(diff.scopes[line.scope].name);
  }
  EXPECT_TRUE(changed.contains("nfsd41_cb_inflight_begin"));
  EXPECT_TRUE(changed.contains("nfsd41_destroy_cb"));
  EXPECT_TRUE(changed.contains("nfs4_client"));
  EXPECT_FALSE(changed.contains("unrelated"));
}

TEST(Diff, LinesKnowWhereTheyStoodInTheOldFile) {
  Diff diff = read_diff("--- a/fs/x.c\n+++ b/fs/x.c\n@@ -40,3 +50,4 @@ int f(void)\n a\n-b\n+c\n+d\n e\n@@ -90 +101 @@ int g(void)\n-g\n+h\n");
  ASSERT_EQ(diff.lines.size(), 7u);
  const uint32_t wanted[] = {40, 41, 42, 42, 42, 90, 91};
  for (size_t i = 0; i < 7; i++) EXPECT_EQ(diff.lines[i].number, wanted[i]) << i;
}

TEST(Diff, ScopeNames) {
  EXPECT_EQ(scope_named_by("static int nfsd4_cb_done(struct rpc_task *task,").name, "nfsd4_cb_done");
  EXPECT_EQ(scope_named_by("SYSCALL_DEFINE2(openat2, int, dfd").name, "__do_sys_openat2");
  EXPECT_TRUE(scope_named_by("struct nfs4_client {").is_type);
  EXPECT_EQ(scope_named_by("EXPORT_SYMBOL(foo);").name, "");
  EXPECT_EQ(scope_named_by("static const struct ops x = {").name, "");
}

TEST(Diff, DamageEndsOnlyTheHunk) {
  Diff diff = read_diff("--- a/fs/x.c\n+++ b/fs/x.c\n@@ -1,100 +1,100 @@ int f(void)\n+a\nnot a diff line\n@@ -5 +5 @@ int g(void)\n-b\n+c\n");
  EXPECT_TRUE(diff.truncated);
  EXPECT_EQ(diff.lines.size(), 3u);
}

bool has(const std::vector<PatchMark>& marks, MarkKind kind, const std::string& subject, const std::string& name, bool added) {
  for (const PatchMark& m : marks) {
    if (m.kind == kind && m.subject == subject && m.name == name && m.added == added) return true;
  }
  return false;
}

TEST(Marks, OfAPatch) {
  std::vector<PatchMark> marks = marks_of_diff(kPatch);
  EXPECT_TRUE(has(marks, MarkKind::kMember, "nfs4_client", "cl_cb_inflight", true));
  EXPECT_TRUE(has(marks, MarkKind::kFunction, "fs/nfsd/nfs4callback.c", "nfsd41_cb_inflight_begin", true));
  EXPECT_TRUE(has(marks, MarkKind::kCall, "nfsd41_destroy_cb", "nfsd41_cb_inflight_end", true));
  EXPECT_TRUE(has(marks, MarkKind::kCall, "nfsd41_destroy_cb", "old_helper", false));
  EXPECT_FALSE(has(marks, MarkKind::kCall, "nfsd41_cb_inflight_begin", "atomic_inc", true));  // inside a new function
  EXPECT_EQ(marks[0].kind, MarkKind::kMember);
}

class Facts : public KernelFacts {
 public:
  std::optional<bool> member, function;
  std::optional<bool> has_type(std::string_view) override { return std::nullopt; }
  std::optional<bool> has_member(std::string_view, std::string_view) override { return member; }
  std::optional<bool> has_function(std::string_view) override { return function; }
  std::optional<bool> calls(std::string_view, std::string_view) override { return std::nullopt; }
  std::optional<bool> has_enum_value(std::string_view, std::string_view) override { return std::nullopt; }
  std::optional<bool> has_string(std::string_view, std::string_view) override { return std::nullopt; }
  std::optional<bool> has_parameter(std::string_view, std::string_view) override { return std::nullopt; }
};

TEST(Marks, PresenceIsNeverGuessed) {
  std::vector<PatchMark> marks = marks_of_diff(kPatch);
  Facts facts;
  EXPECT_EQ(presence_of(marks, facts).status, PatchStatus::kUnknown);
  facts.member = true;
  facts.function = false;  // inlined: an absent function does not outweigh a member
  EXPECT_EQ(presence_of(marks, facts).status, PatchStatus::kPresent);
  facts.member = false;
  EXPECT_EQ(presence_of(marks, facts).status, PatchStatus::kMissing);
  facts.function = true;
  EXPECT_EQ(presence_of(marks, facts).status, PatchStatus::kUnknown);
  EXPECT_EQ(presence_of({}, facts).status, PatchStatus::kUnknown);
}

TEST(Digest, APatchMail) {
  std::string raw = "From: T <t@x>\nSubject: [PATCH v2] nfsd: Fix races in nfsd41_destroy_cb\nMessage-ID: <p@x>\nDate: Wed, 23 Oct 2019 17:43:18 -0400\n\n"
                    "A use-after-free of nfs4_client can happen.\n\nFixes: e6abc8caa6de (\"nfsd: Don't release\")\nReported-by: A <a@b>\n---\n" +
                    std::string(kPatch) + "-- \n2.21.0\n";
  Document d = digest_mail(raw, 1571867000, "none");
  EXPECT_TRUE(d.flags & kIsPatch);
  EXPECT_TRUE(d.flags & kHasFixes);
  EXPECT_TRUE(d.flags & kSaysFix);
  EXPECT_FALSE(d.flags & kIsReply);
  EXPECT_TRUE(d.kinds & kUseAfterFree);
  EXPECT_NE(d.words[kTouched].find("nfsd41_destroy_cb"), std::string::npos);
  EXPECT_NE(d.words[kChanged].find("cl_cb_inflight"), std::string::npos);
  EXPECT_NE(d.words[kFiled].find("fs_nfsd_state_h"), std::string::npos);
  EXPECT_EQ(d.words[kBody].find("Reported"), std::string::npos);  // trailers are no prose
  EXPECT_EQ(d.date, 1571866998);
}

TEST(Digest, AnAbsurdDateYieldsToTheArchives) {
  Document d = digest_mail("Message-ID: <a@b>\nDate: Thu, 1 Jan 1998 00:00:00 +0000\n\nx\n", 1571867000, "none");
  EXPECT_EQ(d.date, 1571867000);
}

TEST(Digest, QuotedDiffsAreNotTheSendersPatch) {
  Document d = digest_mail("Message-ID: <a@b>\nSubject: Re: [PATCH] a: b c d\n\nOn x, y wrote:\n> diff --git a/x b/x\n> --- a/x\n> +++ b/x\n> @@ -1 +1 @@\n> -a\n> +b\nok\n", 1, "none");
  EXPECT_FALSE(d.flags & kIsPatch);
  EXPECT_TRUE(d.flags & kIsReply);
}

}  // namespace
}  // namespace inquest::records
