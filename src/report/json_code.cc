// events[] of the JSON: instructions, telling values, and the details a log gives; docs/report.md.
#include "report/json_writer.h"

namespace inquest::report {

static void write_touch(Json& j, const scene::EventView& view) {
  j.key("touch");
  if (!view.touch) return j.null();
  const scene::TouchView& t = *view.touch;
  j.object([&] {
    j.field("instruction", t.instruction);
    j.field("reads", t.reads);
    j.field("writes", t.writes);
    j.field("size", uint64_t(t.size));
    j.text_or_null("base_register", t.base_register);
    j.address("base_value", t.base_value);
    j.text_or_null("index_register", t.index_register);
    j.address("index_value", t.index_value);
    j.field("scale", uint64_t(t.scale));
    j.field("displacement", t.displacement);
    j.address("address", t.address);
    j.text_or_null("expression", t.text);
    j.text_or_null("object", t.object);
    j.strings("members", t.members);
  });
}

// What the log itself says of instructions and values; docs/events.md.
void write_code(Json& j, const scene::EventView& view) {
  const oops::Event& e = view.event;
  j.key("code");
  if (e.code_text.empty() && view.code.empty()) {
    j.null();
  } else {
    j.object([&] {
      std::string bytes, instruction;
      for (uint8_t b : e.code) bytes += fmt::format("{}{:02x}", bytes.empty() ? "" : " ", b);
      for (const auto& line : view.code)
        if (line.faulting) instruction = line.text;
      j.text_or_null("text", e.code_text);
      j.text_or_null("bytes", bytes);
      j.field("fault_offset", e.code_mark ? std::optional(uint64_t(*e.code_mark)) : std::nullopt);
      j.text_or_null("instruction", instruction);
      j.key("instructions");
      j.array(view.code, [&](const scene::CodeLine& line) {
        j.object([&] {
          j.field("offset", line.offset);
          j.field("bytes", line.bytes);
          j.field("text", line.text);
          j.field("faulting", line.faulting);
        });
      });
    });
  }
  write_touch(j, view);
  j.key("notes");
  j.array(view.notes, [&](const scene::ValueNote& n) {
    j.object([&] {
      j.field("where", n.where);
      j.address("value", n.value);
      j.field("text", n.text);
    });
  });
}

void write_log_details(Json& j, const oops::Event& e) {
  static constexpr const char* kAccess[] = {"", "read", "write", "execute"};
  j.text_or_null("access", kAccess[int(e.access)]);
  j.address("error_code", e.error_code);
  j.field("oops_number", e.oops_number);
  j.text_or_null("wall_time", e.wall_time);
  j.text_or_null("caller_id", e.caller_id);
  j.text_or_null("arch", oops::name_of(e.arch));
  j.text_or_null("corrupted_reason", e.corrupted_reason);
  j.field("panicked", e.panicked);
  j.field("repeats", e.repeats);
  j.key("explains");
  j.array(e.explains, [&](size_t index) { j.value(fmt::format("E{}", index + 1)); });
  j.key("modules");
  j.array(e.modules, [&](const oops::Module& m) {
    j.object([&] {
      j.field("name", m.name);
      j.text_or_null("flags", m.flags);
    });
  });
  j.key("stacks");
  j.array(e.stacks, [&](const oops::NamedStack& s) {
    j.object([&] {
      j.field("name", s.name);
      j.key("frames");
      j.array(s.frames, [&](const oops::Frame& f) {
        j.object([&] {
          j.text_or_null("symbol", f.symbol);
          j.address("address", f.address);
          j.field("offset", f.offset);
          j.text_or_null("module", f.module);
          j.field("reliable", f.reliable);
        });
      });
    });
  });
}

}  // namespace inquest::report
