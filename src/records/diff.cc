#include "records/diff.h"

#include <algorithm>
#include <array>

#include "records/text.h"

namespace inquest::records {
namespace {

constexpr size_t kMaxLines = 20'000;
constexpr size_t kMaxFiles = 400;

// "a/fs/nfs/dir.c\t2020-01-01" -> "fs/nfs/dir.c"
std::string clean_path(std::string_view path) {
  path = path.substr(0, path.find('\t'));
  path = trim(path);
  if (path.starts_with("a/") || path.starts_with("b/")) path.remove_prefix(2);
  static constexpr std::string_view kRoots[] = {"arch/", "block/", "certs/", "crypto/", "drivers/", "fs/", "include/", "init/", "io_uring/", "ipc/", "kernel/",
                                                "lib/", "mm/", "net/", "rust/", "samples/", "scripts/", "security/", "sound/", "tools/", "usr/", "virt/"};
  for (std::string_view root : kRoots) {
    if (path.starts_with(root)) return std::string(path);
  }
  size_t slash = path.find('/');  // "linux-5.10/fs/nfs/dir.c": a tree's name in front
  if (slash != std::string_view::npos && path[0] != '/') {
    std::string_view inner = path.substr(slash + 1);
    for (std::string_view root : kRoots) {
      if (inner.starts_with(root)) return std::string(inner);
    }
  }
  return shorten(path, 300);
}

struct HunkHeader {
  uint64_t old_start = 0, old_count = 1, new_count = 1;
  std::string_view scope;
};

bool read_hunk_header(std::string_view line, HunkHeader& header) {
  if (!line.starts_with("@@ -")) return false;
  size_t plus = line.find(" +", 4);
  size_t end = plus == std::string_view::npos ? plus : line.find(" @@", plus);
  if (end == std::string_view::npos) return false;
  auto count = [](std::string_view range) {
    size_t comma = range.find(',');
    return comma == std::string_view::npos ? 1 : leading_number(range.substr(comma + 1));
  };
  header.old_start = leading_number(line.substr(4));
  header.old_count = count(line.substr(4, plus - 4));
  header.new_count = count(line.substr(plus + 2, end - plus - 2));
  header.scope = trim(line.substr(end + 3));
  return true;
}

// Reads hunks; keeps the scope the lines are in.
struct Reader {
  Diff diff;
  uint32_t scope = 0;
  uint32_t number = 0;  // of the next old line
  bool in_file = false;

  void enter(DiffScope next) {
    next.file = uint32_t(diff.files.size() - 1);
    for (size_t i = diff.scopes.size(); i-- > 0 && diff.scopes[i].file == next.file;) {
      if (diff.scopes[i].name == next.name && diff.scopes[i].is_type == next.is_type) {
        scope = uint32_t(i);
        return;
      }
    }
    diff.scopes.push_back(std::move(next));
    scope = uint32_t(diff.scopes.size() - 1);
  }

  void file(std::string_view old_path, std::string_view new_path) {
    std::string path = clean_path(trim(new_path).starts_with("/dev/null") ? old_path : new_path);
    in_file = diff.files.size() < kMaxFiles && !path.empty();
    if (!in_file) {
      diff.truncated = true;
      return;
    }
    diff.files.push_back({std::move(path)});
    enter({});
  }

  void line(char kind, std::string_view text) {
    bool starts_scope = !text.empty() && (is_alpha(text[0]) || text[0] == '_');
    if (starts_scope) {
      DiffScope named = scope_named_by(text);
      if (!named.name.empty()) enter(std::move(named));
    }
    if (kind == '+') diff.files.back().added++;
    if (kind == '-') diff.files.back().removed++;
    diff.lines.push_back({kind, text, scope, number});
    if (kind != '+') number++;
    if (!text.empty() && text[0] == '}') enter({});
  }

