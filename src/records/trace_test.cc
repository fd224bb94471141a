#include "records/trace.h"

#include <gtest/gtest.h>

#include "records/kernel_dates.h"
#include "records/machinery.h"
#include "records/mime.h"
#include "records/query.h"
#include "records/signature.h"

namespace inquest::records {
namespace {

constexpr const char* kArm =
    "[51807.593752] WARNING: CPU: 56 PID: 53252 at lib/radix-tree.c:784 delete_node+0x98/0x250\n...\n"
    "[51807.593800] CPU: 56 PID: 53252 Comm: kworker/u256:5 Kdump: loaded Not tainted 4.19.90-24.4.v2101.ky10.aarch64 #1\n"
    "[51807.593824] Workqueue: nfsd4_callbacks nfsd4_run_cb_work [nfsd]\n[51807.593828] pc : delete_node+0x98/0x250\n[51807.593829] lr : __radix_tree_delete+0x94/0xc0\n"
    "[51807.593845] x3 : ffffa628c7d2bb28 x2 : 000000000000003f \n[51807.593847] Call trace:\n[51807.593848]  delete_node+0x98/0x250\n[51807.593850]  __radix_tree_delete+0x94/0xc0\n"
    "[51807.593852]  idr_remove+0x18/0x20\n[51807.593862]  nfs4_put_stid+0x40/0xa0 [nfsd]\n[51807.593880]  process_one_work+0x1f8/0x490\n"
    "[51807.593886] ---[ end trace e77f38e6ef8f5232 ]---\n[51807.645972] Unable to handle kernel read from unreadable memory at virtual address ffffa628c7d2bb28\n"
    "[51807.826949] pc : 0xffffa628c7d2bb28\n[51807.834500] lr : rcu_process_callbacks+0x224/0x590\n[51807.985289] Call trace:\n[51807.990701]  0xffffa628c7d2bb28\n[51807.996719]  __do_softirq+0x114/0x32c\n";

std::vector<std::string> names(const std::vector<TraceFrame>& frames) {
  std::vector<std::string> out;
  for (const TraceFrame& f : frames) out.push_back(f.function);
  return out;
}

TEST(Trace, ReadsTwoEventsOfALog) {
  std::vector<Trace> traces = read_traces(kArm);
  ASSERT_EQ(traces.size(), 2u);
  EXPECT_EQ(names(traces[0].frames), (std::vector<std::string>{"delete_node", "__radix_tree_delete", "idr_remove", "nfs4_put_stid", "process_one_work"}));
  EXPECT_EQ(traces[0].file, "lib/radix-tree.c");
  EXPECT_EQ(traces[0].line, 784u);
  EXPECT_EQ(traces[0].workqueue_function, "nfsd4_run_cb_work");
  EXPECT_EQ(traces[0].release, "4.19.90-24.4.v2101.ky10.aarch64");
  EXPECT_EQ(names(traces[1].frames), (std::vector<std::string>{"__do_softirq"}));
}

TEST(Trace, X86KeepsRipFirstAndDropsFaultEntryAndStaleFrames) {
  std::vector<Trace> traces = read_traces(
      "BUG: kernel NULL pointer dereference, address: 0000000000000058\nRIP: 0010:nfs_x.isra.0+0x9/0x20 [nfs]\nCall Trace:\n <TASK>\n ? __die_body+0x1/0x2\n"
      " page_fault_oops+0x1/0x2\n exc_page_fault+0x1/0x2\n nfs_x.isra.0+0x9/0x20 [nfs]\n ? stale+0x1/0x2\n nfs_y+0x1/0x2 fs/nfs/y.c:7\n </TASK>\nRIP: 0033:0x7f00\n");
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(names(traces[0].frames), (std::vector<std::string>{"nfs_x", "nfs_y"}));
  EXPECT_EQ(traces[0].frames[1].file, "fs/nfs/y.c");
  EXPECT_TRUE(traces[0].kinds & kNullPointer);
}

TEST(Trace, SymbolizedKasanReportKeepsAllocationAside) {
  std::vector<Trace> traces = read_traces(
      "BUG: KASAN: use-after-free in rpc_net_ns+0x222/0x230 net/sunrpc/clnt.c:1506\nCall Trace:\n rpc_net_ns net/sunrpc/clnt.c:1506 [inline]\n"
      " rpc_y+0x1/0x2 net/sunrpc/clnt.c:9\nAllocated by task 12:\n kmalloc include/linux/slab.h:1 [inline]\n rpc_new+0x1/0x2 net/sunrpc/clnt.c:1\n");
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(names(traces[0].frames), (std::vector<std::string>{"rpc_net_ns", "rpc_y"}));
  EXPECT_EQ(names(traces[0].others), (std::vector<std::string>{"kmalloc", "rpc_new"}));
  EXPECT_EQ(traces[0].frames[0].line, 1506u);
  EXPECT_EQ(traces[0].frames[1].line, 9u);
  EXPECT_TRUE(traces[0].kinds & kUseAfterFree);
}

TEST(Trace, HeldLocksAreNotTheStack) {
  std::vector<Trace> traces = read_traces(
      "BUG: sleeping function called from invalid context at fs/nfsd/filecache.c:360\n #0: ff11 ((wq_completion)x){+.+.}-{0:0}, at: process_one_work+0x7f0/0x1340\n"
      "Call Trace:\n ? stale+0x1/0x2 [nfs]\n dump_stack_lvl+0x6f/0xb0\n nfsd_file_put+0x27/0x220 [nfsd]\n process_one_work+0xd70/0x1340\n");
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(names(traces[0].frames), (std::vector<std::string>{"dump_stack_lvl", "nfsd_file_put", "process_one_work"}));
}

TEST(Trace, AnUnwinderSureOfNothingKeepsItsGuesses) {
  std::vector<Trace> traces = read_traces("BUG: unable to handle page fault for address: 1\nCall Trace:\n ? nfs_a+0x1/0x2\n ? nfs_b+0x1/0x2\n kthread+0x1/0x2\n");
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(traces[0].frames.size(), 3u);
}

TEST(Trace, QuotedLogsOnlyWhenAsked) {
  EXPECT_TRUE(read_traces("> [ 1.0] WARNING: CPU: 1 PID: 1 at a.c:1 f+0x1/0x2\n> [ 1.0]  g+0x1/0x2\n").empty());
  EXPECT_EQ(read_traces("> [ 1.0] WARNING: CPU: 1 PID: 1 at a.c:1 f+0x1/0x2\n> [ 1.0]  g+0x1/0x2\n", true).size(), 1u);
}

TEST(Signature, TrimsMachineryAndKeepsTheWorkFunction) {
  Signature s = signature_of(query_from_text(kArm));
  EXPECT_EQ(s.place, "lib_radix_tree_c_784");
  double stid = 0, work = 0, machinery = 0;
  for (const SignatureTerm& t : s.terms) {
    if (t.word == "nfs4_put_stid") stid = t.weight;
    if (t.word == "nfsd4_run_cb_work") work = t.weight;
    if (t.word == "process_one_work" || t.word == "__do_softirq") machinery += t.weight;
  }
  EXPECT_GT(stid, 0.5);
  EXPECT_GT(work, 0.3);
  EXPECT_EQ(machinery, 0);
  EXPECT_EQ(weight_of_function("dump_stack"), 0);
  EXPECT_LT(weight_of_function("kfree"), 1);
}

TEST(Query, TheEndOfAnEarlierLogIsNotTheCrash) {
  Query q = query_from_text(" process_one_work+0x1/0x2\n worker_thread+0x1/0x2\n kthread+0x1/0x2\n\nBUG: KASAN: use-after-free in nfs_put+0x1/0x2\nCall Trace:\n nfs_put+0x1/0x2\n nfs_end+0x1/0x2\n");
  ASSERT_FALSE(q.frames.empty());
  EXPECT_EQ(q.frames[0].function, "nfs_put");
  EXPECT_NE(q.title.find("KASAN"), std::string::npos);
}

TEST(KernelDates, SeriesAndFreshness) {
  EXPECT_EQ(date_text(*series_date("4.19.90-24.4.v2101.ky10.aarch64")), "2018-10-22");
  EXPECT_EQ(date_text(*series_date("v5.5-rc1")), "2020-01-26");
  EXPECT_GT(*series_date("7.0.1"), *series_date("6.18.19"));
  EXPECT_EQ(date_text(*build_date("4.19.90-24.4.v2101")).substr(0, 7), "2019-12");
  EXPECT_FALSE(series_date("banana"));
  EXPECT_TRUE(is_fresh("6.2.0-rc1", 0));
  EXPECT_FALSE(is_fresh("4.19.90", 1704387800));
}

}  // namespace
}  // namespace inquest::records
