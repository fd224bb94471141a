// The tables of an out-of-memory report: counters of pages, unreclaimable slab caches, tasks.
#include <algorithm>
#include <charconv>

#include "oops/builder.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

constexpr size_t kMaxRows = 4096;

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

// "shmem:505" in a line of such pairs; a counter of kB belongs to a node or zone and is not the sum.
std::optional<uint64_t> counter(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    if (at > 0 && text[at - 1] != ' ') continue;
    std::string_view rest = text.substr(at + name.size());
    auto value = number(rest);
    if (!value) return std::nullopt;
    size_t digits = rest.find_first_not_of("0123456789");
    if (digits != rest.npos && rest[digits] != ' ') return std::nullopt;
    return value;
  }
  return std::nullopt;
}

void add_to(std::optional<uint64_t>& sum, std::optional<uint64_t> more) {
  if (more) sum = sum.value_or(0) + *more;
}

bool read_counters(std::string_view text, MemoryReport& m) {
  if (text.starts_with("Node ")) return true;
  bool any = false;
  auto take = [&](std::optional<uint64_t>& into, std::string_view name) {
    auto value = counter(text, name);
    add_to(into, value);
    any = any || value;
  };
  take(m.anon_pages, "active_anon:");
  take(m.anon_pages, "inactive_anon:");
  take(m.file_pages, "active_file:");
  take(m.file_pages, "inactive_file:");
  take(m.slab_reclaimable_pages, "slab_reclaimable:");
  take(m.slab_unreclaimable_pages, "slab_unreclaimable:");
  take(m.shmem_pages, "shmem:");
  take(m.free_pages, "free:");
  if (text.ends_with(" pages RAM")) m.ram_pages = number(text), any = true;
  if (text.ends_with(" pages reserved")) m.reserved_pages = number(text), any = true;
  return any;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != text.npos && words.size() < 32) {
    size_t end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

// "board_call            189031KB     189031KB"
bool read_slab(std::string_view text, MemoryReport& m) {
  auto words = words_of(text);
  if (words.size() != 3 || !words[1].ends_with("KB") || !words[2].ends_with("KB")) return false;
  auto used = number(words[1]), total = number(words[2]);
  if (!used || !total || m.slabs.size() >= kMaxRows) return false;
  m.slabs.push_back({std::string(words[0].substr(0, 64)), *used, *total});
  return true;
}

bool is_number(std::string_view word) { return !word.empty() && word.find_first_not_of("-0123456789") == word.npos; }

// "[     97]     0    97      565        1    28672        0             0 sleep": pid, uid, tgid, total_vm, rss (2.6.36+, its parts behind it since 6.9);
// the name is last. The bracket may have been taken for a caller's id already: tgid says the same.
bool read_task(std::string_view text, MemoryReport& m) {
  if (text.starts_with('[')) text = text.substr(std::min(text.find(']'), text.size() - 1) + 1);
  auto words = words_of(text);
  if (words.size() < 7 || m.tasks.size() >= kMaxRows) return false;
  if (!std::all_of(words.begin(), words.begin() + 6, is_number)) return false;
  auto id = number(words[1]), rss = number(words[3]);
  if (!id || !rss) return false;
  m.tasks.push_back({std::string(words.back().substr(0, 64)), int(*id), *rss});
  return true;
}

}  // namespace

bool read_memory(std::string_view text, Event& event) {
  MemoryReport& m = event.memory;
  constexpr std::string_view kKilled = "Killed process ";
  if (size_t at = text.find(kKilled); at != text.npos) {
    size_t open = text.find('(', at), close = text.find(')', at);
    if (open != text.npos && close != text.npos && open < close) m.killed = std::string(text.substr(open + 1, std::min<size_t>(close - open - 1, 64)));
    return true;
  }
  return read_task(text, m) || read_slab(text, m) || read_counters(text, m);
}

}  // namespace inquest::oops
