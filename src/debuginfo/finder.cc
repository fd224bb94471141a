#include "debuginfo/finder.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "debuginfo/folder_listing.h"
#include "debuginfo/package_shelf.h"

namespace inquest::debuginfo {

namespace {

enum class PlaceKind { kFile, kFolder, kPackage };

struct Place {
  std::string path;
  PlaceKind kind = PlaceKind::kFile;
};

bool is_package(const std::string& path) {
  if (shape_of_name(path.substr(path.rfind('/') + 1)) == FileShape::kPackage) return true;
  auto file = MappedFile::open(path);
  if (!file) return false;
  std::string_view text = as_text(file->bytes());
  return text.starts_with("!<arch>\ndebian-binary") || text.starts_with("\xed\xab\xee\xdb");
}

bool exists(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0;
}

std::string build_id_path(const std::string& folder, const std::string& build_id) {
  return folder + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug";
}

// Links and copies of one name come together; the one whose path speaks of the wanted release is tried first.
void order_by_release(std::vector<std::string>& paths, const std::string& release) {
  std::ranges::sort(paths);
  if (!release.empty())
    std::stable_partition(paths.begin(), paths.end(), [&](const std::string& path) { return path.find(release) != path.npos; });
}

}  // namespace

// What is offered, and what was found out about it so far.
struct Finder::State {
  State(const CacheFolder* cache, LossLedger& l, Finder::Progress progress)
      : shelf(cache, l, std::move(progress)), ledger(l) {}

  std::vector<Place> places;
  bool usual = false;
  PackageShelf shelf;
  LossLedger& ledger;
  std::mutex mutex;
  std::map<std::string, FolderListing> listings;

  const FolderListing& listing(const std::string& folder) {
    std::lock_guard lock(mutex);
    auto known = listings.find(folder);
    if (known != listings.end()) return known->second;
    FolderListing read = FolderListing::read(folder);
    if (read.cut) ledger.add(Loss::kLimitReached, folder + ": too many files, not all were looked at");
    return listings.emplace(folder, std::move(read)).first->second;
  }

  std::vector<std::string> files_for(const Wanted& wanted);
  std::vector<std::string> usual_files_for(const Wanted& wanted);
  std::vector<std::string> packages();
};

namespace {

// The best offer so far, and why others were turned down.
class Choice {
 public:
  Choice(const Wanted& wanted, LossLedger& ledger) : wanted_(wanted), ledger_(ledger) {}

  bool settled() const { return found_ && found_dwarf_; }

  void offer_path(const std::string& path) {
    bool packed = path.ends_with(".xz") || path.ends_with(".zst") || path.ends_with(".gz");
    auto file = packed ? inflate_file(path) : MappedFile::open(path);
    if (file) offer(std::move(*file), path);
  }

  void offer(MappedFile file, const std::string& path) {
    auto identity = identify_file(file.bytes(), path, wanted_.build_id.empty());
    if (!identity) return;
    if (wanted_.name == "vmlinux" ? !identity->is_vmlinux
                                  : !identity->is_module || identity->module_name != wanted_.name)
      return;
    if (!agrees(*identity, path)) return;
    if (found_ && (found_dwarf_ || !identity->has_dwarf)) return;
    if (identity->release.empty()) identity->release = wanted_.release;
    found_ = FoundFile{std::move(file), path, identity->build_id, identity->release};
    found_dwarf_ = identity->has_dwarf;
  }

  Result<FoundFile> take() {
    if (found_) return std::move(*found_);
    if (refused_.empty())
      return Error(ErrorCode::kNotFound,
                   wanted_.name + ": no debuginfo found" + (wanted_.release.empty() ? "" : " for " + wanted_.release));
    ledger_.add(Loss::kDebuginfoMismatch, refused_);
    return Error(ErrorCode::kMismatch, refused_);
  }

 private:
  bool agrees(const FileIdentity& identity, const std::string& path) {
    std::string why;
    if (!wanted_.build_id.empty() && !identity.build_id.empty()) {
      if (identity.build_id == wanted_.build_id) return true;
      why = "build ID " + identity.build_id + ", but the dump's " + wanted_.name + " has " + wanted_.build_id;
    } else if (!wanted_.release.empty() && !identity.release.empty() && identity.release != wanted_.release) {
      why = "of release " + identity.release + ", but the dump is of " + wanted_.release;
    } else {
      return true;
    }
    if (refused_.empty()) refused_ = path + ": " + why;
    return false;
  }

