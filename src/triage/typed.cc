#include "triage/typed.h"

#include "records/text.h"

namespace inquest::triage {

namespace {

// "[  100.0]  nfs4_put_stid+0x40/0xa0 [nfsd]" -> its frame; nothing for any other line.
std::optional<scene::FrameView> frame_in(std::string_view line) {
  line = records::trim(line);
  if (line.starts_with("[") && line.find("] ") != line.npos) line = records::trim(line.substr(line.find("] ") + 2));
  if (line.starts_with("? ")) return std::nullopt;  // a word that looked like a return address
  if (line.starts_with("#")) records::cut_token(line), line = records::trim(line);
  size_t plus = line.find("+0x"), slash = plus == line.npos ? plus : line.find("/0x", plus);
  if (slash == line.npos || line.substr(0, slash).find(' ') != line.npos) return std::nullopt;
  scene::FrameView frame;
  frame.symbol = line.substr(0, plus);
  size_t open = line.find('[', slash), close = line.find(']', slash);
  if (open != line.npos && close != line.npos && close > open) frame.module = line.substr(open + 1, close - open - 1);
  return frame;
}

}  // namespace

std::optional<scene::EventView> typed_stack(const std::string& text) {
  scene::EventView view;
  view.id = "E1";
  view.event.kind = oops::EventKind::kTrace;
  view.event.header = "a stack without the event it belongs to";
  view.event.primary = true;
  std::string_view rest = text;
  while (!rest.empty()) {
    auto frame = frame_in(records::cut_line(rest));
    if (frame) view.frames.push_back(std::move(*frame));
    else if (view.frames.size() >= kFewestFrames) break;
    else view.frames.clear();
    if (view.frames.size() >= 64) break;
  }
  if (view.frames.size() < kFewestFrames) return std::nullopt;
  return view;
}

}  // namespace inquest::triage
