// GitSource: a git repository as a source of records, through libgit2.
//
// Reads the object database only: no work tree, no hooks, no configuration of the repository is run. Bare or
// not. Objects are checked against their hash when read. One thread per GitSource; open one for each thread.
// Errors: kNotFound (no repository, no such commit), kCorrupt (a damaged object), kIo.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

struct git_repository;

namespace inquest::records {

struct Oid {
  std::array<uint8_t, 20> bytes{};
  friend auto operator<=>(const Oid&, const Oid&) = default;
  std::string hex() const;
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  static Oid from(std::string_view raw);  // 20 raw bytes; zeroes otherwise
};

struct GitRef {
  std::string name;  // "refs/tags/v6.1", "HEAD"
  Oid commit;        // tags peeled
  int64_t date = 0;  // commit date, seconds since 1970
  bool is_tag = false;
};

struct CommitList {
  std::vector<Oid> commits;  // parents before children
  std::string damage;        // why the list is shorter than the history; empty if it is not
};

struct MailBlob {
  Oid blob;
  int64_t date = 0;  // author date of the commit that brought it
  std::string bytes;
  bool present = false;  // false: the commit holds no message (a deletion)
};

struct CommitText {
  std::string author;
  int64_t date = 0;  // committer date: when it entered this history
  std::string message;
  std::string patch;  // against the first parent; empty for merges; cut at 1 MiB
};

class GitSource {
 public:
  static Result<GitSource> open(const std::string& path);
  GitSource(GitSource&& other) noexcept;
  GitSource& operator=(GitSource&&) = delete;
  ~GitSource();

  Result<GitRef> head() const;
  // Tags whose name starts with "v" and a digit, oldest first.
  Result<std::vector<GitRef>> version_tags() const;
  bool has_commit(const Oid& commit) const;
  // What `tip` reaches and `hidden` do not.
  Result<CommitList> commits(const Oid& tip, const std::vector<Oid>& hidden) const;
  Result<MailBlob> mail(const Oid& commit) const;
  Result<CommitText> commit(const Oid& commit) const;
  Result<std::string> blob(const Oid& blob) const;

 private:
  explicit GitSource(git_repository* repository) : repository_(repository) {}
  git_repository* repository_;
};

// The epochs of a public-inbox: `path` itself when it is a repository, else path/git/N.git or path/N.git in
// order. Empty when there is none.
std::vector<std::string> mail_epochs(const std::string& path);

}  // namespace inquest::records
