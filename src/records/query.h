// Query: what is asked of an archive, in plain keys, and what comes back. Plain data; copies own everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "records/trace.h"

namespace inquest::records {

// A crash, as far as it is known. Every field may be empty; more of them rank better.
struct Query {
  std::vector<TraceFrame> frames;  // innermost first, inlined functions included; `file` where known
  std::vector<TraceFrame> others;  // further stacks of the case: earlier events, where allocated, where freed
  std::string workqueue_function;
  std::string title;               // "WARNING: … at lib/radix-tree.c:784 delete_node+0x98/0x250"
  std::string file;                // of the WARNING or BUG
  uint32_t line = 0;               // from 1; 0 if unknown
  std::string type, member;        // of the verdict's object: "nfs4_client", "cl_cb_inflight"
  std::string release;             // "4.19.90-24.4.v2101.ky10.aarch64"
  int64_t date = 0;                // of the crash, seconds since 1970; 0 if unknown
  std::vector<std::string> values; // register values and addresses, hex digits: they tell this very crash
  std::string text;                // words around it: the log, a description

  std::string exclude_thread;      // Message-ID: its whole thread is left out of every answer
  bool keep_its_patches = false;   // … but patches posted in it may still be candidates, judged by themselves
  bool use_report_links = true;    // false: Link:, Closes: and Reported-by: trailers are not looked at
  bool marks_will_tell = false;    // the dead kernel can be looked at: the asker calls settle_age() on each fix, then sorts again
  bool use_quoted_traces = true;   // false: traces inside patch mails are not looked at
};

// A query from a log or a whole mail body: the traces found in it, and its text.
Query query_from_text(std::string_view text);

// Factors on the parts of a fix's score; docs/records.md explains the parts and lists what each is worth.
// 1 = as fitted; 0 switches a part off.
struct Weights {
  double touched = 1;  // functions of the stack are changed by the patch
  double subject = 1;  // … are named in its title
  double body = 1;     // … in its description
  double changed = 1;  // … in an added or removed line
  double context = 1;  // … called beside the change
  double traced = 1;   // the stack stands in a trace its mail quotes
  double file = 1;     // it changes a file the stack's functions live in
  double kind = 1;     // it speaks of the same kind of crash
  double date = 1;     // when it was written, against the crash and its kernel
  double words = 1;    // rare words of the report's text
  double manner = 1;   // it claims to repair; it is no clean-up, reply, huge series
  double threads = 1;  // messages about the same crash name it, or it answers one
  double links = 1;    // its trailers point at such a message
};

struct DocumentHead {
  int64_t id = 0;         // within this archive
  bool is_commit = false;
  std::string name;       // Message-ID without <>, or 40 hex digits
  std::string subject, sender;
  int64_t date = 0;       // seconds since 1970
  int64_t thread = 0;     // equal for messages of one thread
};

// A message (or commit) that describes the same crash.
struct Similar {
  DocumentHead head;
  double score = 0;  // 0..1: 1 is the very same log
  std::vector<std::string> agrees;  // "5 frames in order: a, b, c, …", "the same line lib/radix-tree.c:784", "3 equal register values"
  bool by_signature = false;        // false: only the words are alike
};

// What a message of a similar thread says about a patch.
struct Opinion {
  DocumentHead head;
  int stance = 0;        // trailers.h Stance
  std::string sentence;
};

// One part of a fix's score: score = the sum of value * worth over its parts.
struct ScorePart {
  const char* name = "";
  double value = 0, worth = 0;
};

struct Fix {
  DocumentHead head;                  // the last version, or the commit
  std::string commit;                 // upstream hash, if the archive knows it; else empty
  std::string first_tag;              // "v5.5-rc1", if a kernel repository is in the archive
  std::vector<std::string> backports; // stable commits that carry it, with their first tag if known: "v5.4.86 0123456789ab"
  double score = 0;                   // any range; only the order and the gap to the next say something
  double confidence = 0;              // 0..1, cautious
  double age = 0;                     // what its age will cost it: see settle_age()
  std::vector<ScorePart> parts;       // what the score is made of; all features, in a fixed order
  std::vector<std::string> reasons_for, reasons_against;
  std::vector<int64_t> versions;      // ids of all documents that carry this patch
  std::vector<std::string> version_names;  // their names
  std::vector<Opinion> opinions;
};

// After its marks were looked for: an old patch loses by its age, unless it is missing in this kernel.
enum class PatchStatus : int;
void settle_age(Fix& fix, PatchStatus status);
// Of fixes in their order; `next_score`: of the first that is left out of the list.
void give_confidence(std::vector<Fix>& fixes, double next_score);

}  // namespace inquest::records
