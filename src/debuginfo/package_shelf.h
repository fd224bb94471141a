// PackageShelf: members taken out of packages, kept in the cache folder by build ID so that a package is inflated once.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cache_folder.h"
#include "debuginfo/finder.h"
#include "debuginfo/package.h"

namespace inquest::debuginfo {

class PackageShelf {
 public:
  PackageShelf(const CacheFolder* cache, LossLedger& ledger, Finder::Progress progress)
      : cache_(cache), ledger_(ledger), progress_(std::move(progress)) {}

  // A member that was taken out before, by this process or an earlier one.
  std::optional<FoundFile> by_build_id(const Wanted& wanted) const;
  // All members of the package that have one of the wanted names (whatever their build). One pass for those not yet
  // taken out.
  std::vector<FoundFile> members(const std::string& package, const std::vector<Wanted>& wanted);

 private:
  FoundFile keep(const std::string& package, const PackageMember& member, const std::string& name, MappedFile file);
  // What an earlier pass noted in the cache: nothing if there was none, an empty list if the package has no such
  // member.
  std::optional<std::vector<FoundFile>> remembered(const std::string& package, const std::string& name) const;
  void take_out(const std::string& package, const std::vector<std::string>& names);
  std::string cached_name(const std::string& build_id, const std::string& name) const {
    return "elf-" + build_id + "-" + name;
  }

  const CacheFolder* cache_;
  LossLedger& ledger_;
  Finder::Progress progress_;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<FoundFile>> taken_;  // by package and name; empty: not in it
};

}  // namespace inquest::debuginfo
