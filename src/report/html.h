// The parts of the HTML report, each written into one Markup in the order a reader needs them. to_html() of report.h puts them together.
#pragma once

#include <string_view>
#include <vector>

#include "report/markup.h"
#include "report/report.h"

namespace inquest::report {

std::string_view html_style();

// An id of ours ("E1", "F12") as an anchor; anything else has none, so that no attribute is made of a stranger's words.
bool is_anchor(std::string_view id);

// The lines of the source tree around a place, if they are at hand.
void html_quote(Markup& page, const Report& report, const std::string& file, int line);
void html_evidence(Markup& page, const Report& report);
void html_pictures(Markup& page, const Report& report);
void html_events(Markup& page, const Report& report);
void html_crashed(Markup& page, const Report& report);
void html_frames(Markup& page, const Report& report, const std::vector<scene::FrameView>& frames, size_t limit, bool with_locals);

}  // namespace inquest::report
