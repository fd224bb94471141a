#include "debuginfo/package_shelf.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "debuginfo/debug_file_impl.h"
#include "debuginfo/folder_listing.h"
#include "debuginfo/index/hash.h"

namespace inquest::debuginfo {

namespace {

// "vmlinux" or a module's name, "" for what no one asks for.
std::string wanted_name(const std::string& member_path) {
  std::string_view file = std::string_view(member_path).substr(member_path.rfind('/') + 1);
  switch (shape_of_name(file)) {
    case FileShape::kKernel: return "vmlinux";
    case FileShape::kModule: return module_name_of_path(file);
    default: return {};
  }
}

// A package is told by its place, size and time; a note in the cache says which build IDs it gave for a name.
std::string note_name(const std::string& package, const std::string& name) {
  struct stat st = {};
  (void)::stat(package.c_str(), &st);
  uint64_t facts[] = {uint64_t(st.st_size), uint64_t(st.st_mtim.tv_sec), uint64_t(st.st_mtim.tv_nsec),
                      index::hash_name(package)};
  return fmt::format("package-{:016x}-{}", index::hash_block(std::as_bytes(std::span(facts))), name);
}

// The note that lists all names a package has.
constexpr const char* kMembers = "members";

std::string key_of(const std::string& package, const std::string& name) { return package + '\0' + name; }

}  // namespace

std::optional<FoundFile> PackageShelf::by_build_id(const Wanted& wanted) const {
  if (!cache_ || wanted.build_id.empty()) return std::nullopt;
  auto file = cache_->open(cached_name(wanted.build_id, wanted.name));
  if (!file) return std::nullopt;
  auto identity = identify_file(file->bytes(), file->path(), wanted.release.empty());
  if (!identity || identity->build_id != wanted.build_id) return std::nullopt;
  std::string path = file->path();
  return FoundFile{std::move(*file), path, wanted.build_id,
                   wanted.release.empty() ? identity->release : wanted.release};
}

std::optional<std::vector<FoundFile>> PackageShelf::remembered(const std::string& package,
                                                               const std::string& name) const {
  if (!cache_) return std::nullopt;
  if (auto list = cache_->open(note_name(package, kMembers)))
    if (("\n" + std::string(as_text(list->bytes()))).find("\n" + name + "\n") == std::string::npos)
      return std::vector<FoundFile>();
  auto note = cache_->open(note_name(package, name));
  if (!note) return std::nullopt;
  std::string_view text = as_text(note->bytes());  // build ID, a blank, where it was
  std::string build_id(text.substr(0, text.find(' ')));
  std::optional<FoundFile> found = build_id.empty() ? std::nullopt : by_build_id({name, "", build_id});
  if (!found) return std::nullopt;
  if (text.find(' ') != text.npos) found->path = package + "!/" + std::string(text.substr(text.find(' ') + 1));
  return std::vector<FoundFile>{std::move(*found)};
}

FoundFile PackageShelf::keep(const std::string& package, const PackageMember& member, const std::string& name,
                             MappedFile file) {
  FoundFile found{file, package + "!/" + member.path, "", ""};
  auto identity = identify_file(file.bytes(), found.path);
  if (!identity) {
    ledger_.add(Loss::kDebuginfoDamaged, identity.error().message());
    return found;
  }
  found.build_id = identity->build_id;
  found.release = identity->release;
  if (!cache_ || found.build_id.empty() || !file.path().starts_with(cache_->path())) return found;
  std::string cached = cached_name(found.build_id, name);
  if (std::rename(file.path().c_str(), cache_->path_of(cached).c_str()) != 0) return found;
  if (auto reopened = cache_->open(cached)) found.file = std::move(*reopened);
  std::string note = found.build_id + " " + member.path;
  if (auto stored = cache_->store(note_name(package, name), {as_bytes_of(note)}); !stored)
    ledger_.add(Loss::kCacheUnusable, stored.error().message());
  return found;
}

void PackageShelf::take_out(const std::string& package, const std::vector<std::string>& names) {
  std::string scratch =
      cache_ && !cache_->path().empty() && make_folders(cache_->path()).ok() ? cache_->path() : std::string();
  std::string seen;
  auto choose = [&](const PackageMember& member) {
    std::string name = wanted_name(member.path);
    if (name.empty()) return Take::kSkip;
    seen += name + "\n";
    return std::ranges::find(names, name) != names.end() ? Take::kTake : Take::kSkip;
  };
  auto deliver = [&](const PackageMember& member, MappedFile file) {
    std::string name = wanted_name(member.path);
    FoundFile found = keep(package, member, name, std::move(file));
    if (!found.build_id.empty() || !found.release.empty()) taken_[key_of(package, name)].push_back(std::move(found));
  };
  auto walked = walk_package(package, choose, deliver, scratch, progress_);
  if (!walked)
    ledger_.add(Loss::kDebuginfoDamaged, walked.error().message());
  else if (cache_)
    (void)cache_->store(note_name(package, kMembers), {as_bytes_of(seen)});
  for (const std::string& name : names) taken_[key_of(package, name)];  // looked for, if not there
}

std::vector<FoundFile> PackageShelf::members(const std::string& package, const std::vector<Wanted>& wanted) {
  std::lock_guard lock(mutex_);
  std::vector<std::string> missing;
  for (const Wanted& w : wanted) {
    if (taken_.contains(key_of(package, w.name))) continue;
    if (auto found = remembered(package, w.name))
      taken_[key_of(package, w.name)] = std::move(*found);
    else
      missing.push_back(w.name);
  }
  if (!missing.empty()) take_out(package, missing);
  std::vector<FoundFile> found;
  for (const Wanted& w : wanted)
    for (const FoundFile& file : taken_[key_of(package, w.name)]) found.push_back(file);
  return found;
}

}  // namespace inquest::debuginfo
