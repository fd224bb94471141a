#include "cli/sources.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/mapped_file.h"

namespace inquest::cli {

namespace {

constexpr int kAround = 3;
constexpr size_t kMostQuotes = 60, kLongestLine = 400, kLargestFile = 16 << 20;

bool stays_inside(const std::string& file) {
  if (file.empty() || file.front() == '/' || file.find('\0') != std::string::npos) return false;
  for (size_t at = 0; at <= file.size();) {
    size_t end = std::min(file.find('/', at), file.size());
    if (file.compare(at, end - at, "..") == 0) return false;
    at = end + 1;
  }
  return true;
}

class Quoter {
 public:
  Quoter(const std::string& folder, report::Report& report) : folder_(folder), report_(report) {}

  void add(const std::string& file, int line) {
    if (line <= 0 || report_.quotes.size() >= kMostQuotes || !stays_inside(file)) return;
    for (const auto& q : report_.quotes)
      if (q.file == file && q.line == line) return;
    const auto& lines = lines_of(file);
    if (size_t(line) > lines.size()) return;
    report::Quote quote{file, line, std::max(1, line - kAround), {}};
    for (int n = quote.first; n <= line + kAround && size_t(n) <= lines.size(); n++) quote.lines.push_back(lines[size_t(n) - 1]);
    report_.quotes.push_back(std::move(quote));
  }
  void add(const std::vector<scene::SourceRef>& source) {
    for (const auto& s : source) add(s.file, s.line);
  }

 private:
  const std::vector<std::string>& lines_of(const std::string& file) {
    auto [at, fresh] = files_.try_emplace(file);
    if (!fresh) return at->second;
    auto mapped = MappedFile::open(folder_ + "/" + file);
    if (!mapped.ok() || mapped->bytes().size() > kLargestFile) return at->second;
    std::string_view text(reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size());
    for (size_t start = 0; start < text.size();) {
      size_t end = std::min(text.find('\n', start), text.size());
      at->second.emplace_back(text.substr(start, std::min(end - start, kLongestLine)));
      start = end + 1;
    }
    return at->second;
  }
  const std::string& folder_;
  report::Report& report_;
  std::map<std::string, std::vector<std::string>> files_;
};

}  // namespace

Result<void> quote_sources(const std::string& folder, report::Report& report) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return Error(ErrorCode::kNotFound, folder + ": no such folder; --source takes the kernel's source tree");
  Quoter quoter(folder, report);
  for (const auto& v : report.inquiry.verdicts) quoter.add(v.guilty.file, v.guilty.line);
  for (const auto& e : report.events) {
    quoter.add(e.event.file, e.event.source_line);
    quoter.add(e.source);
  }
  if (report.crashed)
    for (const auto& f : report.crashed->frames) quoter.add(f.source);
  return {};
}

}  // namespace inquest::cli
