#include <gtest/gtest.h>

#include "oops/kinds.h"
#include "oops/parse.h"
#include "oops/title_rules.h"

namespace inquest::oops {
namespace {

TEST(Title, Cleaned) {
  EXPECT_EQ(clean_title("task syz-executor.3/12 at ffff888012345678"), "task syz-executor at ADDR");
  EXPECT_EQ(clean_title("BUG at a/b.c:12:7!"), "BUG at a/b.c:LINE!");
  EXPECT_EQ(clean_title("in ip6_fragment+0x1052/0x2d80"), "in ip6_fragment");
  EXPECT_EQ(clean_title("failed(-5) to start 1.2.3.4 CPU#12"), "failed(-NUM) to start IP CPU");
  EXPECT_EQ(clean_title(std::string(500, 'a')).size(), 120u);
}

std::string title(const std::string& text) {
  Log log = parse(text);
  return log.events.empty() ? "" : log.events[0].title;
}

TEST(Title, FaultsAreNamedByTheirFunction) {
  std::string head = "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n[    1.000000] Oops: 0002 [#1] SMP\n";
  std::string tail = "[    1.000000] Call Trace:\n[    1.000000]  ? other+0x1/0x2\n[    1.000000]  __x64_sys_rmdir+0x1/0x2\n[    1.000000]  do_syscall_64+0x1/0x2\n[    1.000000] end\n";
  EXPECT_EQ(title(head + "[    1.000000] RIP: 0010:victim.isra.0+0x1/0x2\n" + tail), "BUG: unable to handle kernel NULL pointer dereference in victim");
  // memcpy is never to blame; the system call's name is the same on every architecture.
  Log log = parse(head + "[    1.000000] RIP: 0010:memcpy+0x1/0x2\n" + tail);
  EXPECT_EQ(log.events.at(0).title, "BUG: unable to handle kernel NULL pointer dereference in sys_rmdir");
  EXPECT_EQ(log.events[0].type, "NULL-POINTER-DEREFERENCE");
  EXPECT_FALSE(log.events[0].corrupted) << log.events[0].corrupted_reason;
  EXPECT_EQ(title(head), "BUG: unable to handle kernel NULL pointer dereference in corrupted");
}

TEST(Title, StallsAreNamedByTheirEntry) {
  EXPECT_EQ(title("[    1.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:1]\n[    1.000000] RIP: 0010:inner+0x1/0x2\n"
                  "[    1.000000] Call Trace:\n[    1.000000]  middle+0x1/0x2\n[    1.000000]  my_ioctl+0x1/0x2\n[    1.000000]  vfs_ioctl+0x1/0x2\n"),
            "BUG: soft lockup in my_ioctl");
}

TEST(Kinds, WhatIsNoEvent) {
  for (const char* line : {"INFO: lockdep is turned off.", "XFS (loop4): WARNING: Reset corrupted AGFL on AG 0.", "INFO: NMI handler (perf) took too long",
                           "traps: a[1] general protection fault ip:7f sp:20 error:0 in x", "---[ end Kernel panic - not syncing: x ]---", "evtlog_status: enable:0, panic:1"})
    EXPECT_FALSE(classify(line)) << line;
}

TEST(Kinds, OneOfEach) {
  struct Case {
    const char *line, *kind;
  };
  for (const Case& c : {Case{"Unable to handle kernel NULL pointer dereference at virtual address 00000064", "null-deref"},
                        Case{"BUG: Unable to handle kernel data access at 0xc000030058567eff", "paging-request"},
                        Case{"Oops: general protection fault, probably for non-canonical address 0x2e2e: 0000 [#1] SMP", "gpf"},
                        Case{"Oops: Kernel access of bad area, sig: 11 [#1]", "ppc-oops"},
                        Case{"illegal operation: 0001 ilc:3 [#1] SMP", "s390-illegal"},
                        Case{"SError Interrupt on CPU3, code 0xbf000002 -- SError", "serror"},
                        Case{"rcu: INFO: rcu_sched self-detected stall on CPU", "rcu-stall"},
                        Case{"watchdog: CPU 3 self-detected hard LOCKUP @ f+0x74/0x90", "hard-lockup"},
                        Case{"list_del corruption. prev->next should be ffff, but was 0", "list-corruption"},
                        Case{"WARNING: mm/memblock.c:904 at f+0xd3/0xf0, CPU#0: swapper/0/0", "warning"},
                        Case{"python3 invoked oom-killer: gfp_mask=0x0(), order=0", "oom"},
                        Case{"BUG kmalloc-64 (Not tainted): Poison overwritten", "slub"}}) {
    auto header = classify(c.line);
    ASSERT_TRUE(header) << c.line;
    EXPECT_STREQ(name_of(header->kind), c.kind) << c.line;
  }
}

TEST(Chain, AWarningExplainsTheOops) {
  Log log = parse(
      "[    1.000000] WARNING: CPU: 5 PID: 31 at a.c:7 f+0x1/0x2\n[    1.000001] CPU: 5 PID: 31 Comm: a Not tainted 5.0.0 #1\n"
      "[    1.000002] RSI: ffff9f434ab4fdb0 RDI: 0000000000000001\n[    1.000003] ---[ end trace 01a6e6fbaf68d09a ]---\n"
      "[    1.050000] BUG: unable to handle page fault for address: ffff9f434ab4fdb0\n[    1.050001] Oops: 0000 [#1] SMP\n"
      "[    1.050002] CPU: 7 PID: 9 Comm: b Tainted: G        W 5.0.0 #1\n[    1.050003] RIP: 0010:g+0x1/0x2\n");
  ASSERT_EQ(log.events.size(), 2u);
  EXPECT_TRUE(log.events[0].primary);
  EXPECT_EQ(log.events[0].explains, std::vector<size_t>{1});
  EXPECT_NE(log.events[0].primary_reason.find("rsi"), std::string::npos);
  EXPECT_EQ(log.events[1].signature_coarse, "bad-access:g");
}

}  // namespace
}  // namespace inquest::oops