  const Wanted& wanted_;
  LossLedger& ledger_;
  std::optional<FoundFile> found_;
  bool found_dwarf_ = false;
  std::string refused_;
};

}  // namespace

std::vector<std::string> Finder::State::usual_files_for(const Wanted& wanted) {
  std::vector<std::string> paths;
  const std::string& r = wanted.release;
  if (!wanted.build_id.empty()) paths.push_back(build_id_path("/usr/lib/debug", wanted.build_id));
  if (r.empty()) return paths;
  if (wanted.name == "vmlinux") {
    for (std::string path : {"/usr/lib/debug/lib/modules/" + r + "/vmlinux", "/usr/lib/debug/boot/vmlinux-" + r,
                             "/boot/vmlinux-" + r, "/lib/modules/" + r + "/build/vmlinux"})
      paths.push_back(std::move(path));
    return paths;
  }
  for (const char* root : {"/usr/lib/debug/lib/modules/", "/lib/modules/"}) {
    auto [first, last] = listing(root + r).modules.equal_range(wanted.name);
    for (; first != last; ++first) paths.push_back(first->second);
  }
  return paths;
}

std::vector<std::string> Finder::State::files_for(const Wanted& wanted) {
  std::vector<std::string> paths;
  for (const Place& place : places) {
    if (place.kind == PlaceKind::kFile) paths.push_back(place.path);
    if (place.kind != PlaceKind::kFolder) continue;
    if (wanted.build_id.size() > 2)
      for (const std::string& root : {place.path, place.path + "/usr/lib/debug"})
        if (std::string path = build_id_path(root, wanted.build_id); exists(path)) paths.push_back(path);
    std::vector<std::string> named;
    const FolderListing& listed = listing(place.path);
    if (wanted.name == "vmlinux") {
      named = listed.kernels;
    } else {
      auto [first, last] = listed.modules.equal_range(wanted.name);
      for (; first != last; ++first) named.push_back(first->second);
    }
    order_by_release(named, wanted.release);
    paths.insert(paths.end(), named.begin(), named.end());
  }
  return paths;
}

std::vector<std::string> Finder::State::packages() {
  std::vector<std::string> paths;
  for (const Place& place : places) {
    if (place.kind == PlaceKind::kPackage) paths.push_back(place.path);
    if (place.kind != PlaceKind::kFolder) continue;
    const FolderListing& listed = listing(place.path);
    paths.insert(paths.end(), listed.packages.begin(), listed.packages.end());
  }
  return paths;
}

Result<Finder> Finder::make(const std::vector<std::string>& places, bool usual_places, const CacheFolder* cache,
                            LossLedger& ledger, Progress progress) {
  Finder finder;
  finder.state_ = std::make_shared<State>(cache, ledger, std::move(progress));
  finder.state_->usual = usual_places;
  for (std::string path : places) {
    struct stat st;
    if (::stat(path.c_str(), &st) != 0) return Error(ErrorCode::kNotFound, path + ": no such file or folder");
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    PlaceKind kind = S_ISDIR(st.st_mode) ? PlaceKind::kFolder
                     : is_package(path)  ? PlaceKind::kPackage
                                         : PlaceKind::kFile;
    finder.state_->places.push_back({std::move(path), kind});
  }
  return finder;
}

Result<FoundFile> Finder::find(const Wanted& wanted) const {
  Choice choice(wanted, state_->ledger);
  for (const std::string& path : state_->files_for(wanted)) {
    choice.offer_path(path);
    if (choice.settled()) return choice.take();
  }
  std::vector<std::string> packages = state_->packages();
  if (!packages.empty())
    if (std::optional<FoundFile> kept = state_->shelf.by_build_id(wanted)) return std::move(*kept);
  for (const std::string& package : packages) {
    for (FoundFile& member : state_->shelf.members(package, {wanted}))
      choice.offer(std::move(member.file), member.path);
    if (choice.settled()) return choice.take();
  }
  if (state_->usual) {
    for (const std::string& path : state_->usual_files_for(wanted)) {
      choice.offer_path(path);
      if (choice.settled()) break;
    }
  }
  return choice.take();
}

void Finder::prepare(const std::vector<Wanted>& wanted) const {
  std::vector<Wanted> missing;
  for (const Wanted& w : wanted) {
    Choice choice(w, state_->ledger);
    for (const std::string& path : state_->files_for(w)) {
      if (choice.settled()) break;
      choice.offer_path(path);
    }
    if (!choice.settled() && !state_->shelf.by_build_id(w)) missing.push_back(w);
  }
  if (missing.empty()) return;
  for (const std::string& package : state_->packages()) (void)state_->shelf.members(package, missing);
}

std::vector<FoundFile> Finder::kernels() const {
  std::vector<FoundFile> found;
  auto add = [&](MappedFile file, const std::string& path) {
    auto identity = identify_file(file.bytes(), path);
    if (!identity || !identity->is_vmlinux) return;
    // Debian links one file under three names.
    bool known = std::ranges::any_of(
        found, [&](const FoundFile& f) { return !f.build_id.empty() && f.build_id == identity->build_id; });
    if (!known) found.push_back({std::move(file), path, identity->build_id, identity->release});
  };
  auto add_path = [&](const std::string& path) {
    if (auto file = MappedFile::open(path)) add(std::move(*file), path);
  };
  for (const Place& place : state_->places) {
    if (place.kind == PlaceKind::kFile) add_path(place.path);
    if (place.kind == PlaceKind::kFolder)
      for (const std::string& path : state_->listing(place.path).kernels) add_path(path);
  }
  for (const std::string& package : state_->packages())
    for (FoundFile& member : state_->shelf.members(package, {Wanted{"vmlinux", "", ""}}))
      add(std::move(member.file), member.path);
  if (state_->usual)
    for (const char* folder : {"/usr/lib/debug/boot", "/boot", "/usr/lib/debug/lib/modules"})
      for (const std::string& path : state_->listing(folder).kernels) add_path(path);
  return found;
}

}  // namespace inquest::debuginfo
