// `inquest symbolize` and `inquest index`: debuginfo without a dump.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cli/session.h"
#include "shell/symbolizer.h"

namespace inquest::cli {

namespace {

// A line goes out as soon as it is in; what is not touched passes byte for byte.
int filter(shell::Symbolizer& symbolizer) {
  char* line = nullptr;
  size_t room = 0;
  for (ssize_t n; (n = ::getline(&line, &room, stdin)) > 0;) {
    std::string_view text(line, size_t(n));
    std::string_view end = text.ends_with("\r\n") ? "\r\n" : text.ends_with("\n") ? "\n" : "";
    std::string out = symbolizer.annotate(text.substr(0, text.size() - end.size()));
    out += end;
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
  }
  std::free(line);
  return 0;
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

int run_symbolize(const Options& options) {
  Session session(options);
  auto finder = session.finder();
  if (!finder.ok()) return fail(finder.error());
  shell::Symbolizer symbolizer(*finder, session.debuginfo_options(), options.release, session.ledger());
  if (options.inputs.empty()) return filter(symbolizer);
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
    auto resolved = symbolizer.resolve(what, module, options.exact);
    if (!resolved.ok()) {
      fail(resolved.error());
      status = 1;
      continue;
    }
    std::string out = shell::Symbolizer::text(*resolved);
    std::fwrite(out.data(), 1, out.size(), stdout);
  }
  return status;
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
