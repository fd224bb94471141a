// rd, struct, union, p, whatis, sym, kmem, vtop: memory and types.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "kernel/slab_aliases.h"
#include "kernel/slab_track.h"
#include "kernel/slab_usage.h"
#include "object/clones.h"
#include "shell/c_expression.h"
#include "shell/shell.h"
#include "shell/struct_text.h"

namespace inquest::shell::commands_of {

namespace {

constexpr uint64_t kMostWords = 1 << 20;

std::string ascii_of(Bytes bytes) {
  std::string text;
  for (std::byte b : bytes) {
    auto c = std::to_integer<unsigned char>(b);
    text += c >= 0x20 && c < 0x7f ? char(c) : '.';
  }
  return text;
}

std::optional<uint64_t> parse_count(const std::string& word) {
  uint64_t v = 0;
  int base = word.starts_with("0x") ? 16 : 10;
  const char* start = word.data() + (base == 16 ? 2 : 0);
  auto [end, error] = std::from_chars(start, word.data() + word.size(), v, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return v;
}

struct ReadPlan {
  unsigned size = 8;
  uint64_t address = 0, count = 1;
  bool physical = false, symbols = false, plain = false;
};

Result<ReadPlan> plan_of(const Context& context, const Words& words) {
  ReadPlan plan;
  std::vector<std::string> rest;
  for (const auto& w : words.words) {
    if (w == "-8") plan.size = 1;
    else if (w == "-16") plan.size = 2;
    else if (w == "-32") plan.size = 4;
    else if (w == "-64") plan.size = 8;
    else rest.push_back(w);
  }
  plan.physical = words.has('p');
  plan.symbols = words.has('s') || words.has('S');
  plan.plain = words.has('x');
  if (rest.empty()) return Error(ErrorCode::kUsage, "which address?");
  if (plan.physical) {
    auto a = parse_hex(rest[0]);
    if (!a) return Error(ErrorCode::kUsage, rest[0] + ": not an address");
    plan.address = *a;
  } else {
    TRY(plan.address, parse_address(context, rest[0]));
  }
  if (rest.size() > 1) {
    auto n = parse_count(rest[1]);
    if (!n || *n > kMostWords) return Error(ErrorCode::kUsage, rest[1] + ": not a count");
    plan.count = *n;
  }
  return plan;
}

std::string read_line(const Context& context, const ReadPlan& plan, uint64_t at, Bytes bytes) {
  std::string line = fmt::format("{:16x}:  ", at);
  unsigned per_line = plan.symbols ? 2 : 16 / plan.size;
  for (size_t i = 0; i < bytes.size(); i += plan.size) {
    uint64_t v = 0;
    for (unsigned b = plan.size; b-- > 0;) v = v << 8 | std::to_integer<uint64_t>(bytes[i + b]);
    auto symbol = plan.symbols ? context.program().symbol_at(VirtualAddress(v)) : std::nullopt;
    std::string name = symbol ? fmt::format("{}{}", symbol->symbol.name, symbol->offset ? fmt::format("+{}", symbol->offset) : "") : "";
    line += symbol ? fmt::format("{:<16} ", name) : fmt::format("{:0{}x} ", v, plan.size * 2);
  }
  if (plan.symbols || plan.plain) return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  for (size_t i = bytes.size() / plan.size; i < per_line; i++) line += std::string(plan.size * 2 + 1, ' ');
  return line + "  " + ascii_of(bytes) + "\n";
}

std::string member_layout(const debuginfo::FoundMember& m, bool hex) {
  std::string at = hex ? fmt::format("[{:#x}]", m.member.offset()) : fmt::format("[{}]", m.member.offset());
  std::string last = m.path.substr(m.path.rfind('.') + 1);
  return fmt::format("   {} {};\n", at, debuginfo::spell(m.member.type, last));
}

// TYPE[.MEMBER,…] [ADDRESS [COUNT]]
Result<std::string> layout_or_value(const Context& context, const Words& words, bool union_first) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which type?");
  TypeMembers t = split_type(words.words[0]);
  TRY(const object::Type* type, aggregate(context, t.type, union_first));
  std::optional<VirtualAddress> at;
  uint64_t count = 1;
  if (words.words.size() > 1) {
    TRY(uint64_t a, parse_address(context, words.words[1]));
    at = VirtualAddress(a);
    if (words.words.size() > 2) count = parse_count(words.words[2]).value_or(1);
  }
  bool hex = words.has('x'), offsets = words.has('o');
  std::string out;
  if (!at || offsets) {
    if (t.members.empty()) return object::print_layout(type, hex, at);
    out = debuginfo::spell(type->stripped()) + " {\n";
    for (const auto& name : t.members) {
      auto m = debuginfo::find_member(type, name);
      if (!m) return Error(ErrorCode::kNotFound, fmt::format("{} has no member {}", debuginfo::spell(type), name));
      out += member_layout(*m, hex);
    }
    return out + "}\n";
  }
  object::PrintOptions options;
  options.hex = hex;
  uint64_t size = type->size().value_or(0);
  for (uint64_t i = 0; i < std::min<uint64_t>(count, 4096); i++) {
    TRY(std::string text, value_text(object::Value(context.program(), type, *at + i * size), t.members, options));
    out += text;
  }
  return out;
}

std::string place_of_symbol(const Context& context, const object::Symbol& s, uint64_t offset) {
  const char letter = s.is_function ? 'T' : 'D';
  std::string text = fmt::format("{:x} ({}) {}{}", s.address.value + offset, letter, s.name, offset ? fmt::format("+{}", offset) : "");
  if (s.file && !s.file->name.empty()) text += " [" + s.file->name + "]";
  if (s.is_function) {
    auto source = context.program().source_at(VirtualAddress(s.address.value + offset));
    if (!source.empty() && source.back().line) text += fmt::format("  {}: {}", source.back().file, source.back().line);
  }
  return text + "\n";
}

}  // namespace

Result<std::string> rd(const Context& context, const Words& words) {
  TRY(ReadPlan plan, plan_of(context, words));
  std::string out;
  unsigned per_line = plan.symbols ? 2 : 16 / plan.size;
  for (uint64_t done = 0; done < plan.count; done += per_line) {
    uint64_t now = std::min<uint64_t>(per_line, plan.count - done), at = plan.address + done * plan.size;
    std::vector<std::byte> bytes(now * plan.size);
    auto read = plan.physical ? context.program().memory().physical().read(PhysicalAddress(at), bytes) : context.program().memory().read(VirtualAddress(at), bytes);
    if (!read.ok()) {
      // What was read stands; the rest is said, not zero-filled.
      if (out.empty()) return std::move(read).error();
      return out + fmt::format("{:16x}:  not in the dump: {}\n", at, read.error().message());
    }
    out += read_line(context, plan, at, bytes);
  }
  return out;
}

Result<std::string> structure(const Context& context, const Words& words) { return layout_or_value(context, words, false); }
Result<std::string> union_(const Context& context, const Words& words) { return layout_or_value(context, words, true); }

Result<std::string> p(const Context& context, const Words& words) {
  std::string text = words.text;
  object::PrintOptions options;
  // What stands behind an option is C, with spaces and minus signs of its own.
  for (size_t start; (start = text.find_first_not_of(" \t")) != std::string::npos && text[start] == '-' && (text.compare(start, 3, "-x ") == 0 || text.compare(start, 3, "-d ") == 0);) {
    options.hex = text[start + 1] == 'x';
    text.erase(0, start + 3);
  }
  text.erase(0, text.find_first_not_of(" \t"));
  text.erase(text.find_last_not_of(" \t") + 1);
  if (text.empty()) return Error(ErrorCode::kUsage, "which expression?");
  TRY(CValue value, evaluate(context.program(), &context.kernel->per_cpu(), text));
  if (!value.value.type()) return Error(ErrorCode::kNotFound, fmt::format("the type of {0} is not known; *(TYPE *)&{0} lays one over it", text));
  TRY_VOID(check_readable(value));
  bool plain = std::all_of(text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("_.[]->:").find(c) != std::string_view::npos; });
  return fmt::format("{}$1 = {}\n", plain ? text + " = " : "", print(value, options));
}

