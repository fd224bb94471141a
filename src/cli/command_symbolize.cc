// `inquest symbolize` and `inquest index`: debuginfo without a dump.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cli/session.h"
#include "shell/log_filter.h"

namespace inquest::cli {

namespace {

// A line goes out as soon as it is in; what is not touched passes byte for byte.
int filter(shell::Symbolizer& symbolizer, bool exact) {
  std::string out;
  shell::LogFilter log(symbolizer, exact, [&](std::string_view text) { out += text; },
                       [](std::string_view why) { std::fprintf(stderr, "inquest: %.*s\n", int(why.size()), why.data()); });
  std::vector<char> buffer(1 << 18);
  auto flush = [&] {
    bool good = std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0;
    out.clear();
    return good;
  };
  // read(2): what a pipe has now, not what fills the buffer.
  for (ssize_t n; (n = ::read(STDIN_FILENO, buffer.data(), buffer.size())) > 0;) {
    log.feed({buffer.data(), size_t(n)});
    if (!flush()) return 1;
  }
  log.finish();
  return flush() ? 0 : 1;
}

// As faddr2line and decode_stacktrace.sh are called: `vmlinux WHAT…`, `vmlinux [BASE [MODULES]]`. Files are debuginfo, folders too, and cut from names.
std::string take_files(Options& options) {
  std::string strip = options.strip;
  auto is_file = [&](const std::string& what) {
    std::error_code error;
    if (what.find("+0x") != what.npos || !std::filesystem::exists(what, error)) return false;
    options.debuginfo.push_back(what);
    if (std::filesystem::is_directory(what, error) && strip.empty()) strip = what;
    return true;
  };
  std::erase_if(options.inputs, [&](const std::string& what) { return what == "auto" || is_file(what); });
  if (!strip.empty() && !strip.ends_with('/')) strip += '/';
  return strip;
}

shell::AnswerStyle style_of(const Options& options) {
  const auto& flags = options.answer;
  shell::AnswerStyle style;
  style.functions = flags.functions;
  style.inlines = flags.inlines;
  style.pretty = flags.pretty;
  style.addresses = flags.addresses;
  style.base_names = flags.base_names;
  style.addr2line = flags.functions || flags.inlines || flags.pretty || flags.addresses;
  return style;
}

std::vector<std::string> files_to_index(const std::vector<std::string>& inputs) {
  std::vector<std::string> files;
  for (const auto& input : inputs) {
    std::error_code error;
    if (!std::filesystem::is_directory(input, error)) {
      files.push_back(input);
      continue;
    }
    for (std::filesystem::recursive_directory_iterator it(input, std::filesystem::directory_options::skip_permission_denied, error), end; it != end; it.increment(error)) {
      std::string name = it->path().filename().string();
      if (it->is_regular_file(error) && (name.starts_with("vmlinux") || name.ends_with(".ko") || name.ends_with(".ko.debug"))) files.push_back(it->path().string());
    }
  }
  return files;
}

}  // namespace

int run_symbolize(const Options& given) {
  Options options = given;
  std::string strip = take_files(options);
  Session session(options);
  auto finder = session.finder();
  if (!finder.ok()) return fail(finder.error());
  shell::Symbolizer symbolizer(*finder, session.debuginfo_options(), options.release, session.ledger());
  symbolizer.strip(strip);
  shell::AnswerStyle style = style_of(options);
  // addr2line takes an address as it is.
  bool exact = options.exact || style.addr2line;
  if (options.inputs.empty()) return filter(symbolizer, options.exact);
  // "-": one a line from standard input.
  std::vector<std::string> asked = options.inputs;
  if (asked.size() == 1 && asked.front() == "-") {
    auto text = session.read_text("-");
    if (!text.ok()) return fail(text.error());
    asked.clear();
    for (size_t at = 0; at < text->size();) {
      size_t end = std::min(text->find('\n', at), text->size());
      if (end > at) asked.push_back(text->substr(at, end - at));
      at = end + 1;
    }
  }
  int status = 0;
  std::string module;
  for (size_t i = 0; i < asked.size(); i++) {
    // A frame pasted whole: "nfs4_put_stid+0x40/0xa0 [nfsd]".
    module.clear();
    std::string what = asked[i];
    if (size_t bracket = what.find(" ["); bracket != std::string::npos) {
      module = what.substr(bracket + 2, what.find(']') - bracket - 2);
      what.erase(bracket);
    } else if (i + 1 < asked.size() && asked[i + 1].starts_with("[")) {
      module = asked[++i].substr(1);
      module = module.substr(0, module.find(']'));
    }
    if (style.addr2line && what.find_first_not_of("0123456789abcdefABCDEF") == what.npos && what.size() > 3) what = "0x" + what;
    auto resolved = symbolizer.resolve(what, {module, ""}, exact);
    if (!resolved.ok()) {
      fail(resolved.error());
      status = 1;
      continue;
    }
    std::string out = shell::Symbolizer::text(*resolved, style);
    std::fwrite(out.data(), 1, out.size(), stdout);
  }
  session.leave(status);
}

int run_index(const Options& options) {
  Session session(options);
  int status = 0;
  for (const auto& path : files_to_index(options.inputs)) {
    auto start = std::chrono::steady_clock::now();
    auto mapped = MappedFile::open(path);
    if (!mapped.ok()) {
      status = fail(mapped.error());
      continue;
    }
    auto file = debuginfo::DebugFile::open(*mapped, session.debuginfo_options(), session.ledger());
    if (!file.ok()) {
      status = fail(file.error());
      continue;
    }
    double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    std::printf("%s: build ID %s, %s %.1f ms, index of %.1f MB for %.1f MB\n", path.c_str(), (*file)->build_id().c_str(),
                (*file)->index_from_cache() ? "from the cache in" : "indexed in", ms, double((*file)->index_bytes()) / 1e6, double(mapped->bytes().size()) / 1e6);
  }
  return status;
}

}  // namespace inquest::cli
