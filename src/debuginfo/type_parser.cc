// From a C spelling to a type: "struct xa_node *", "unsigned long", "const char *[4]".
#include <cctype>
#include <charconv>

#include "debuginfo/type_table.h"

namespace inquest::debuginfo {

namespace {

constexpr int kMaxTokens = 64;

// Identifiers, numbers, and single signs.
std::vector<std::string_view> tokens_of(std::string_view text) {
  std::vector<std::string_view> tokens;
  auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  while (!text.empty() && tokens.size() <= kMaxTokens) {
    size_t length = 0;
    while (length < text.size() && is_word(text[length])) length++;
    if (length == 0) length = 1;
    if (!std::isspace(static_cast<unsigned char>(text[0]))) tokens.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return tokens;
}

bool is_qualifier(std::string_view word) {
  return word == "const" || word == "volatile" || word == "restrict" || word == "__restrict" || word == "__user" ||
         word == "__rcu" || word == "__percpu" || word == "__iomem" || word == "_Atomic";
}

}  // namespace

const Type* TypeTable::parse(std::string_view spelling) const {
  std::vector<std::string_view> tokens = tokens_of(spelling);
  if (tokens.empty() || tokens.size() > kMaxTokens) return nullptr;
  const Type* type = nullptr;
  std::string words;
  TypeKind tagged = TypeKind::kUnknown;
  bool is_void = false;
  size_t i = 0;
  for (; i < tokens.size() && (std::isalpha(static_cast<unsigned char>(tokens[i][0])) || tokens[i][0] == '_'); i++) {
    if (is_qualifier(tokens[i])) continue;
    if (tokens[i] == "struct")
      tagged = TypeKind::kStruct;
    else if (tokens[i] == "union")
      tagged = TypeKind::kUnion;
    else if (tokens[i] == "enum")
      tagged = TypeKind::kEnum;
    else
      words += (words.empty() ? "" : " ") + std::string(tokens[i]);
  }
  if (tagged != TypeKind::kUnknown)
    type = find(tagged, words);
  else if (words == "void")
    is_void = true;
  else if (!(type = find(TypeKind::kTypedef, words)))
    type = find(TypeKind::kInteger, words);
  if (!type && !is_void) return nullptr;
  std::vector<uint64_t> dimensions;
  for (; i < tokens.size(); i++) {
    if (is_qualifier(tokens[i])) continue;
    if (tokens[i] == "*" && dimensions.empty()) {
      type = pointer_to(type);
    } else if (tokens[i] == "[" && i + 2 < tokens.size() && tokens[i + 2] == "]") {
      uint64_t count = 0;
      auto [end, error] = std::from_chars(tokens[i + 1].data(), tokens[i + 1].data() + tokens[i + 1].size(), count);
      if (error != std::errc() || end != tokens[i + 1].data() + tokens[i + 1].size()) return nullptr;
      dimensions.push_back(count);
      i += 2;
    } else {
      return nullptr;
    }
  }
  while (type && !dimensions.empty()) {
    type = array_of(type, dimensions.back());
    dimensions.pop_back();
  }
  return type;
}

}  // namespace inquest::debuginfo