namespace {

// The type and member at an address, where the slab cache or a variable tells it: every union arm.
std::string typed_place(const Context& context, uint64_t address) {
  scene::Identity id = context.scene->identify(address);
  std::string out;
  if (id.kind == scene::Identity::Kind::kSlab) {
    std::string type = context.scene->type_of_cache(id.cache, id.object_size);
    for (const auto& m : type.empty() ? std::vector<scene::MemberView>{} : context.scene->members_at(type, id.offset)) out += fmt::format("  {} of {} at {:x}\n", m.path, type, id.object_start);
  }
  const auto* file = id.kind == scene::Identity::Kind::kSymbol ? context.program().file_at(VirtualAddress(address)) : nullptr;
  const auto* debug = file ? file->debug_file() : nullptr;
  auto at = debug ? file->to_file(VirtualAddress(address)) : std::nullopt;
  auto variable = at ? debug->variable_at(*at) : std::nullopt;
  if (!variable || !variable->type || !variable->address) return out;
  out += "  " + debuginfo::spell(variable->type, variable->name) + "\n";
  for (const auto& m : debuginfo::members_at(variable->type->stripped(), *at - *variable->address))
    out += fmt::format("  {}{}{}\n", variable->name, m.path.empty() || m.path[0] == '[' ? "" : ".", m.path);
  return out;
}

}  // namespace

