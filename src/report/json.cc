// The JSON of docs/report.md, schema 1: fields may be added, none renamed. Unknown is null or absent from a list, never a made-up zero.
#include <cmath>
#include <fmt/format.h>

#include "report/clean.h"
#include "report/json_writer.h"
#include "report/report.h"

namespace inquest::report {

namespace {

void write_source(Json& j, const scene::SourceRef& s) {
  j.object([&] {
    j.field("function", s.function);
    j.text_or_null("file", s.file);
    j.key("line");
    if (s.line) j.value(s.line);
    else j.null();
  });
}

// The frame's own function is the concrete one; what was inlined into it, innermost first, is the list beside it.
void write_frame(Json& j, const scene::FrameView& f, bool with_locals) {
  j.object([&] {
    j.address("address", f.address ? std::optional(f.address) : std::nullopt);
    j.text_or_null("symbol", f.symbol);
    j.field("offset", f.offset);
    j.field("size", f.size);
    j.text_or_null("module", f.module);
    j.field("reliable", f.reliable);
    if (!f.trust.empty()) j.field("trust", f.trust);
    if (!f.stack.empty()) j.field("stack", f.stack);
    if (f.garbage) j.field("garbage", true);
    if (f.interrupted) j.field("interrupted", true);
    if (f.tail_calls_missing) j.field("tail_calls_missing", true);
    if (f.user) j.field("user", true);
    j.text_or_null("function", f.source.empty() ? f.symbol : f.source.back().function);
    j.text_or_null("file", f.source.empty() ? "" : f.source.back().file);
    j.key("line");
    if (!f.source.empty() && f.source.back().line) j.value(f.source.back().line);
    else j.null();
    j.key("inlined");
    std::vector<scene::SourceRef> inlined(f.source.begin(), f.source.empty() ? f.source.end() : f.source.end() - 1);
    j.array(inlined, [&](const scene::SourceRef& s) { write_source(j, s); });
    if (!with_locals) return;
    j.key("locals");
    j.array(f.locals, [&](const scene::FrameView::Local& l) {
      j.object([&] {
        j.field("name", l.name);
        j.field("type", l.type);
        j.text_or_null("value", l.value);
        if (!l.why_not.empty()) j.field("why_not", l.why_not);
        if (!l.how.empty()) j.field("how", l.how);
        if (!l.value.empty()) j.field("recovered", l.recovered);
        if (l.earlier) j.field("earlier", true);
        j.field("function", l.function);
        j.field("parameter", l.parameter);
      });
    });
  });
}

void write_meanings(Json& j, const scene::EventView& view) {
  j.key("meanings");
  j.array(view.registers, [&](const scene::RegisterMeaning& m) {
    j.object([&] {
      j.field("register", m.reg);
      j.address("value", m.value);
      j.field("expression", m.text);
      j.text_or_null("type", m.type);
      j.text_or_null("variable", m.variable);
      j.text_or_null("function", m.function);
      j.text_or_null("object", m.object);
      j.field("offset", m.offset);
      j.text_or_null("member", m.member);
      j.strings("members", m.members);
    });
  });
  j.key("condition");
  if (!view.condition) return j.null();
  j.object([&] {
    j.field("text", view.condition->text);
    j.field("left", view.condition->left);
    j.field("relation", view.condition->relation);
    j.field("right", view.condition->right);
    j.text_or_null("left_register", view.condition->left_register);
    j.text_or_null("right_register", view.condition->right_register);
    j.text_or_null("file", view.condition->file);
    j.field("line", view.condition->line);
  });
}

void write_event(Json& j, const scene::EventView& view) {
  const oops::Event& e = view.event;
  j.object([&] {
    j.field("id", view.id);
    j.key("lines");
    j.array(std::vector<int>{e.first_line, e.last_line}, [&](int n) { j.value(n); });
    j.field("time", e.time);
    j.field("cpu", e.cpu);
    j.field("pid", e.pid);
    j.text_or_null("comm", e.comm);
    j.text_or_null("taint", e.taint);
    j.field("kind", oops::name_of(e.kind));
    j.field("title", e.title);
    j.strings("alternates", e.alternates);
    j.field("type", e.type);
    j.field("corrupted", e.corrupted);
    j.field("primary", e.primary);
    j.text_or_null("primary_reason", e.primary_reason);
    j.text_or_null("context", e.context);
    j.text_or_null("header", e.header);
    j.text_or_null("release", e.release);
    j.text_or_null("hardware", e.hardware);
    j.text_or_null("workqueue", e.workqueue);
    bool resolved = !view.source.empty();
    j.text_or_null("function", e.function.empty() && resolved ? view.source.back().function : e.function);
    j.text_or_null("file", !e.file.empty() ? e.file : resolved ? view.source.front().file : "");
    j.key("line");
    if (e.source_line) j.value(e.source_line);
    else if (resolved && view.source.front().line) j.value(view.source.front().line);
    else j.null();
    j.key("inlined");
    j.array(view.source, [&](const scene::SourceRef& s) { write_source(j, s); });
    j.address("pc", view.pc);
    j.key("guilty");
    j.object([&] {
      j.text_or_null("function", e.guilty_function);
      j.text_or_null("file", e.guilty_file);
    });
    j.key("signature");
    j.object([&] {
      j.field("coarse", e.signature_coarse);
      j.field("fine", e.signature_fine);
    });
    j.address("fault_address", e.fault_address);
    j.key("registers");
    j.object([&] {
      for (const auto& r : e.registers) j.field(r.name, fmt::format("0x{:x}", r.value));
    });
    write_meanings(j, view);
    write_code(j, view);
    write_log_details(j, e);
    j.key("frames");
    j.array(view.frames, [&](const scene::FrameView& f) { write_frame(j, f, false); });
  });
}

void write_dump(Json& j, const Report& r) {
  j.key("dump");
  j.object([&] {
    j.field("path", r.path);
    if (r.paths.size() > 1) j.strings("paths", r.paths);
    j.field("format", r.facts.format);
    j.text_or_null("arch", r.facts.arch);
    j.key("page_size");
    if (r.facts.page_size) j.value(r.facts.page_size);
    else j.null();
    j.field("partial", r.facts.partial);
    j.field("dump_level", r.facts.dump_level);
    j.field("pages_stored", r.facts.pages_stored);
    j.field("pages_filtered", r.facts.pages_filtered);
    j.field("incomplete", r.facts.incomplete);
    j.strings("located_by", r.facts.layout_how);
  });
}

void write_system(Json& j, const kernel::SystemFacts& s) {
  j.key("system");
  j.object([&] {
    j.text_or_null("kernel", s.kernel);
    j.field("cpus", s.cpus);
    j.field("cpus_offline", s.cpus_offline);
    j.field("date", s.date);
    j.field("uptime_seconds", s.uptime_seconds);
    j.key("load_average");
    if (s.load_average) j.array(*s.load_average, [&](double v) { j.value(v); });
    else j.null();
    j.field("tasks", s.tasks);
    j.text_or_null("nodename", s.nodename);
    j.text_or_null("release", s.release);
    j.text_or_null("version", s.version);
    j.text_or_null("machine", s.machine);
    j.field("memory_bytes", s.memory_bytes);
    j.text_or_null("panic", s.panic);
    j.strings("taints", s.taints);
    j.field("crashing_cpu", s.crashing_cpu);
  });
}

void write_verdict(Json& j, const inquiry::Verdict& v) {
  j.object([&] {
    j.field("cause", v.cause);
    j.field("confidence", std::round(v.confidence * 1000) / 1000);
    j.field("summary", v.summary);
    j.key("object");
    j.object([&] {
      j.text_or_null("type", v.object.type);
      j.text_or_null("address", v.object.address);
      j.text_or_null("member", v.object.member);
      j.text_or_null("cache", v.object.cache);
      j.strings("members", v.object.members);
      j.strings("types", v.object.types);
    });
    j.key("guilty");
    j.object([&] {
      j.text_or_null("function", v.guilty.function);
      j.text_or_null("file", v.guilty.file);
      j.text_or_null("task", v.guilty.task);
      j.key("line");
      if (v.guilty.line) j.value(v.guilty.line);
      else j.null();
      j.text_or_null("module", v.guilty.module);
    });
    j.strings("evidence", v.evidence);
    j.key("alternatives");
    j.array(v.alternatives, [&](const inquiry::Alternative& a) {
      j.object([&] {
        j.field("cause", a.cause);
        j.field("why_not", a.why_not);
      });
    });
    j.strings("would_settle", v.would_settle);
  });
}

void write_records(Json& j, const Report& r) {
  j.key("similar");
  j.array(r.similar, [&](const Similar& s) {
    j.object([&] {
      j.field("source", s.source);
      j.field("id", s.id);
      j.field("title", s.title);
      j.field("date", s.date);
      j.field("score", s.score);
      j.strings("agrees", s.agrees);
    });
  });
  j.key("fixes");
  j.array(r.fixes, [&](const Fix& f) {
    j.object([&] {
      j.text_or_null("commit", f.commit);
      j.text_or_null("message_id", f.message_id);
      j.field("title", f.title);
      j.field("date", f.date);
      j.text_or_null("first_tag", f.first_tag);
      j.field("status", f.status);
      j.field("score", f.score);
      j.strings("for", f.pro);
      j.strings("against", f.con);
      j.text_or_null("status_reason", f.status_reason);
      j.strings("marks", f.marks);
      j.strings("backports", f.backports);
      j.strings("other_versions", f.other_versions);
    });
  });
}

void write_crashed(Json& j, const Report& r) {
  j.key("crashed");
  if (!r.crashed) return j.null();
  j.object([&] {
    j.field("cpu", r.crashed->cpu);
    j.field("pid", r.crashed->pid);
    j.text_or_null("comm", r.crashed->comm);
    j.text_or_null("registers_from", r.crashed->how);
    j.field("complete", r.crashed->complete);
    j.key("frames");
    j.array(r.crashed->frames, [&](const scene::FrameView& f) { write_frame(j, f, true); });
  });
}

}  // namespace

std::string to_json(const Report& r) {
  Json j;
  j.object([&] {
    j.field("schema", 1);
    write_dump(j, r);
    write_system(j, r.facts.system);
    j.key("events");
    j.array(r.events, [&](const scene::EventView& e) { write_event(j, e); });
    write_crashed(j, r);
    j.key("evidence");
    j.array(r.inquiry.dossier.evidence(), [&](const inquiry::Evidence& e) {
      j.object([&] {
        j.field("id", e.id);
        j.field("claim", e.claim);
        j.field("origin", inquiry::name_of(e.origin));
        j.field("command", e.command);
        j.key("values");
        j.object([&] {
          for (const auto& [name, value] : e.values) j.field(name, value);
        });
      });
    });
    j.key("verdicts");
    j.array(r.inquiry.verdicts, [&](const inquiry::Verdict& v) { write_verdict(j, v); });
    write_records(j, r);
    j.key("unread");
    j.array(r.unread, [&](const Unread& u) {
      j.object([&] {
        j.field("what", u.what);
        j.field("why", u.why);
      });
    });
  });
  return j.text();
}

std::string events_to_json(const std::vector<scene::EventView>& events) {
  Json j;
  j.object([&] {
    j.field("schema", 1);
    j.key("events");
    j.array(events, [&](const scene::EventView& e) { write_event(j, e); });
  });
  return j.text();
}

}  // namespace inquest::report
