// Story: what two crashes must share to be called the same: the stack of the first cause, then the panic's stack.
//
// The first cause is an earlier event with a stack of its own that belongs to the death: it holds an address the death trips
// over, involves the same task or function, or came at most kSoonSeconds before. A kernel that died without one is told
// by the panic's stack alone: a group of its own, even under the same verdict. Stacks are compared by names of functions without
// machinery, offsets and compilers' suffixes, and end where an interrupt began: what it interrupted is chance.
// Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "report/report.h"

namespace inquest::triage {

struct Story {
  std::string cause_id, death_id;   // of the events; "" = none
  std::vector<std::string> cause;   // telling functions, innermost first; empty: no first cause
  std::vector<std::string> death;   // may be empty: a death without a stack
  std::string key;                  // "nfs4_put_stid-1f0c93aa": the same on every machine
  std::string title;                // "WARNING in delete_node: nfs4_put_stid < nfsd4_cb_recall_release"
  std::string place;                // of the first cause and whose it was: "warning in delete_node: nfs4_put_stid"
  std::string panic;                // "paging-request in rcu_process_callbacks", "" = it did not die
};

Story story_of(const report::Report& report);

// The functions that tell a stack, for comparing.
std::vector<std::string> telling_stack(const scene::EventView& event);

}  // namespace inquest::triage