Result<std::string> whatis(const Context& context, const Words& words) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "what?");
  std::string what;
  for (const auto& w : words.words) what += (what.empty() ? "" : " ") + w;
  const auto& program = context.program();
  // A short word may be a name ("fd"), unless a digit begins it.
  if (auto address = parse_hex(what); address && (what.size() >= 3 || (what[0] >= '0' && what[0] <= '9')) && !program.symbol(what))
    return fmt::format("{:x}: {}\n", *address, context.scene->identify(*address).text) + typed_place(context, *address);
  if (const auto* type = program.parse_type(what)) {
    if (type->stripped()->is_aggregate()) return object::print_layout(type, true);
    return fmt::format("{}\nSIZE: {}\n", debuginfo::spell(type), type->size().value_or(0));
  }
  if (auto type = aggregate(context, what, false); type.ok() && !program.symbol(what)) return object::print_layout(*type, true);
  auto value = object::Value::variable(program, what);
  if (value.ok()) return debuginfo::spell(value->type(), what) + ";\n";
  if (auto symbol = program.symbol(what)) {
    const auto* debug = symbol->file ? symbol->file->debug_file() : nullptr;
    auto at = debug ? symbol->file->to_file(symbol->address) : std::nullopt;
    if (auto f = at ? debug->function_at(*at) : std::nullopt) {
      std::string parameters;
      for (const auto& parameter : f->parameters) parameters += (parameters.empty() ? "" : ", ") + debuginfo::spell(parameter.type, parameter.name);
      return fmt::format("{}({});\n", debuginfo::spell(f->result, what), parameters.empty() ? "void" : parameters);
    }
    return fmt::format("<text variable, no debug info> {};\n", what);
  }
  return std::move(value).error();
}

Result<std::string> sym(const Context& context, const Words& words) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which symbol or address?");
  std::string out;
  for (const auto& w : words.words) {
    auto named = context.program().symbols_named(w);
    for (const auto& s : named) out += place_of_symbol(context, s, 0);
    if (named.empty() && !parse_hex(w)) {
      named = object::clones_of(context.program(), w);
      for (const auto& s : named) out += place_of_symbol(context, s, 0);
    }
    if (!named.empty()) continue;
    TRY(uint64_t address, parse_address(context, w));
    auto s = context.program().symbol_at(VirtualAddress(address));
    if (!s) return Error(ErrorCode::kNotFound, fmt::format("{:x} is in no symbol of this kernel", address));
    out += place_of_symbol(context, s->symbol, s->offset);
  }
  return out;
}

