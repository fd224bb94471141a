#include "scene/crash_scene.h"

#include <fmt/format.h>

#include "oops/parse.h"
#include "oops/spell_value.h"
#include "scene/code_words.h"

namespace inquest::scene {

const char* name_of(Identity::Kind kind) {
  using Kind = Identity::Kind;
  switch (kind) {
    case Kind::kUnknown: return "unknown";
    case Kind::kNull: return "null";
    case Kind::kUser: return "user";
    case Kind::kNonCanonical: return "non-canonical";
    case Kind::kErrno: return "error-pointer";
    case Kind::kSymbol: return "symbol";
    case Kind::kText: return "code";
    case Kind::kPerCpu: return "per-cpu";
    case Kind::kStack: return "stack";
    case Kind::kSlab: return "slab";
    case Kind::kModule: return "module";
    case Kind::kVmalloc: return "vmalloc";
    case Kind::kMapped: return "mapped";
    case Kind::kUnmapped: return "unmapped";
  }
  return "unknown";
}

const EventView* CrashScene::event(std::string_view id) const {
  for (const EventView& e : events_)
    if (e.id == id) return &e;
  return nullptr;
}

const JourneyStep* JourneyView::load() const {
  for (const JourneyStep& s : steps) {
    if (s.depth > 0 || s.kind == "arithmetic") return nullptr;
    if (s.kind == "load") return &s;
  }
  return nullptr;
}

Reading CrashScene::read(uint64_t, uint64_t) const { return {{}, "", "there is no memory here, only a log"}; }

Identity CrashScene::identify(uint64_t address) const {
  Identity identity;
  if (address < 4096) {
    identity.kind = Identity::Kind::kNull;
    identity.text = address ? fmt::format("NULL + {:#x}", address) : "NULL";
    identity.offset = address;
  }
  return identity;
}

TextScene::TextScene(std::string_view log) : TextScene(oops::parse(log)) {}

void copy_frames(const oops::Event& event, std::vector<FrameView>& frames) {
  for (const auto& f : event.frames) {
    FrameView frame;
    frame.address = f.address.value_or(0);
    frame.symbol = f.symbol;
    frame.module = f.module;
    frame.offset = f.offset.value_or(0);
    frame.size = f.size.value_or(0);
    frame.reliable = f.reliable;
    if (f.source_line) frame.source.push_back({f.symbol, f.file, f.source_line, f.inlined});
    frames.push_back(std::move(frame));
  }
}

TextScene::TextScene(oops::Log parsed) {
  facts_.system.release = parsed.release;
  facts_.arch = parsed.arch == oops::Arch::kUnknown ? "" : oops::name_of(parsed.arch);
  facts_.format = "text";
  for (auto& e : parsed.events) {
    EventView view;
    view.id = fmt::format("E{}", events_.size() + 1);
    copy_frames(e, view.frames);
    if (facts_.system.release.empty()) facts_.system.release = e.release;
    if (e.arch == oops::Arch::kUnknown) e.arch = parsed.arch;
    view.event = std::move(e);
    describe_code(view);
    describe_values(view, events_);
    events_.push_back(std::move(view));
  }
}

Identity identify_by_shape(uint64_t value, bool wide) {
  using Kind = Identity::Kind;
  Identity id;
  if (value < 4096) {
    id.kind = Kind::kNull;
    id.text = value ? fmt::format("NULL + {:#x}", value) : "NULL";
    id.offset = value;
    return id;
  }
  id.text = oops::spell_value(value, wide);
  if (id.text.empty()) return id;
  if (value > ~uint64_t{4095}) {
    id.kind = Kind::kErrno;
    id.offset = ~value + 1;
  } else if (oops::is_non_canonical(value)) {
    id.kind = Kind::kNonCanonical;
  }
  return id;
}

Identity TextScene::identify(uint64_t value) const { return identify_by_shape(value, facts_.arch == "x86_64" || facts_.arch == "aarch64"); }

}  // namespace inquest::scene
