#include "oops/scanner.h"

#include <cstring>

#include "oops/builder.h"
#include "oops/pattern.h"
#include "oops/signature.h"
#include "oops/text.h"
#include "oops/title.h"

namespace inquest::oops {
namespace {

// A title is told over what follows a report, as syzkaller tells it, for the first reports of a log; the
// thousandth has to do with its own lines.
constexpr uint64_t kFullWindowEvents = 16;
// A line of no known format ("BUG: something") this close behind a header is part of that report.
constexpr uint64_t kGenericDistance = 60;
// Mailers fold from about 66 columns on; no header is longer than this.
constexpr size_t kShortestFolded = 48, kLongestHalf = 256;

}  // namespace

Scanner::Scanner(Sink sink) : sink_(std::move(sink)), search_(header_words()) {}
Scanner::~Scanner() = default;

void Scanner::feed(std::string_view piece) {
  if (!carry_.empty() || overlong_) {
    size_t end = piece.find('\n');
    std::string_view head = piece.substr(0, end);
    if (carry_.size() < kMaxLineBytes) carry_ += head.substr(0, kMaxLineBytes - carry_.size());
    overlong_ = true;
    if (end == piece.npos) return;
    std::string line = std::move(carry_);
    carry_.clear();
    overlong_ = false;
    number_++;
    one_line(line);
    piece.remove_prefix(end + 1);
  }
  size_t last = piece.rfind('\n');
  if (last != piece.npos) {
    bulk(piece.substr(0, last + 1));
    piece.remove_prefix(last + 1);
  }
  carry_ = std::string(piece.substr(0, kMaxLineBytes));
  overlong_ = piece.size() > kMaxLineBytes;
}

void Scanner::finish() {
  if (!carry_.empty()) {
    number_++;
    std::string line = std::move(carry_);
    carry_.clear();
    one_line(line);
  }
  overlong_ = false;
  settle(true);
}

// Whole lines. With no report open only lines with a word of interest are looked at.
void Scanner::bulk(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    if (open_.empty() && !half_) {
      size_t word = search_.find(text, at);
      size_t skip_to = text.size();
      if (word != text.npos) {
        size_t newline = word == 0 ? text.npos : text.rfind('\n', word - 1);
        skip_to = newline == text.npos || newline < at ? at : newline + 1;
      }
      number_ += count_newlines(text.substr(at, skip_to - at));
      at = skip_to;
      if (word == text.npos) return;
    }
    size_t end = text.find('\n', at);
    number_++;
    one_line(text.substr(at, end - at));
    at = end + 1;
  }
}

void Scanner::one_line(std::string_view raw) {
  Line line = read_line(raw, number_);
  if (line.foreign) return;
  if (release_.empty())
    if (auto m = match("Linux version <d>", line.text())) {
      Scan s(line.text().substr(m->begin + 14));
      release_ = std::string(s.take_word().substr(0, 128));
    }
  // A console taken over by another driver begins the line it was in once more (printk's CON_PRINTBUFFER replay).
  if (!open_.empty() && open_.back().first + 1 == number_ && has(line.text(), "** replaying previous printk message **")) open_.pop_back();
  line.suspect = search_.find(line.raw, 0) != std::string_view::npos;
  auto found = line.suspect ? classify(line.text()) : std::nullopt;
  // The second half of a header is none of its own.
  if (folded_header(line)) found.reset();
  half_.reset();
  if (line.suspect && line.prefixed && line.raw.size() >= kShortestFolded && line.raw.size() <= kLongestHalf && (!found || found->generic)) half_ = line;
  if (open_.empty() && !found) return;
  window_bytes_ += line.raw.size() + sizeof(Line);
  window_.push_back(std::move(line));
  if (found) header(*found);
  if (open_.empty()) {
    window_.clear();
    window_bytes_ = 0;
    return;
  }
  for (Open& open : open_) {
    const Line& last = window_.back();
    if (open.end || !same_stream(open, last)) continue;
    std::string_view text = last.text();
    if (has(text, "Call Trace") || has(text, "Call trace") || has(text, "Backtrace:")) open.has_stack = true;
    if (has(text, "Sending NMI from CPU")) open.other_cpus = true;
  }
  settle(false);
}