// crash's `kmem -s`: the caches by name, or all, largest first.
static Result<std::string> kmem_caches(const Context& context, const std::string& wanted) {
  std::string out = "CACHE             OBJSIZE   TOTAL   SLABS       KiB  NAME\n";
  bool any = false;
  for (const auto& u : kernel::slab_usage(context.program(), context.kernel->slab())) {
    if (!wanted.empty() && u.cache->name != wanted) continue;
    any = true;
    out += fmt::format("{:x}  {:>7} {:>7} {:>7} {:>9}  {}\n", u.cache->address.value, u.cache->object_size, u.objects, u.slabs, u.bytes / 1024, u.cache->name);
  }
  if (!any) return Error(ErrorCode::kNotFound, wanted.empty() ? "what the caches hold is not known" : wanted + ": no such slab cache");
  return out;
}

static std::string merged_text(const Context& context, const kernel::SlabCache& cache) {
  auto names = kernel::names_sharing(context.program(), cache);
  std::string out = "  merged: several caches of this size are one, and this name is of one of them";
  for (size_t i = 0; i < names.size(); i++) out += (i ? ", " : "; they are ") + names[i];
  return out + (names.empty() ? "; the others' names are not known\n" : "\n");
}

Result<std::string> kmem(const Context& context, const Words& words) {
  if (words.has('s')) return kmem_caches(context, words.words.empty() ? "" : words.words.front());
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which address?");
  TRY(uint64_t address, parse_address(context, words.words.front()));
  TRY(kernel::SlabObject o, context.kernel->slab().object_at(VirtualAddress(address)));
  std::string out = "CACHE             OBJSIZE  NAME\n";
  out += fmt::format("{:x}  {:>7}  {}\n", o.cache.address.value, o.cache.object_size, o.cache.name);
  if (o.cache.merged) out += merged_text(context, o.cache);
  out += "  SLAB              MEMORY\n";
  out += fmt::format("  {:x}  {:x}\n", o.slab.value, o.slab_start.value);
  out += "  FREE / [ALLOCATED]\n";
  std::string how = o.free_how.empty() ? "" : "  (" + o.free_how + ")";
  if (!o.free) out += fmt::format("   {:x}  (whether it is free is not known: {})\n", o.start.value, o.free_how);
  else out += *o.free ? fmt::format("   {:x}{}\n", o.start.value, how) : fmt::format("  [{:x}]\n", o.start.value);
  out += fmt::format("  {:x} is {:x} + {:#x}\n", address, o.start.value, o.offset);
  auto tracks = kernel::tracks_of(context.program(), o);
  auto tell = [&](const char* what, const std::optional<kernel::SlabTrack>& track) {
    if (!track) return;
    auto symbol = context.program().symbol_at(track->caller);
    out += fmt::format("  last {} by {}{}\n", what, symbol ? symbol->text(false) : fmt::format("{:x}", track->caller.value), track->pid ? fmt::format(", pid {}", *track->pid) : "");
  };
  if (tracks) {
    tell("allocated", tracks->allocated);
    tell("freed", tracks->freed);
  }
  return out;
}

Result<std::string> vtop(const Context& context, const Words& words) {
  if (words.words.empty()) return Error(ErrorCode::kUsage, "which address?");
  TRY(uint64_t address, parse_address(context, words.words.front()));
  TRY(arch::Mapping m, context.program().memory().mapping(VirtualAddress(address)));
  uint64_t physical = m.physical_start.value + (address - m.virtual_start.value);
  auto chunk = context.program().memory().physical().chunk(PhysicalAddress(physical), 8);
  return fmt::format("VIRTUAL           PHYSICAL\n{:x}  {:x}\n  page of {:#x} bytes{}{}; in the dump: {}\n", address, physical, m.size, m.writable ? ", writable" : ", read-only",
                     m.executable ? ", executable" : "", dump::name_of(chunk.origin));
}

}  // namespace inquest::shell::commands_of
