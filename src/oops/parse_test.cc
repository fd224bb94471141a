#include "oops/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>


namespace inquest::oops {
namespace {

constexpr const char* kArm64 = R"(# A notebook
PANIC: "Internal error: Oops: 8600000e [#1] SMP" (check log for details)
```
[51807.593752] WARNING: CPU: 56 PID: 53252 at lib/radix-tree.c:784 delete_node+0x98/0x250
...
[51807.593800] CPU: 56 PID: 53252 Comm: kworker/u256:5 Kdump: loaded Not tainted 4.19.90-24.aarch64 #1
[51807.593801] Hardware name: WUZHOU S627K4/BC82AMDYA, BIOS 6.55 03/23/2023
[51807.593824] Workqueue: nfsd4_callbacks nfsd4_run_cb_work [nfsd]
[51807.593826] pstate: 20c00009 (nzCv daif +PAN +UAO)
[51807.593828] pc : delete_node+0x98/0x250
[51807.593829] lr : __radix_tree_delete+0x94/0xc0
[51807.593830] sp : ffffa62ac5b27c90
[51807.593830] x29: ffffa62ac5b27c90 x28: 0000000000000000 
[51807.593844] x3 : ffffa628c7d2bb28 x2 : 000000000000003f 
[51807.593847] Call trace:
[51807.593848]  delete_node+0x98/0x250
[51807.593862]  nfs4_put_stid+0x40/0xa0 [nfsd]
[51807.593885]  ret_from_fork+0x10/0x18
[51807.593886] ---[ end trace e77f38e6ef8f5232 ]---
[51807.645972] Unable to handle kernel read from unreadable memory at virtual address ffffa628c7d2bb28
[51807.655614] Mem abort info:
[51807.658887]   ESR = 0x8600000e
[51807.692808] Internal error: Oops: 8600000e [#1] SMP
...
[51807.773886] Process swapper/96 (pid: 0, stack limit = 0x00000000aa7d66c2)
[51807.788356] CPU: 96 PID: 0 Comm: swapper/96 Kdump: loaded Tainted: G        W         4.19.90-24.aarch64 #1
[51807.826949] pc : 0xffffa628c7d2bb28
[51807.834500] lr : rcu_process_callbacks+0x224/0x590
[51807.976901] x1 : ffffa628c7d2bb28 x0 : ffffa628c7d2bb28 
[51807.985289] Call trace:
[51807.990701]  0xffffa628c7d2bb28
[51807.996719]  __do_softirq+0x114/0x32c
[51808.059303] Code: f54fe8b0 ffffa64a 6c17c7c0 ffffc64a (c7d2bb28) 
[51808.086525] Bye!
```
The stacks of other days:
nfs4_put_stid+0x40/0xa0 [nfsd]
WARNING: CPU: 7 PID: 0 at kernel/rcu/tree.c:2669 rcu_process_callbacks+0x540/0x590
)";

TEST(Parse, Arm64WarningThenOopsInANotebook) {
  Log log = parse(kArm64);
  ASSERT_EQ(log.events.size(), 2u);
  const Event& warning = log.events[0];
  EXPECT_EQ(warning.kind, EventKind::kWarning);
  EXPECT_EQ(warning.first_line, 4);
  EXPECT_EQ(warning.last_line, 19);
  EXPECT_DOUBLE_EQ(*warning.time, 51807.593752);
  EXPECT_EQ(warning.cpu, 56);
  EXPECT_EQ(warning.pid, 53252);
  EXPECT_EQ(warning.comm, "kworker/u256:5");
  EXPECT_EQ(warning.taint, "");
  EXPECT_EQ(warning.release, "4.19.90-24.aarch64");
  EXPECT_EQ(warning.workqueue, "nfsd4_callbacks nfsd4_run_cb_work [nfsd]");
  EXPECT_EQ(warning.file, "lib/radix-tree.c");
  EXPECT_EQ(warning.source_line, 784);
  EXPECT_EQ(warning.function, "delete_node");
  EXPECT_EQ(warning.function_offset, 0x98u);
  EXPECT_EQ(warning.link.symbol, "__radix_tree_delete");
  EXPECT_EQ(warning.reg("x3"), 0xffffa628c7d2bb28u);
  EXPECT_EQ(warning.frames.size(), 3u);
  EXPECT_EQ(warning.frames[1].module, "nfsd");
  EXPECT_EQ(warning.arch, Arch::kArm64);

  const Event& oops = log.events[1];
  EXPECT_EQ(oops.kind, EventKind::kPagingRequest);
  EXPECT_EQ(oops.first_line, 20);
  EXPECT_EQ(oops.fault_address, 0xffffa628c7d2bb28u);
  EXPECT_EQ(oops.error_code, 0x8600000eu);
  EXPECT_EQ(oops.access, Access::kExecute);
  EXPECT_EQ(oops.oops_number, 1);
  EXPECT_EQ(oops.cpu, 96);
  EXPECT_EQ(oops.pid, 0);
  EXPECT_EQ(oops.taint, "GW");
  EXPECT_EQ(oops.reg("pc"), 0xffffa628c7d2bb28u);
  EXPECT_EQ(oops.link.symbol, "rcu_process_callbacks");
  EXPECT_EQ(oops.frames.size(), 2u);
  EXPECT_EQ(oops.frames[0].address, 0xffffa628c7d2bb28u);
  EXPECT_EQ(oops.code_mark, 16u);
  EXPECT_EQ(oops.code.size(), 20u);
  EXPECT_EQ(log.release, "4.19.90-24.aarch64");
}

constexpr const char* kFolded = R"([1306517.042794] WARNING: CPU: 5 PID: 31004 at lib/radix-tree.c:784 
delete_node+0x84/0x1f0
[1306517.042795] Modules linked in: binfmt_misc rpcsec_gss_krb5 xfrm_user 
xfrm4_tunnel tunnel4 iscsi_scst(OE)
[1306517.042861]  sch_fq_codel ib_iser(OE)
[1306517.042905] CPU: 5 PID: 31004 Comm: kworker/u12:3 Tainted: G        W 
OE   4.14.99-x #1
[1306517.042932] RIP: 0010:delete_node+0x84/0x1f0
[1306517.042934] RSP: 0018:ffffaf388cfdfde0 EFLAGS: 00010287
[1306517.042936] RAX: ffff9f43dbb7a250 RBX: ffff9f43dbb7a238 RCX: 
0000000000000007
[1306517.042942] R13: 0000000000000000 R14: ffffffff81a96520 R15: 
0000000000000000
[1306517.042954] Call Trace:
[1306517.042977]  nfs4_put_stid+0x38/0x90 [nfsd]
[1306517.042989]  ? process_one_work+0x410/0x410
[1306517.043013] Code: 85 db 75 c2 8b 45 00 a9 00 00 00 02 75 08 25 ff ff ff 
03 89 45 00 48 c7 45 08 00 00 00 00 48 8b 46 18 48 39 f8 0f 84 28 01 00 00 
<0f> 0b 4c 89 f6
[1306517.043055] ---[ end trace 01a6e6fbaf68d09a ]---
[1306517.054054] kernel tried to execute NX-protected page - exploit 
attempt? (uid: 0)
[1306517.055023] BUG: unable to handle kernel paging request at 
ffff9f434ab4fdb0
[1306517.055023] IP: 0xffff9f434ab4fdb0
[1306517.055023] Oops: 0011 [#1] PREEMPT SMP NOPTI
[1306517.063019] CPU: 5 PID: 0 Comm: swapper/5 Tainted: G        W  OE 
4.14.99-x #1
[1306517.063019] RIP: 0010:0xffff9f434ab4fdb0
[1306517.087016] Call Trace:
[1306517.087016]  <IRQ>
[1306517.087016]  ? rcu_process_callbacks+0x1b2/0x500
[1306517.087016]  </IRQ>
[1306517.087016]  ? native_safe_halt+0x2/0x10
)";

TEST(Parse, X86FoldedByAMailer) {
  Log log = parse(kFolded);
  ASSERT_EQ(log.events.size(), 2u);
  const Event& warning = log.events[0];
  EXPECT_EQ(warning.function, "delete_node");
  EXPECT_EQ(warning.taint, "GWOE");
  EXPECT_EQ(warning.release, "4.14.99-x");
  EXPECT_EQ(warning.reg("rcx"), 7u);
  EXPECT_EQ(warning.modules.size(), 8u);
  EXPECT_EQ(warning.modules[5].name, "iscsi_scst");
  EXPECT_EQ(warning.modules[5].flags, "OE");
  EXPECT_EQ(warning.code.size(), 48u);
  EXPECT_EQ(warning.code_mark, 43u);
  ASSERT_EQ(warning.frames.size(), 2u);
  EXPECT_FALSE(warning.frames[1].reliable);
  const Event& oops = log.events[1];
  EXPECT_EQ(oops.kind, EventKind::kPagingRequest);
  EXPECT_EQ(oops.first_line, 23);
  EXPECT_EQ(oops.fault_address, 0xffff9f434ab4fdb0u);
  EXPECT_EQ(oops.access, Access::kExecute);
  EXPECT_EQ(oops.reg("rip"), 0xffff9f434ab4fdb0u);
  ASSERT_EQ(oops.frames.size(), 2u);
  EXPECT_EQ(oops.frames[0].context, FrameContext::kIrq);
  EXPECT_EQ(oops.frames[1].context, FrameContext::kUnknown);
}

TEST(Parse, NothingInNothing) {
  EXPECT_TRUE(parse("").events.empty());
  EXPECT_TRUE(parse("\n\n\r\n").events.empty());
  EXPECT_TRUE(parse(std::string(100000, '\0')).events.empty());
  EXPECT_TRUE(parse("[    1.000000] usb 1-1: new device\nJan 1 00:00:00 h postgres[1]: WARNING: x\n").events.empty());
}

TEST(Parse, AReplayedHeaderCountsOnce) {
  Log log = parse("[    1.000000] WARNING: CPU: 0 PI\n[    1.000000] ** replaying previous printk message **\n"
                  "[    1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n[    1.000000] CPU: 0 PID: 1 Comm: a Not tainted 5.0.0 #1\n");
  ASSERT_EQ(log.events.size(), 1u);
  EXPECT_EQ(log.events[0].first_line, 3);
}

TEST(Parse, TwoTasksPrintingAtOnceAreToldApart) {
  Log log = parse(
      "[    1.000000][   T10] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
      "[    1.000001][   T20] BUG: unable to handle page fault for address: ffff888000001000\n"
      "[    1.000002][   T10] Oops: 0000 [#1] SMP\n[    1.000003][   T20] Oops: 0002 [#2] SMP\n"
      "[    1.000004][   T20] CPU: 2 PID: 20 Comm: b Not tainted 6.1.0 #1\n[    1.000005][   T10] CPU: 1 PID: 10 Comm: a Not tainted 6.1.0 #1\n"
      "[    1.000006][   T10] RIP: 0010:f+0x1/0x2\n[    1.000007][   T20] RIP: 0010:g+0x1/0x2\n");
  ASSERT_EQ(log.events.size(), 2u);
  EXPECT_EQ(log.events[0].pid, 10);
  EXPECT_EQ(log.events[0].function, "f");
  EXPECT_EQ(log.events[1].cpu, 2);
  EXPECT_EQ(log.events[1].function, "g");
}

TEST(Parse, AnEndlessLineAndARepeatedEventStayBounded) {
  std::string text = "BUG: " + std::string(3000000, 'x') + "\n";
  EXPECT_LE(parse(text).events.size(), 1u);
  std::string many;
  for (int i = 0; i < 3000; i++) many += "[    1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n";
  Log log = parse(many);
  EXPECT_LE(log.events.size(), 1024u);
  EXPECT_EQ(log.events.size() + log.left_out, 3000u);
}

}  // namespace
}  // namespace inquest::oops
