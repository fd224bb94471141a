#include "dump/split.h"

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "dump/formats.h"

namespace inquest::dump {

namespace fs = std::filesystem;

namespace {
constexpr int kMaxFilesBeside = 10000;  // a folder of more is no place where someone keeps a split set
constexpr uint64_t kSignatureBytes = 16;
}  // namespace

bool same_dump(const KdumpHeader& a, const KdumpHeader& b) {
  return a.split && b.split && a.version == b.version && a.uts == b.uts && a.seconds == b.seconds &&
         a.block_size == b.block_size && a.sub_blocks == b.sub_blocks && a.bitmap_blocks == b.bitmap_blocks &&
         a.max_pfn == b.max_pfn && a.phys_base == b.phys_base && a.dump_level == b.dump_level;
}

std::vector<SplitPart> find_parts_beside(const std::string& path, const KdumpHeader& header) {
  std::vector<SplitPart> parts;
  std::error_code error;
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  int seen = 0;
  for (fs::directory_iterator it(folder, error), end; !error && it != end && seen < kMaxFilesBeside;
       it.increment(error), seen++) {
    std::error_code ignored;
    if (!it->is_regular_file(ignored) || fs::equivalent(it->path(), path, ignored)) continue;
    if (it->file_size(ignored) < header.block_size + kSignatureBytes) continue;
    const std::string name = fs::path(path).has_parent_path() ? it->path().string() : it->path().filename().string();
    Result<std::shared_ptr<const FileView>> file = open_file_view(name);
    if (!file.ok() || !has_kdump_signature(**file)) continue;
    Result<KdumpHeader> other = read_kdump_header(**file);
    if (other.ok() && same_dump(header, *other)) parts.push_back({name, *file, *other});
  }
  return parts;
}

std::vector<SplitPart> in_order(std::vector<SplitPart> parts) {
  std::stable_sort(parts.begin(), parts.end(), [](const SplitPart& a, const SplitPart& b) {
    return std::tie(a.header.start_pfn, a.header.end_pfn) < std::tie(b.header.start_pfn, b.header.end_pfn);
  });
  std::vector<SplitPart> result;
  for (SplitPart& p : parts)
    if (result.empty() || p.header.start_pfn >= result.back().header.end_pfn) result.push_back(std::move(p));
  return result;
}

}  // namespace inquest::dump
