#include "triage/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "records/text.h"
#include "triage/when.h"

namespace inquest::triage {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kWhole = 64ull << 20;   // files up to this size are hashed whole
constexpr uint64_t kEnds = 4ull << 20;     // of larger ones: so much of both ends …
constexpr uint64_t kSamples = 1024;        // … and so many blocks between
constexpr uint64_t kBlock = 4096;
constexpr size_t kMostFiles = 1'000'000;

// "vmcore" of "vmcore.3" and 3; 0 if the name ends in no number.
std::pair<std::string, uint64_t> stem_and_part(const std::string& name) {
  size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot + 1 >= name.size() || name.size() - dot > 4) return {name, 0};
  for (size_t i = dot + 1; i < name.size(); i++)
    if (!records::is_digit(name[i])) return {name, 0};
  return {name.substr(0, dot), records::leading_number(std::string_view(name).substr(dot + 1))};
}

// The first bytes of a makedumpfile --split part: "KDUMP   " and a sub-header that is not read here; the rest is the dump's business.
bool is_kdump(const std::string& path) {
  char magic[8] = "";
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  return std::string_view(magic, 8) == "KDUMP   " || std::string_view(magic, 8) == "DISKDUMP";
}

bool is_dump_name(const std::string& name) { return name == "vmcore" || name.starts_with("vmcore.") || name == "vmcore-incomplete"; }

// vmcore.1 … vmcore.N, all kdump files, in order: one input.
bool join_parts(std::vector<std::string>& names, const std::string& folder, const std::string& stem, std::vector<Input>& out) {
  std::vector<std::string> parts;
  for (uint64_t n = 1;; n++) {
    std::string name = fmt::format("{}.{}", stem, n);
    if (std::find(names.begin(), names.end(), name) == names.end()) break;
    parts.push_back(name);
  }
  if (parts.size() < 2) return false;
  Input input;
  for (const auto& name : parts) {
    if (!is_kdump(folder + "/" + name)) return false;
    input.paths.push_back(folder + "/" + name);
  }
  std::erase_if(names, [&](const std::string& n) { return std::find(parts.begin(), parts.end(), n) != parts.end(); });
  out.push_back(std::move(input));
  return true;
}

void take_files(const std::string& folder, std::vector<std::string> names, std::vector<Input>& out) {
  std::sort(names.begin(), names.end());
  for (size_t i = 0; i < names.size();) {
    auto [stem, part] = stem_and_part(names[i]);
    if (part == 1 && join_parts(names, folder, stem, out)) i = 0;
    else i++;
  }
  std::string log;
  bool dump = std::any_of(names.begin(), names.end(), is_dump_name) || !out.empty();
  for (const char* name : {"vmcore-dmesg.txt", "vmcore-dmesg-incomplete.txt"})
    if (dump && log.empty() && std::find(names.begin(), names.end(), name) != names.end()) log = name;
  std::erase(names, log);
  for (const auto& name : names) {
    Input input;
    input.paths.push_back(folder + "/" + name);
    out.push_back(std::move(input));
  }
  if (log.empty()) return;
  for (Input& input : out)
    if (is_dump_name(fs::path(input.paths[0]).filename().string())) input.fallback = folder + "/" + log;
}

void walk(const std::string& folder, const std::vector<fs::path>& keep_out, Inputs& found, int depth) {
  std::error_code failed;
  std::vector<std::string> files, folders;
  fs::directory_iterator it(folder, failed), end;
  if (failed) {
    found.unreadable.push_back(folder + ": " + failed.message());
    return;
  }
  for (; it != end; it.increment(failed)) {
    if (failed) {
      found.unreadable.push_back(folder + ": " + failed.message());
      break;
    }
    std::string name = it->path().filename().string();
    std::error_code ignored;
    if (name.starts_with(".") || std::find(keep_out.begin(), keep_out.end(), fs::weakly_canonical(it->path(), ignored)) != keep_out.end()) continue;
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) folders.push_back(name);
    else if (it->is_regular_file(ignored) && it->file_size(ignored) > 0) files.push_back(name);
  }
  std::vector<Input> here;
  take_files(folder, std::move(files), here);
  for (Input& input : here)
    if (found.list.size() < kMostFiles) found.list.push_back(std::move(input));
  std::sort(folders.begin(), folders.end());
  for (const auto& name : folders)
    if (depth < 32) walk(folder + "/" + name, keep_out, found, depth + 1);
}

// Two 64-bit hashes over pieces, in one pass.
struct Digest {
  uint64_t a = 0xcbf29ce484222325, b = 0x9e3779b97f4a7c15;
  void add(const char* bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
      auto byte = uint8_t(bytes[i]);
      a = (a ^ byte) * 0x100000001b3;
      b = (b + byte) * 0xff51afd7ed558ccd;
      b ^= b >> 29;
    }
  }
  std::string hex() const { return fmt::format("{:016x}{:016x}", a, b); }
};

Result<void> digest_file(const std::string& path, Digest& digest) {
  std::ifstream in(path, std::ios::binary);
  std::error_code failed;
  uint64_t size = fs::file_size(path, failed);
  if (!in || failed) return Error(ErrorCode::kIo, path + ": cannot be read");
  std::vector<char> block(1 << 20);
  auto add = [&](uint64_t at, uint64_t length) {
    in.clear();
    in.seekg(std::streamoff(at));
    while (length > 0 && in.read(block.data(), std::streamsize(std::min<uint64_t>(length, block.size()))), in.gcount() > 0) {
      digest.add(block.data(), size_t(in.gcount()));
      length -= uint64_t(in.gcount());
    }
  };
  std::string size_text = std::to_string(size);
  digest.add(size_text.data(), size_text.size());
  if (size <= kWhole) {
    add(0, size);
    return {};
  }
  add(0, kEnds);
  for (uint64_t i = 0; i < kSamples; i++) add(kEnds + (size - 2 * kEnds) / kSamples * i, kBlock);
  add(size - kEnds, kEnds);
  return {};
}

}  // namespace

Inputs find_inputs(const std::vector<std::string>& given, const std::vector<std::string>& keep_out) {
  Inputs found;
  std::vector<fs::path> out;
  std::error_code ignored;
  for (const auto& path : keep_out)
    for (const char* end : {"", "-wal", "-shm", "-journal"}) out.push_back(fs::weakly_canonical(path + end, ignored));
  for (const auto& path : given) {
    if (fs::is_directory(path, ignored)) {
      walk(path, out, found, 0);
      continue;
    }
    Input input;
    input.paths.push_back(path);
    input.given = true;
    found.list.push_back(std::move(input));
  }
  return found;
}

Result<std::string> id_of(const Input& input, bool is_dump) {
  Digest digest;
  for (const auto& path : input.paths) TRY_VOID(digest_file(path, digest));
  if (!is_dump)
    if (int64_t date = date_of_path(input.paths.front())) {
      std::string text = std::to_string(date);
      digest.add(text.data(), text.size());
    }
  return digest.hex();
}

}  // namespace inquest::triage
