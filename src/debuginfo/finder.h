// Finder: which file is the debuginfo of this kernel, of this module.
//
// Given -d arguments (vmlinux, module, folder, .deb, .rpm) and the usual places, it offers the file whose build ID matches,
// or, where the dump knows no build ID, whose release and name do. It never takes a mismatch: what it turned down and why goes to the ledger.
// Folders are listed once, when first needed, and only files of fitting names are opened; a module's file may have '-' for '_'.
// Packages are read in place: the one member needed is inflated into the cache folder (by build ID), or into memory if there is none.
// Usual places: /usr/lib/debug/lib/modules/R/vmlinux, /usr/lib/debug/boot/vmlinux-R, /boot/vmlinux-R, /lib/modules/R/build/vmlinux,
// /usr/lib/debug/.build-id/xx/yyyy.debug; modules below /usr/lib/debug/lib/modules/R and /lib/modules/R.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cache_folder.h"
#include "base/loss_ledger.h"
#include "base/mapped_file.h"
#include "base/result.h"

namespace inquest::debuginfo {

struct Wanted {
  std::string name;       // "vmlinux", or a module's name ("nfsd")
  std::string release;    // "" = unknown
  std::string build_id;   // "" = unknown
};

struct FoundFile {
  MappedFile file;
  std::string path;       // where it was; "X.deb!/usr/lib/…" inside a package
  std::string build_id, release;
};

class Finder {
 public:
  using Progress = std::function<void(const std::string& what, uint64_t done, uint64_t total)>;

  // `places` are -d arguments; a path that does not exist is an error of kNotFound naming it.
  static Result<Finder> make(const std::vector<std::string>& places, bool usual_places, const CacheFolder* cache, LossLedger& ledger,
                             Progress progress = {});

  // kNotFound: nothing there; kMismatch: something there, but of another build (the message names both build IDs or releases).
  Result<FoundFile> find(const Wanted& wanted) const;
  // Takes all of these out of packages in one pass each, so that later find()s need none: a package has to be inflated from its start.
  void prepare(const std::vector<Wanted>& wanted) const;
  // Every vmlinux on offer (for dumps that do not say their release).
  std::vector<FoundFile> kernels() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Quick facts of an ELF file without indexing it.
struct FileIdentity {
  std::string build_id, release, module_name;  // release: vermagic or banner
  bool is_vmlinux = false, is_module = false, has_dwarf = false;
};
// Without `want_release` a vmlinux's banner, which lies anywhere in its read-only data, is not looked for.
Result<FileIdentity> identify_file(Bytes file, const std::string& path, bool want_release = true);

}  // namespace inquest::debuginfo