// Headers are known by one line; a mailer may have put half of it on the next, without a prefix.
bool Scanner::folded_header(const Line& rest) {
  if (!half_ || rest.prefixed || rest.number != half_->number + 1 || rest.text().size() > kLongestHalf) return false;
  std::string whole = std::string(trim(half_->text())) + " " + std::string(trim(rest.text()));
  auto found = classify(whole);
  bool opened = !open_.empty() && open_.back().first == half_->number;
  if (!found || found->generic || (!opened && found->at >= half_->text().size())) return false;
  if (opened) {  // "INFO:" alone had opened it
    open_.back().header = *found;
    return true;
  }
  if (open_.empty()) {
    window_bytes_ += half_->raw.size() + sizeof(Line);
    window_.push_back(*half_);
  } else if (window_.empty() || window_.back().number != half_->number) {
    return false;
  }
  header(*found);
  return true;
}

bool Scanner::same_stream(const Open& open, const Line& line) const {
  if (open.caller.empty() || line.caller == open.caller) return open.caller == line.caller || line.stream != Stream::kCaller;
  if (line.caller.empty()) return line.stream == Stream::kBare;  // a folded rest
  return open.other_cpus && line.caller[0] == 'C';
}

bool Scanner::join_open(const Header& next, const Line& line) {
  for (auto open = open_.rbegin(); open != open_.rend(); ++open) {
    if (open->end || !same_stream(*open, line)) continue;
    if (next.generic) {
      if (line.number - open->last_header > kGenericDistance) return false;
      return true;
    }
    if (!joins(open->header.kind, open->died, open->panicked, line.number - open->last_header, open->has_stack, next)) return false;
    open->last_header = line.number;
    open->died |= next.role == Role::kDie || has(line.text(), "[#");
    open->panicked |= next.role == Role::kPanic;
    return true;
  }
  if (next.role != Role::kPanic || open_.empty() || open_.back().panicked) return false;
  open_.back().panicked = true;
  return true;
}

void Scanner::header(const Header& found) {
  const Line& line = window_.back();
  if (join_open(found, line)) return;
  for (Open& open : open_)
    if (!open.end && same_stream(open, line)) open.end = line.number;
  Open open;
  open.header = found;
  open.first = open.last_header = line.number;
  open.died = found.role == Role::kDie;
  open.panicked = found.role == Role::kPanic;
  open.stream = line.stream;
  open.caller = line.caller;
  open_.push_back(std::move(open));
}

// Gives out what is complete, and forgets lines nobody needs any more.
void Scanner::settle(bool all) {
  while (!open_.empty()) {
    Open& open = open_.front();
    uint64_t age = number_ - open.first + 1;
    uint64_t wanted = emitted_ < kFullWindowEvents || !open.end ? kMaxEventLines : 0;
    if (!all && age < wanted && window_bytes_ < kMaxWindowBytes) break;
    emit(open);
    open_.pop_front();
    emitted_++;
    uint64_t keep = open_.empty() ? number_ + 1 : open_.front().first;
    while (!window_.empty() && window_.front().number < keep) {
      window_bytes_ -= window_.front().raw.size() + sizeof(Line);
      window_.pop_front();
    }
  }
}

void Scanner::emit(Open& open) {
  std::vector<const Line*> own, after;
  bool last_own = false;
  for (const Line& line : window_) {
    if (line.number < open.first) continue;
    bool mine = same_stream(open, line) && (line.stream != Stream::kBare || open.caller.empty() || last_own);
    if (mine && (!open.end || line.number < open.end)) own.push_back(&line);
    last_own = mine;
    if (emitted_ < kFullWindowEvents || !open.end || line.number < open.end) after.push_back(&line);
  }
  if (own.empty()) return;
  Event event = build_event(own, open.header);
  event.panicked |= open.panicked;
  bool folded = false;
  std::vector<Line> whole = unfold(after, folded);
  if (folded) {
    after.clear();
    for (const Line& line : whole) after.push_back(&line);
  }
  give_title(event, after, own.back()->number);
  give_signature(event);
  sink_(std::move(event));
}

}  // namespace inquest::oops
