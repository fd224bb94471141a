#include "oops/frame_line.h"

#include <gtest/gtest.h>

#include "oops/registers.h"

namespace inquest::oops {
namespace {

TEST(FrameLine, EverySpelling) {
  struct Case {
    const char *text, *symbol, *module;
    bool reliable;
  };
  for (const Case& c : {Case{" [<ffffffff81057adf>] warn_slowpath_common+0x7f/0xc0", "warn_slowpath_common", "", true},
                        Case{" [<ffffffffa0642332>] ? pppol2tp_xmit+0x42/0x220 [l2tp_ppp]", "pppol2tp_xmit", "l2tp_ppp", false},
                        Case{"? kthread+0x1/0x2", "kthread", "", false},
                        Case{"nfs4_put_stid+0x38/0x90 [nfsd 0123456789abcdef0123456789abcdef01234567]", "nfs4_put_stid", "nfsd", true},
                        Case{"el0t_64_sync+0x1a0/0x1a8 (P)", "el0t_64_sync", "", true},
                        Case{"[c000000010f93150] [c000000008028668] .rtas_read_config+0x128/0x170 (unreliable)", "rtas_read_config", "", false},
                        Case{"--- interrupt: c00 at system_call+0x1/0x2", "system_call", "", true},
                        Case{"([<000003ff8086d036>] will_oops_init+0x36/0x1000 [will_oops])", "will_oops_init", "will_oops", true},
                        Case{"[<c0014990>] (unwind_backtrace) from [<c005ccb8>] (__lock_acquire+0x14f8/0x1b98)", "unwind_backtrace", "", true},
                        Case{"unwind_backtrace from show_stack+0x10/0x14", "unwind_backtrace", "", true},
                        Case{"sock_kmalloc+0x7f/0xc0 net/core/sock.c:1774", "sock_kmalloc", "", true},
                        Case{"__list_del_entry include/linux/list.h:132 [inline]", "__list_del_entry", "", true},
                        Case{"do_wp_page (mm/memory.c:3000 (discriminator 2))", "do_wp_page", "", true}}) {
    auto f = read_frame(c.text);
    ASSERT_TRUE(f) << c.text;
    EXPECT_EQ(f->frame.symbol, c.symbol) << c.text;
    EXPECT_EQ(f->frame.module, c.module) << c.text;
    EXPECT_EQ(f->frame.reliable, c.reliable) << c.text;
  }
  EXPECT_EQ(read_frame("sock_kmalloc+0x7f/0xc0 net/core/sock.c:1774")->frame.source_line, 1774);
  EXPECT_TRUE(read_frame("f include/linux/list.h:132 [inline]")->frame.inlined);
  EXPECT_EQ(read_frame("a from b+0x10/0x14")->caller->symbol, "b");
  EXPECT_EQ(read_frame(" 0xffffa628c7d2bb28")->frame.address, 0xffffa628c7d2bb28u);
}

TEST(FrameLine, NotFrames) {
  for (const char* text : {"", "Modules linked in: a b", "executing program", "RIP: 0010:f+0x1/0x2", "usb 1-1: new device", "f+0x1/0x2 is what broke", "swapper/0"})
    EXPECT_FALSE(read_frame(text)) << text;
}

RegisterLine registers(const char* text) {
  RegisterState state;
  return read_registers(text, state);
}

uint64_t value(const RegisterLine& line, const char* name) {
  for (const Register& r : line.values)
    if (r.name == name) return r.value;
  return 0xbad;
}

TEST(Registers, EveryLayout) {
  EXPECT_EQ(value(registers("RSP: 0018:ffffaf388cfdfde0 EFLAGS: 00010287"), "rsp"), 0xffffaf388cfdfde0u);
  EXPECT_EQ(value(registers("RBP: 1 R08: 0000000000000002 R09: 3"), "r8"), 2u);
  EXPECT_EQ(registers("RIP: 0010:delete_node+0x84/0x1f0").pc->symbol, "delete_node");
  EXPECT_EQ(registers("RIP: 0010:[<ffffffff8213c531>]  [<ffffffff8213c531>] f.isra.6+0x111/0x470").pc->address, 0xffffffff8213c531u);
  EXPECT_TRUE(registers("RIP: 0033:0x4512c9").user_mode);
  EXPECT_FALSE(registers("RIP: e030:xen_mc_flush+0x13a/0x230").user_mode);
  EXPECT_EQ(registers("EIP is at bpf_prog_free+0x11/0x50").pc->symbol, "bpf_prog_free");
  EXPECT_EQ(value(registers("x3 : ffffa628c7d2bb28 x2 : 000000000000003f"), "x2"), 0x3fu);
  EXPECT_EQ(value(registers("pc : [<c0333330>]    lr : [<c0333200>]    psr: 80070113"), "lr"), 0xc0333200u);
  EXPECT_EQ(value(registers("r7 : 00000000  r6 : 00000003  r5 : 00000000  r4 : e89fa1c0"), "r4"), 0xe89fa1c0u);
  EXPECT_EQ(value(registers("GPR04: 0000000000000000 0000000000000001 c000000008b030f8 c00000000a122548"), "r6"), 0xc000000008b030f8u);
  EXPECT_EQ(value(registers("Krnl PSW : 0704f00180000000 000003ff8086d03a (will_oops_init+0x3a/0x1000 [will_oops])"), "psw"), 0x3ff8086d03au);
  EXPECT_EQ(registers("epc : arch_exit+0x1/0x2").pc->symbol, "arch_exit");
  EXPECT_EQ(value(registers("$ 4   : 80000001 80000002 80000003 80000004"), "r5"), 0x80000002u);
  EXPECT_FALSE(registers("PGD 316981067 P4D 316981067"));
  EXPECT_FALSE(registers("Hardware name: x"));
}

}  // namespace
}  // namespace inquest::oops
