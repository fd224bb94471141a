// Report: everything an inquest found, as plain data, and its renderings. Reads no memory, decides nothing.
//
// JSON is the contract of docs/report.md (schema 1). Text fits two screens; Markdown says the same for a ticket; HTML adds the pictures and the proofs.
#pragma once

#include <string>
#include <vector>

#include "inquiry/inquest.h"
#include "inquiry/pictures.h"
#include "scene/crash_scene.h"

namespace inquest::report {

struct Similar {
  std::string source, id, title, date;
  double score = 0;
  std::vector<std::string> agrees;
};

struct Fix {
  std::string commit, message_id, title, date, first_tag, status = "unknown";
  double score = 0;
  std::vector<std::string> pro, con;   // JSON: "for", "against"
  std::string status_reason;           // why this status
  std::vector<std::string> marks;      // what of the patch was looked for in this kernel, and found or not
  std::vector<std::string> backports;  // stable commits that carry it
  std::vector<std::string> other_versions;  // Message-IDs of earlier versions and copies
};

struct Unread {
  std::string what, why;
};

// What a shell command printed: the proof of the evidence that names it.
struct Proof {
  std::string command, text, error;    // error: why there is no text
  bool cut = false;                    // the text goes on
};

// Lines around a place in the source tree somebody gave.
struct Quote {
  std::string file;
  int line = 0, first = 0;             // the place; the number of lines[0]
  std::vector<std::string> lines;
};

struct Report {
  std::string path;                    // of the dump or log
  std::vector<std::string> paths;
  scene::Facts facts;
  std::vector<scene::EventView> events;
  std::optional<scene::ThreadView> crashed;
  inquiry::Inquiry inquiry;
  std::string fatal_event;             // id of the event the machine died of, "" if none
  std::vector<Similar> similar;
  std::vector<Fix> fixes;
  std::vector<Unread> unread;
  std::vector<Proof> proofs;           // one a command, gathered by whoever may run commands; may be empty
  inquiry::Pictures pictures;          // may be empty
  std::vector<Quote> quotes;           // may be empty
  std::string shell_prefix;            // "inquest shell vmcore -d debug": what stands before a command
};

Report make_report(const scene::CrashScene& scene, inquiry::Inquiry inquiry, const LossLedger& ledger);

std::string to_json(const Report& report);
// Events alone, for `inquest log --events --format json`: {"schema":1,"events":[…]}.
std::string events_to_json(const std::vector<scene::EventView>& events);
std::string to_text(const Report& report, bool color);
std::string to_markdown(const Report& report);
// One file that fetches nothing and runs nothing: no script, a Content-Security-Policy that forbids both. Size bounded, see html.cc.
std::string to_html(const Report& report);
std::string events_to_text(const std::vector<scene::EventView>& events, bool color);

}  // namespace inquest::report
