// Words: how facts are said, the same in every rendering.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/report.h"

namespace inquest::report {

// "lib/list.h:37" chains, innermost first: "INIT_LIST_HEAD list.h:37 <- node_free tree.c:7". A long chain keeps its two ends; JSON has the whole.
std::string source_text(const std::vector<scene::SourceRef>& source);
// The same for a frame whose name was said already: the concrete function's own name is left out.
std::string frame_source(const scene::FrameView& frame);
std::string frame_name(const scene::FrameView& frame);     // "delete_node+0x98 [module]", or the address
std::string frame_notes(const scene::FrameView& frame);    // "a wild jump", "?": what a reader must know of it; "" if nothing
// What the kernel marked with ? are words that looked like return addresses; they are shown when there is nothing better.
std::vector<scene::FrameView> reliable(const std::vector<scene::FrameView>& frames);
std::string headline(const scene::EventView& event);       // the kernel's own line, else the field's title
std::string whereabouts(const scene::EventView& event);    // "CPU 1, pid 7 kworker/1:0, softirq, workqueue x"; "" if the log says nothing
// KERNEL, DUMPFILE, CPUS, …: what is known, in crash's order.
std::vector<std::pair<std::string, std::string>> environment(const Report& report);
// Whether a short rendering must show this event: the fatal one, the one to triage by, and those the verdict cites.
bool matters(const Report& report, const scene::EventView& event);
const Quote* find_quote(const Report& report, const std::string& file, int line);
const inquiry::Evidence* find_evidence(const Report& report, const std::string& id);

}  // namespace inquest::report
