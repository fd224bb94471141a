#include "records/mime.h"

#include <gtest/gtest.h>

#include "records/encoding.h"
#include "records/subject.h"
#include "records/trailers.h"

namespace inquest::records {
namespace {

TEST(Mime, DecodesHeadersAndQuotedPrintable) {
  Mail mail = parse_mail(
      "From: =?utf-8?q?J=C3=B6rg_M?= <J@Example.org>\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\n =?utf-8?b?IHZvbiBkYQ==?=\nMessage-ID: <a@b>\n"
      "References: <r1@x>\n <r2@x>\nIn-Reply-To: <r2@x>\nDate: Thu, 31 Dec 2020 12:03:58 +0200 (EET)\n"
      "Content-Type: text/plain; charset=\"iso-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe, a long =\nline\n");
  EXPECT_EQ(mail.from_name, "Jörg M");
  EXPECT_EQ(mail.from_address, "j@example.org");
  EXPECT_EQ(mail.subject, "Grüße von da");
  EXPECT_EQ(mail.message_id, "a@b");
  EXPECT_EQ(mail.references, (std::vector<std::string>{"r1@x", "r2@x"}));
  ASSERT_TRUE(mail.date);
  EXPECT_EQ(mail.date->seconds, 1609409038);
  EXPECT_EQ(mail.date->zone_minutes, 120);
  EXPECT_EQ(mail.text, "Grüße, a long line\n");
  EXPECT_TRUE(mail.damage.empty());
}

TEST(Mime, TakesPlainOfAlternativeAndTextAttachments) {
  Mail mail = parse_mail(
      "Message-ID: <a@b>\nContent-Type: multipart/mixed; boundary=\"x y\"\n\npreamble\n--x y\nContent-Type: multipart/alternative; boundary=z\n\n"
      "--z\nContent-Type: text/plain\n\nplain\n--z\nContent-Type: text/html\n\n<p>html</p>\n--z--\n--x y\n"
      "Content-Type: application/octet-stream; name=\"fix.patch\"\nContent-Transfer-Encoding: base64\n\nKysrIGIveAo=\n--x y\n"
      "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAAA\n--x y--\n");
  EXPECT_EQ(mail.text, "plain\n+++ b/x\n");
}

TEST(Mime, HtmlAloneBecomesText) {
  Mail mail = parse_mail("Message-ID: <a@b>\nContent-Type: text/html\n\n<style>p{}</style><p>a &lt; b<br>c</p>\n");
  EXPECT_EQ(mail.text, "a < b\nc\n\n");
}

TEST(Mime, DamageIsSaidAndCostsOnlyItsPart) {
  Mail cut = parse_mail("Message-ID: <a@b>\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nkept\n");
  EXPECT_EQ(cut.text, "kept\n");
  EXPECT_EQ(cut.damage.size(), 1u);
  Mail bare = parse_mail("just words, no header\n");
  EXPECT_EQ(bare.text, "just words, no header\n");
  EXPECT_EQ(bare.damage.size(), 2u);
  std::string deep = "Message-ID: <a@b>\n";
  for (int i = 0; i < 50; i++) deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\n\n--b" + std::to_string(i) + "\n";
  EXPECT_FALSE(parse_mail(deep).damage.empty());
}

TEST(Mime, FlowedTextIsJoinedAndDiffsAreNot) {
  EXPECT_EQ(unflow("one \ntwo\n> a \n> b\n  indented\n-- \nsig\n", false), "one two\n> a b\n indented\n-- \nsig\n");
  EXPECT_EQ(unflow("diff --git a/x b/x\n  context \n+added \n", false), "diff --git a/x b/x\n context \n+added \n");
}

TEST(Mime, CharsetsThatLieFallBack) {
  EXPECT_EQ(to_utf8("caf\xe9", "utf-8"), "caf\xef\xbf\xbd");
  EXPECT_EQ(to_utf8("caf\xe9", "no-such-charset"), "café");
  EXPECT_EQ(to_utf8("\x83\x65", "shift_jis"), "テ");
}

TEST(MailDate, VariantsAndNonsense) {
  EXPECT_EQ(parse_mail_date("31 Dec 20 10:03:58 GMT")->seconds, 1609409038);
  EXPECT_EQ(parse_mail_date("Thu Dec 31 10:03:58 2020")->seconds, 1609409038);
  EXPECT_EQ(parse_mail_date("Thu, 31 Dec 2020 05:03:58 EST")->seconds, 1609409038);
  EXPECT_EQ(parse_mail_date("Fri, 1 Jan 2021 06:03:58 +2000")->seconds, 1609409038);
  EXPECT_FALSE(parse_mail_date("yesterday"));
  EXPECT_FALSE(parse_mail_date(""));
  EXPECT_EQ(date_text(1609409038), "2020-12-31");
  EXPECT_EQ(date_text(-1), "1969-12-31");
}

TEST(Subject, TagsAreRead) {
  SubjectParts p = read_subject("Re: [PATCH AUTOSEL v2 5.4 03/10] nfsd: fix X");
  EXPECT_TRUE(p.reply && p.patch && p.stable);
  EXPECT_EQ(p.version, 2u);
  EXPECT_EQ(p.part, 3u);
  EXPECT_EQ(p.total, 10u);
  EXPECT_EQ(p.title, "nfsd: fix X");
  EXPECT_EQ(title_key("nfsd: Fix X, now"), title_key("nfsd: fix  X now"));
  EXPECT_EQ(read_subject("[PATCHv3] a: b").version, 3u);
  EXPECT_FALSE(read_subject("[syzbot] [nfs?] WARNING in x").patch);
}

TEST(Trailers, AreReadAndUrlsBecomeIds) {
  std::vector<Trailer> t = read_trailers("[ Upstream commit 2bbfed98a4d82ac4e7abfcd4eba40bddfc670b1d ]\n\nFixes: 0123456789ab (\"a: b\")\n"
                                         "Closes: https://lore.kernel.org/all/x%40y@z/T/#u\nCc: stable@vger.kernel.org # v5.4+\nTested-by: A <a@b>\n");
  ASSERT_EQ(t.size(), 5u);
  EXPECT_EQ(t[0].kind, TrailerKind::kUpstream);
  EXPECT_EQ(t[1].value, "0123456789ab");
  EXPECT_EQ(t[1].title, "a: b");
  EXPECT_EQ(t[2].value, "x@y@z");
  EXPECT_EQ(t[3].kind, TrailerKind::kStable);
  EXPECT_EQ(t[3].value, "v5.4+");
}

TEST(Mentions, StanceComesFromTheSentence) {
  std::vector<Mention> m = read_mentions("Hello.\n\nI applied commit 2bbfed98a4d8 (\"nfsd: Fix races\") and it no longer crashes. "
                                         "I bisected it to commit e6abc8caa6de.\nThe number 12345678 is no hash, nor is deadbeefs.\n");
  ASSERT_EQ(m.size(), 2u);
  EXPECT_EQ(m[0].hash, "2bbfed98a4d8");
  EXPECT_EQ(m[0].title, "nfsd: Fix races");
  EXPECT_EQ(m[0].stance, Stance::kTested);
  EXPECT_EQ(m[1].stance, Stance::kBlamed);
}

TEST(Mentions, FootnotesAndPastedLogsKeepTheirTitles) {
  std::vector<Mention> m = read_mentions("I found two commits [1] and [2], [2] seems more relevant.\n\n[1]\ncommit e6abc8caa6deb14be2a206253f7e1c5e37e9515b\nAuthor: T <t@x>\n\n"
                                         "    nfsd: Don't release the slot\n\n[2] 2bbfed98a4d8 nfsd: Fix races between a and b\n");
  ASSERT_EQ(m.size(), 2u);
  EXPECT_EQ(m[0].title, "nfsd: Don't release the slot");
  EXPECT_EQ(m[1].title, "nfsd: Fix races between a and b");
  EXPECT_EQ(m[1].stance, Stance::kFixes);
  EXPECT_NE(m[0].sentence.find("more relevant"), std::string::npos);
}

}  // namespace
}  // namespace inquest::records
