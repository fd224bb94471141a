// The memory around a place: a row a word, coloured by what it looks like, with the borders of the objects it lies in.
#include <fmt/format.h>

#include <algorithm>

#include "report/svg.h"

namespace inquest::report {

namespace {

using inquiry::MemoryObject;
using inquiry::MemoryWindow;
using inquiry::MemoryWord;

constexpr double kBar = 10, kAddress = 26, kValue = 142, kValueWidth = 124, kMember = 274, kRow = 19;
constexpr uint64_t kWord = 8;

std::string state_of(const MemoryObject& o) { return !o.free ? "" : *o.free ? ", free" : ", allocated"; }

std::string name_of(const MemoryObject& o) {
  std::string text = !o.type.empty() ? o.type : "object";
  if (!o.cache.empty()) text += fmt::format(" of cache {}", o.cache);
  return text + fmt::format(", {} bytes at 0x{:x}{}", o.size, o.start, state_of(o));
}

// A run of words that say the same and carry no mark is one row, as hexdump does.
size_t same_as(const MemoryWindow& w, size_t i) {
  size_t last = i;
  auto plain = [&](const MemoryWord& a) { return a.marks.empty(); };
  auto border = [&](uint64_t address) {
    return std::any_of(w.objects.begin(), w.objects.end(), [&](const MemoryObject& o) { return address == o.start || address == o.start + o.size; });
  };
  while (last + 1 < w.words.size() && plain(w.words[i]) && plain(w.words[last + 1]) && w.words[last + 1].value == w.words[i].value &&
         w.words[last + 1].why_not == w.words[i].why_not && !border(w.words[last + 1].address))
    last++;
  return last - i >= 3 ? last : i;
}

class Rows {
 public:
  explicit Rows(const MemoryWindow& window) : window_(window) {}

  std::string draw() {
    for (size_t i = 0; i < window_.words.size();) {
      start_objects(window_.words[i].address);
      size_t last = same_as(window_, i);
      draw_word(window_.words[i]);
      if (last > i) {
        svg_.text(kValue + 6, y_ + 13, 500, fmt::format("… {} more words, the same", last - i), "dim");
        y_ += kRow;
      }
      i = last + 1;
      end_objects(window_.words[i - 1].address + kWord);
    }
    for (size_t i = open_.size(); i-- > 0;) close(open_[i]);
    return svg_.finish(y_ + 8, fmt::format("{} words of memory around {}", window_.words.size(), window_.title));
  }

 private:
  struct Open {
    const MemoryObject* object;
    double top;
    double depth;                        // in how many others it lies
  };

  void start_objects(uint64_t address) {
    for (const auto& o : window_.objects) {
      bool first = o.start < address && address == window_.words.front().address;
      bool inside = address >= o.start && address < o.start + o.size;
      bool begun = std::any_of(open_.begin(), open_.end(), [&](const Open& p) { return p.object == &o; });
      if (!inside || begun || !(o.start == address || first || o.start + kWord > address)) continue;
      y_ += 4;
      svg_.text(kAddress, y_ + 12, Svg::kWidth - kAddress - 6, name_of(o) + (o.start < address ? fmt::format(" (from +0x{:x})", address - o.start) : ""),
                o.subject ? "object subject" : "object");
      open_.push_back({&o, y_, double(std::min<size_t>(open_.size(), 2))});
      y_ += kRow;
    }
  }
  // The inner ones first.
  void end_objects(uint64_t end) {
    for (size_t i = open_.size(); i-- > 0;) {
      if (end < open_[i].object->start + open_[i].object->size) continue;
      close(open_[i]);
      open_.erase(open_.begin() + ptrdiff_t(i));
      y_ += 4;
    }
  }
  void close(const Open& o) {
    double x = kBar - 7 + 6 * o.depth;
    svg_.rect(x, o.top, Svg::kWidth - x - 2 - 3 * o.depth, y_ - o.top, o.object->subject ? "border subject" : "border");
    svg_.rect(x, o.top, 5, y_ - o.top, o.object->subject ? "bar subject" : "bar");
  }

  // Member and meaning share the line where both fit; else the meaning is under it, and the marks under that.
  void draw_word(const MemoryWord& w) {
    const std::string& meaning = w.value ? w.meaning : w.why_not;
    double member_width = w.member.empty() ? 0 : double(columns(w.member) + 2) * Svg::kColumn;
    bool beside = meaning.empty() || w.member.empty() || member_width + double(columns(meaning)) * Svg::kColumn < Svg::kWidth - kMember - 6;
    double height = kRow + (beside ? 0 : kRow - 3) + (w.marks.empty() ? 0 : kRow - 3);
    if (!w.marks.empty()) svg_.rect(kBar + 6, y_, Svg::kWidth - kBar - 8, height, "markedrow");
    svg_.text(kAddress, y_ + 13, kValue - kAddress - 2, fmt::format("{:016x}", w.address), "label");
    svg_.rect(kValue, y_ + 1, kValueWidth, kRow - 2, fmt::format("word {}", inquiry::name_of(w.shape)), meaning);
    svg_.text(kValue + kValueWidth / 2, y_ + 13, kValueWidth, w.value ? fmt::format("{:016x}", *w.value) : "unread", "value", Svg::Align::kMiddle);
    svg_.text(kMember, y_ + 13, Svg::kWidth - kMember - 6, w.member, "member");
    double line = y_ + 13 + (beside ? 0 : kRow - 3), x = beside ? kMember + member_width : kMember;
    svg_.text(x, line, Svg::kWidth - x - 6, meaning, "dim");
    std::string marks;
    for (const auto& m : w.marks) marks += (marks.empty() ? "◀ " : ", ") + m;
    svg_.text(kValue, line + kRow - 3, Svg::kWidth - kValue - 8, marks, "mark");
    y_ += height;
  }

  const MemoryWindow& window_;
  Svg svg_;
  std::vector<Open> open_;
  double y_ = 4;
};

}  // namespace

std::string draw_memory(const MemoryWindow& window) { return window.words.empty() ? "" : Rows(window).draw(); }

}  // namespace inquest::report
