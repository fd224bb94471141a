#include "dump/dump.h"

#include <fmt/format.h>

#include <algorithm>

#include "dump/formats.h"

namespace inquest::dump {

namespace {

bool looks_like_text(Bytes start) {
  return std::all_of(start.begin(), start.end(), [](std::byte b) {
    const auto c = std::to_integer<unsigned>(b);
    return c >= 0x20 || c == '\n' || c == '\t' || c == '\r' || c == 0x1b;
  });
}

// Why no format takes a file, in one line: what each saw, and how the file begins.
Error no_format(const FileView& file, const std::vector<std::string>& answers) {
  Bytes start = file.piece(0, 512);
  if (looks_like_text(start)) return Error(ErrorCode::kNotMine, "not a dump: it looks like text");
  std::string begins, seen;
  for (std::byte b : start.first(std::min<size_t>(start.size(), 8)))
    begins += fmt::format(" {:02x}", std::to_integer<unsigned>(b));
  for (const std::string& a : answers) seen += (seen.empty() ? "" : "; ") + a;
  return Error(ErrorCode::kNotMine, fmt::format("not a dump that can be read: {}; it begins with{}", seen, begins));
}

Result<Opened> open_request(const OpenRequest& request, LossLedger& ledger) {
  const Source& first = request.sources.front();
  std::vector<std::string> answers;
  for (const Format& format : formats()) {
    Result<void> probe = format.probe(*first.view);
    if (!probe.ok()) {
      if (probe.error().code() != ErrorCode::kNotMine) return std::move(probe).error().in(first.path);
      answers.push_back(fmt::format("{}: {}", format.name, probe.error().message()));
      continue;
    }
    TRY(Opened opened, format.open(request, ledger).in(first.path));
    const bool flattened =
        std::any_of(request.sources.begin(), request.sources.end(), [](const Source& s) { return s.flattened; });
    if (flattened) opened.facts.format += " (flattened)";
    for (const Source& s : request.sources) {
      if (s.complete) continue;
      opened.facts.incomplete = true;
      ledger.add(Loss::kDumpIncomplete, s.path + ": flattened, without its end mark");
    }
    return opened;
  }
  return no_format(*first.view, answers).in(first.path);
}

Result<Source> to_source(std::string path, std::shared_ptr<const FileView> view) {
  if (view->size() == 0) return Error(ErrorCode::kTruncated, path + ": the file is empty");
  std::string where = path;
  return open_source(std::move(path), std::move(view)).in(where);
}

}  // namespace

Result<Dump> Dump::open(const std::vector<std::string>& paths, LossLedger& ledger) {
  if (paths.empty()) return Error(ErrorCode::kUsage, "no dump given");
  OpenRequest request;
  request.look_beside = true;
  for (const std::string& path : paths) {
    TRY(std::shared_ptr<const FileView> view, open_file_view(path));
    TRY(Source source, to_source(path, std::move(view)));
    request.sources.push_back(std::move(source));
  }
  TRY(Opened opened, open_request(request, ledger));
  Dump dump;
  dump.memory_ = std::move(opened.memory);
  dump.facts_ = std::move(opened.facts);
  dump.paths_ = std::move(opened.paths);
  return dump;
}

Result<Dump> Dump::open_bytes(const std::vector<Bytes>& files, const std::vector<std::string>& names,
                              LossLedger& ledger) {
  if (files.empty()) return Error(ErrorCode::kUsage, "no dump given");
  OpenRequest request;
  for (size_t i = 0; i < files.size(); i++) {
    TRY(Source source, to_source(i < names.size() ? names[i] : "dump", view_of(files[i])));
    request.sources.push_back(std::move(source));
  }
  TRY(Opened opened, open_request(request, ledger));
  Dump dump;
  dump.memory_ = std::move(opened.memory);
  dump.facts_ = std::move(opened.facts);
  dump.paths_ = std::move(opened.paths);
  return dump;
}

}  // namespace inquest::dump