  void hunk(const HunkHeader& header, std::string_view& rest);
};

void Reader::hunk(const HunkHeader& header, std::string_view& rest) {
  enter(scope_named_by(header.scope));
  number = uint32_t(std::min<uint64_t>(header.old_start, UINT32_MAX / 2));
  uint64_t old_left = header.old_count, new_left = header.new_count;
  while ((old_left > 0 || new_left > 0) && !rest.empty()) {
    std::string_view before = rest;
    std::string_view text = cut_line(rest);
    char kind = text.empty() ? ' ' : text[0];  // mailers eat the space of an empty context line
    bool stray = kind != '+' && kind != '-' && kind != ' ' && kind != '\\' && kind != '\t';
    if (stray || diff.lines.size() >= kMaxLines) {
      diff.truncated = true;
      rest = stray ? before : rest;
      return;
    }
    if (kind == '\\') continue;  // "\ No newline at end of file"
    if (kind == '\t') kind = ' ';
    if (kind != '+') old_left -= old_left > 0;
    if (kind != '-') new_left -= new_left > 0;
    line(kind, text.empty() ? text : text.substr(text[0] == '\t' ? 0 : 1));
  }
  if (old_left > 0 || new_left > 0) diff.truncated = true;
}

constexpr std::string_view kKeywords[] = {
    "bool",   "break", "case",  "char",     "const",    "continue", "default", "define", "defined", "double", "elif",   "else",
    "endif",  "enum",  "error", "extern",   "float",    "for",      "goto",    "if",     "ifdef",   "ifndef", "include", "inline",
    "int",    "int16_t", "int32_t", "int64_t", "long",  "loff_t",   "off_t",   "register", "return", "s16",   "s32",    "s64",
    "short",  "signed", "size_t", "sizeof", "ssize_t",  "static",   "struct",  "switch", "typedef", "typeof", "u16",    "u32",
    "u64",    "uint16_t", "uint32_t", "uint64_t", "uint8_t", "union", "unsigned", "void", "volatile", "while", "NULL",  "true",
    "false",  "undef"};

}  // namespace

bool is_c_keyword(std::string_view word) {
  return std::find(std::begin(kKeywords), std::end(kKeywords), word) != std::end(kKeywords);
}

DiffScope scope_named_by(std::string_view line) {
  DiffScope scope;
  line = trim(line);
  if (line.empty() || line.size() > 400) return scope;
  size_t open = line.find('(');
  size_t brace = line.find('{');
  if (open == std::string_view::npos || (brace != std::string_view::npos && brace < open)) {
    for (std::string_view keyword : {"struct ", "union ", "enum "}) {
      size_t at = line.find(keyword);
      bool starts = at == 0 || (at != std::string_view::npos && (line.starts_with("typedef ") || line.starts_with("static ")));
      if (!starts || line.find(';') != std::string_view::npos) continue;
      std::string_view name = word_at(line, at + keyword.size());
      std::string_view after = trim(line.substr(at + keyword.size() + name.size()));
      if (name.empty() || !(after.empty() || after[0] == '{')) continue;
      scope.name = name;
      scope.is_type = true;
      return scope;
    }
    return scope;
  }
  if (line.back() == ';' || line.back() == ':') return scope;
  std::string_view name = word_before(line, open);
  if (name.empty() || is_digit(name[0]) || is_c_keyword(name) || name == "__attribute__") return scope;
  size_t equals = line.find('=');
  if (equals != std::string_view::npos && equals < open) return scope;
  if (name.starts_with("SYSCALL_DEFINE") || name.starts_with("COMPAT_SYSCALL_DEFINE")) {
    std::string_view call = word_at(line, open + 1);
    scope.name = (name[0] == 'C' ? "__do_compat_sys_" : "__do_sys_") + std::string(call);
    return scope;
  }
  bool shouting = std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (shouting) return scope;  // EXPORT_SYMBOL(x), MODULE_LICENSE("…"), DEFINE_MUTEX(m)
  scope.name = plain_function(name);
  return scope;
}

size_t diff_start(std::string_view text) {
  size_t at = 0;
  std::string_view previous;
  size_t previous_at = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    at = text.size() - rest.size();
    std::string_view line = cut_line(rest);
    if (line.starts_with("diff --git ") || line.starts_with("Index: ") || line.starts_with("diff -")) return at;
    if (line.starts_with("+++ ") && previous.starts_with("--- ")) return previous_at;
    previous = line;
    previous_at = at;
  }
  return std::string_view::npos;
}

Diff read_diff(std::string_view text) {
  Reader reader;
  std::string_view old_path;
  bool have_old = false;
  while (!text.empty() && reader.diff.lines.size() < kMaxLines) {
    std::string_view line = cut_line(text);
    HunkHeader header;
    if (line.starts_with("--- ")) {
      old_path = line.substr(4);
      have_old = true;
    } else if (have_old && line.starts_with("+++ ")) {
      reader.file(old_path, line.substr(4));
      have_old = false;
    } else if (reader.in_file && read_hunk_header(line, header)) {
      reader.hunk(header, text);
    } else {
      have_old = false;
      if (line.starts_with("diff ")) reader.in_file = false;
    }
  }
  return std::move(reader.diff);
}

}  // namespace inquest::records
