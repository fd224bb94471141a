#include "target/vmcoreinfo.h"

#include <charconv>

namespace inquest::target {

Vmcoreinfo Vmcoreinfo::parse(std::string_view text) {
  Vmcoreinfo info;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    size_t nul = line.find('\0');
    if (nul != std::string_view::npos) {
      line = line.substr(0, nul);
      text = {};
    }
    size_t equals = line.find('=');
    if (equals != std::string_view::npos) info.values_.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return info;
}

std::optional<std::string> Vmcoreinfo::text(std::string_view key) const {
  auto it = values_.find(key);
  if (it == values_.end()) return std::nullopt;
  return it->second;
}

static std::optional<uint64_t> parse_number(std::string_view text, int base) {
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  uint64_t v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return v;
}

static std::string wrapped(std::string_view what, std::string_view name) {
  return std::string(what) + "(" + std::string(name) + ")";
}

std::optional<uint64_t> Vmcoreinfo::symbol(std::string_view name) const {
  auto t = text(wrapped("SYMBOL", name));
  return t ? parse_number(*t, 16) : std::nullopt;
}
std::optional<uint64_t> Vmcoreinfo::offset(std::string_view member) const {
  auto t = text(wrapped("OFFSET", member));
  return t ? parse_number(*t, 10) : std::nullopt;
}
std::optional<uint64_t> Vmcoreinfo::size(std::string_view type) const {
  auto t = text(wrapped("SIZE", type));
  return t ? parse_number(*t, 10) : std::nullopt;
}
std::optional<uint64_t> Vmcoreinfo::length(std::string_view array) const {
  auto t = text(wrapped("LENGTH", array));
  return t ? parse_number(*t, 10) : std::nullopt;
}
std::optional<int64_t> Vmcoreinfo::number(std::string_view name) const {
  auto t = text(wrapped("NUMBER", name));
  if (!t) return std::nullopt;
  if (t->starts_with("-")) {
    auto v = parse_number(std::string_view(*t).substr(1), 10);
    if (!v) return std::nullopt;
    return int64_t(0 - *v);  // hostile text may say INT64_MIN
  }
  auto v = parse_number(*t, 10);
  if (!v) return std::nullopt;
  return int64_t(*v);
}
std::optional<uint64_t> Vmcoreinfo::hex(std::string_view key) const {
  auto t = text(key);
  return t ? parse_number(*t, 16) : std::nullopt;
}

}  // namespace inquest::target
