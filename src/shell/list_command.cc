// list: crash's walk through a linked list, with what it can tell from types: heads, embedded links, plain pointers.
#include <fmt/format.h>

#include <algorithm>

#include "shell/c_expression.h"
#include "shell/list_walk.h"
#include "shell/struct_text.h"

namespace inquest::shell::commands_of {

namespace {

constexpr size_t kMaxText = 64u << 20;
constexpr uint64_t kMaxOffset = 1 << 16;   // a larger number is an address

struct ListWords {
  std::string offset, start, end;
  std::vector<std::string> shown;          // of -s
  bool head = false, element = false, hex = false;
};

std::vector<std::string> tokens_in(const std::string& text) {
  std::vector<std::string> all;
  for (size_t at = 0; (at = text.find_first_not_of(" \t", at)) != std::string::npos;) {
    size_t end = std::min(text.find_first_of(" \t", at), text.size());
    all.push_back(text.substr(at, end - at));
    at = end;
  }
  return all;
}

// OFFSET or TYPE.MEMBER in front of START.
bool is_offset(const Context& context, const std::string& word) {
  if (auto n = parse_hex(word); n && *n < kMaxOffset && std::isdigit(static_cast<unsigned char>(word[0]))) return true;
  size_t dot = word.find('.');
  return dot != std::string::npos && dot > 0 && aggregate(context, word.substr(0, dot), false).ok();
}

Result<ListWords> list_words(const Context& context, const Words& words) {
  ListWords w;
  std::vector<std::string> rest, all = tokens_in(words.text);
  for (size_t i = 0; i < all.size(); i++) {
    bool option = all[i].size() == 2 && all[i][0] == '-' && rest.empty();
    option |= all[i].size() == 2 && all[i][0] == '-' && std::string_view("soehHxd").find(all[i][1]) != std::string_view::npos;
    if (!option) {
      rest.push_back(all[i]);
      continue;
    }
    char letter = all[i][1];
    if (letter == 'h') w.element = true;
    else if (letter == 'H') w.head = true;
    else if (letter == 'x' || letter == 'd') w.hex = letter == 'x';
    else if (letter != 's' && letter != 'o' && letter != 'e') return Error(ErrorCode::kUsage, all[i] + " is none of this command's options; `help list` tells them");
    else if (i + 1 == all.size()) return Error(ErrorCode::kUsage, all[i] + ": what stands behind it is missing");
    else if (letter == 's') w.shown.push_back(all[++i]);
    else (letter == 'o' ? w.offset : w.end) = all[++i];
  }
  if (w.offset.empty() && rest.size() > 1 && is_offset(context, rest[0])) {
    w.offset = rest[0];
    rest.erase(rest.begin());
  }
  for (const auto& word : rest) w.start += (w.start.empty() ? "" : " ") + word;
  if (w.start.empty()) return Error(ErrorCode::kUsage, "where does the list start?");
  if (w.head && w.element) return Error(ErrorCode::kUsage, "-h says that START is an element, -H that it is a head: which?");
  return w;
}

// What START says by its type.
struct Start {
  uint64_t address = 0;
  const object::Type* type = nullptr;  // of what lies there
  bool variable = false;               // a global of that type, not a place in one
};

Result<Start> start_of(const Context& context, const std::string& text) {
  if (auto plain = parse_hex(text); plain && !context.program().symbol(text)) return Start{*plain, nullptr, false};
  auto value = evaluate(context.program(), &context.kernel->per_cpu(), text);
  if (!value.ok() || !value->value.type()) {
    TRY(uint64_t address, parse_address(context, text));
    return Start{address, nullptr, false};
  }
  TRY(uint64_t address, address_of(*value));
  const object::Type* t = value->value.type()->stripped();
  bool named = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:") == std::string::npos;
  if (t->is_pointer()) return Start{address, t->pointee() ? t->pointee()->stripped() : nullptr, false};
  return Start{address, t, named};
}

// hlist_head, hlist_nulls_head, hlist_bl_head, llist_head: a pointer `first` and nothing else.
bool is_head(const object::Type* type) {
  return type && type->is_aggregate() && type->members().size() == 1 && type->members()[0].name == "first" && type->members()[0].type->is_pointer();
}
bool is_list_head(const object::Type* type) { return type && type->is_aggregate() && type->name() == "list_head"; }

Result<ListPlan> plan_of(const Context& context, const ListWords& w) {
  TRY(Start start, start_of(context, w.start));
  ListPlan plan;
  plan.head = w.head || (!w.element && (is_head(start.type) || (is_list_head(start.type) && start.variable)));
  if (w.offset.find('.') != std::string::npos) {
    size_t dot = w.offset.find('.');
    TRY(const object::Type* type, aggregate(context, w.offset.substr(0, dot), false));
    auto link = link_of(type, w.offset.substr(dot + 1));
    if (!link) return Error(ErrorCode::kNotFound, fmt::format("{} has no member {} that leads to a next one", debuginfo::spell(type), w.offset.substr(dot + 1)));
    plan.link = *link;
  } else if (!w.offset.empty()) {
    TRY(CValue offset, evaluate(context.program(), nullptr, w.offset));
    TRY(uint64_t bytes, offset.value.as_unsigned());
    // As crash has it: with -h or -H it is an embedded link's place, else that of a pointer to the next structure.
    (plan.head || w.element ? plan.link.offset : plan.link.next) = bytes;
  }
  if (!plan.link.prev && (is_list_head(start.type) || is_list_head(plan.link.type))) plan.link.prev = 8;
  if (plan.link.next && !plan.link.type) plan.link.prev.reset();
  plan.link.nulls |= start.type && start.type->name().find("nulls") != std::string_view::npos;
  // START is the structure, unless its type says that it is the link inside.
  bool at_link = plan.head || (start.type && plan.link.type && debuginfo::same_type(start.type, plan.link.type));
  plan.start = VirtualAddress(start.address) + (at_link ? 0 : plan.link.offset);
  if (!w.end.empty()) {
    TRY(uint64_t end, parse_address(context, w.end));
    plan.end = end;
  }
  return plan;
}

}  // namespace

Result<std::string> list(const Context& context, const Words& words) {
  TRY(ListWords w, list_words(context, words));
  TRY(ListPlan plan, plan_of(context, w));
  std::vector<std::pair<const object::Type*, std::vector<std::string>>> shown;
  for (const auto& word : w.shown) {
    TypeMembers t = split_type(word);
    TRY(const object::Type* type, aggregate(context, t.type, false));
    shown.emplace_back(type, t.members);
  }
  object::PrintOptions options;
  options.hex = w.hex;
  ListWalk walk = walk_list(context.program().memory(), plan);
  if (walk.elements.empty() && !walk.stopped.empty()) return Error(ErrorCode::kUnreadable, walk.stopped);
  std::string out;
  for (VirtualAddress element : walk.elements) {
    if (out.size() > kMaxText) return out + "stopped: this is 64 MiB of text\n";
    out += fmt::format("{:x}\n", element.value);
    for (const auto& [type, members] : shown) {
      auto text = value_text(object::Value(context.program(), type, element), members, options);
      if (!text.ok() && text.error().code() == ErrorCode::kNotFound) return std::move(text).error();
      out += text.ok() ? *text : fmt::format("  <{}>\n", text.error().message());
    }
  }
  if (walk.elements.empty() && walk.stopped.empty()) out += "(empty)\n";
  if (!walk.broken.empty()) out += "a broken link: " + walk.broken + "\n";
  if (!walk.stopped.empty()) out += fmt::format("stopped after {}: {}\n", walk.elements.size(), walk.stopped);
  return out;
}

}  // namespace inquest::shell::commands_of
