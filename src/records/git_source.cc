#include "records/git_source.h"

#include <git2.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>

#include "records/text.h"

namespace inquest::records {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* p) const { kFree(p); }
};
using CommitPtr = std::unique_ptr<git_commit, Freer<git_commit_free>>;
using TreePtr = std::unique_ptr<git_tree, Freer<git_tree_free>>;
using BlobPtr = std::unique_ptr<git_blob, Freer<git_blob_free>>;
using WalkPtr = std::unique_ptr<git_revwalk, Freer<git_revwalk_free>>;
using ObjectPtr = std::unique_ptr<git_object, Freer<git_object_free>>;
using DiffPtr = std::unique_ptr<git_diff, Freer<git_diff_free>>;

// libgit2 counts its own initialisations; it stays initialised for the life of the process.
void initialise() {
  static const int once = [] {
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, ssize_t(64) << 20);
    // Of a pack only so much is mapped at a time: what it holds is read once, in order.
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, size_t(16) << 20);
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, size_t(96) << 20);
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);  // nothing of the repository is ever run
    return 0;
  }();
  (void)once;
}

Error error_of(int status, const std::string& what) {
  const git_error* last = git_error_last();
  ErrorCode code = status == GIT_ENOTFOUND ? ErrorCode::kNotFound : status == GIT_EMISMATCH ? ErrorCode::kCorrupt : ErrorCode::kCorrupt;
  return Error(code, what + ": " + (last != nullptr && last->message != nullptr ? last->message : "git error"));
}

git_oid to_git(const Oid& oid) {
  git_oid out;
  std::memcpy(out.id, oid.bytes.data(), 20);
  return out;
}

Oid from_git(const git_oid* oid) {
  Oid out;
  std::memcpy(out.bytes.data(), oid->id, 20);
  return out;
}

Result<CommitPtr> look_up(git_repository* repository, const Oid& oid) {
  git_oid id = to_git(oid);
  git_commit* commit = nullptr;
  int status = git_commit_lookup(&commit, repository, &id);
  if (status != 0) return error_of(status, "commit " + oid.hex());
  return CommitPtr(commit);
}

Result<TreePtr> tree_of(const git_commit* commit) {
  git_tree* tree = nullptr;
  int status = git_commit_tree(&tree, commit);
  if (status != 0) return error_of(status, "tree of " + from_git(git_commit_id(commit)).hex());
  return TreePtr(tree);
}

// First parents from `tip` as far as they can be read: for a history that is broken somewhere.
CommitList first_parents(git_repository* repository, const Oid& tip, const std::vector<Oid>& hidden, std::string reason) {
  CommitList list;
  Oid at = tip;
  while (list.commits.size() < 50'000'000 && std::find(hidden.begin(), hidden.end(), at) == hidden.end()) {
    Result<CommitPtr> commit = look_up(repository, at);
    if (!commit.ok()) {
      list.damage = reason.empty() ? commit.error().message() : reason;
      break;
    }
    list.commits.push_back(at);
    if (git_commit_parentcount(commit->get()) == 0) break;
    at = from_git(git_commit_parent_id(commit->get(), 0));
  }
  std::reverse(list.commits.begin(), list.commits.end());
  return list;
}

constexpr size_t kMaxPatch = 1 << 20;

int append_patch_line(const git_diff_delta*, const git_diff_hunk*, const git_diff_line* line, void* payload) {
  std::string& out = *static_cast<std::string*>(payload);
  if (out.size() > kMaxPatch) return GIT_EUSER;
  if (line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION || line->origin == GIT_DIFF_LINE_DELETION) out += line->origin;
  out.append(line->content, line->content_len);
  return 0;
}

std::string patch_of(git_repository* repository, const git_commit* commit) {
  std::string out;
  if (git_commit_parentcount(commit) != 1) return out;
  Result<TreePtr> after = tree_of(commit);
  git_commit* parent = nullptr;
  if (!after.ok() || git_commit_parent(&parent, commit, 0) != 0) return out;
  CommitPtr owned(parent);
  Result<TreePtr> before = tree_of(parent);
  if (!before.ok()) return out;
  git_diff_options options = GIT_DIFF_OPTIONS_INIT;
  git_diff* diff = nullptr;
  if (git_diff_tree_to_tree(&diff, repository, before->get(), after->get(), &options) != 0) return out;
  DiffPtr owned_diff(diff);
  if (git_diff_num_deltas(diff) > 400) return out;  // an import or a tree-wide conversion
  git_diff_print(diff, GIT_DIFF_FORMAT_PATCH, append_patch_line, &out);
  return out;
}

int collect_tag(const char* name, git_oid* oid, void* payload) {
  auto& out = *static_cast<std::vector<std::pair<std::string, Oid>>*>(payload);
  std::string_view bare = name;
  if (bare.starts_with("refs/tags/v") && bare.size() > 11 && is_digit(bare[11])) out.emplace_back(name, from_git(oid));
  return 0;
}

}  // namespace

std::string Oid::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (uint8_t b : bytes) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

Oid Oid::from(std::string_view raw) {
  Oid oid;
  if (raw.size() == oid.bytes.size()) std::memcpy(oid.bytes.data(), raw.data(), raw.size());
  return oid;
}

Result<GitSource> GitSource::open(const std::string& path) {
  initialise();
  git_repository* repository = nullptr;
  int status = git_repository_open_ext(&repository, path.c_str(), GIT_REPOSITORY_OPEN_NO_SEARCH, nullptr);
  if (status != 0) return error_of(status, path);
  return GitSource(repository);
}

GitSource::GitSource(GitSource&& other) noexcept : repository_(other.repository_) { other.repository_ = nullptr; }
GitSource::~GitSource() { git_repository_free(repository_); }

Result<GitRef> GitSource::head() const {
  git_oid id;
  int status = git_reference_name_to_id(&id, repository_, "HEAD");
  if (status != 0) status = git_reference_name_to_id(&id, repository_, "refs/heads/master");
  if (status != 0) return error_of(status, "HEAD");
  GitRef ref{"HEAD", from_git(&id)};
  TRY(CommitPtr commit, look_up(repository_, ref.commit));
  ref.date = git_commit_time(commit.get());
  return ref;
}

Result<std::vector<GitRef>> GitSource::version_tags() const {
  std::vector<std::pair<std::string, Oid>> found;
  int status = git_tag_foreach(repository_, collect_tag, &found);
  if (status != 0) return error_of(status, "tags");
  std::vector<GitRef> out;
  for (const auto& [name, oid] : found) {
    git_oid id = to_git(oid);
    git_object* object = nullptr;
    if (git_object_lookup(&object, repository_, &id, GIT_OBJECT_ANY) != 0) continue;
    ObjectPtr owned(object);
    git_object* peeled = nullptr;
    if (git_object_peel(&peeled, object, GIT_OBJECT_COMMIT) != 0) continue;  // v2.6.11 tags a tree
    ObjectPtr commit(peeled);
    out.push_back({name, from_git(git_object_id(peeled)), git_commit_time(reinterpret_cast<git_commit*>(peeled)), true});
  }
  std::sort(out.begin(), out.end(), [](const GitRef& a, const GitRef& b) { return a.date != b.date ? a.date < b.date : a.name < b.name; });
  return out;
}

bool GitSource::has_commit(const Oid& commit) const { return look_up(repository_, commit).ok(); }

Result<CommitList> GitSource::commits(const Oid& tip, const std::vector<Oid>& hidden) const {
  git_revwalk* raw = nullptr;
  int status = git_revwalk_new(&raw, repository_);
  if (status != 0) return error_of(status, "history");
  WalkPtr walk(raw);
  git_revwalk_sorting(raw, GIT_SORT_TOPOLOGICAL | GIT_SORT_REVERSE);
  git_oid id = to_git(tip);
  status = git_revwalk_push(raw, &id);
  if (status != 0) return error_of(status, "commit " + tip.hex());
  for (const Oid& oid : hidden) {
    git_oid hide = to_git(oid);
    git_revwalk_hide(raw, &hide);  // one that is gone (rewritten history) hides nothing
  }
  CommitList list;
  while ((status = git_revwalk_next(&id, raw)) == 0) list.commits.push_back(from_git(&id));
  if (status == GIT_ITEROVER) return list;
  return first_parents(repository_, tip, hidden, error_of(status, "history").message());
}

Result<MailBlob> GitSource::mail(const Oid& oid) const {
  TRY(CommitPtr commit, look_up(repository_, oid));
  MailBlob out;
  out.date = git_commit_author(commit.get())->when.time;
  TRY(TreePtr tree, tree_of(commit.get()));
  const git_tree_entry* entry = git_tree_entry_byname(tree.get(), "m");
  if (entry == nullptr) return out;
  out.blob = from_git(git_tree_entry_id(entry));
  TRY(out.bytes, blob(out.blob));
  out.present = true;
  return out;
}

Result<CommitText> GitSource::commit(const Oid& oid) const {
  TRY(CommitPtr commit, look_up(repository_, oid));
  CommitText out;
  const git_signature* author = git_commit_author(commit.get());
  if (author != nullptr) out.author = std::string(author->name != nullptr ? author->name : "") + " <" + (author->email != nullptr ? author->email : "") + ">";
  out.date = git_commit_time(commit.get());
  const char* message = git_commit_message(commit.get());
  out.message = message != nullptr ? message : "";
  out.patch = patch_of(repository_, commit.get());
  return out;
}

Result<std::string> GitSource::blob(const Oid& oid) const {
  git_oid id = to_git(oid);
  git_blob* raw = nullptr;
  int status = git_blob_lookup(&raw, repository_, &id);
  if (status != 0) return error_of(status, "blob " + oid.hex());
  BlobPtr owned(raw);
  return std::string(static_cast<const char*>(git_blob_rawcontent(raw)), size_t(git_blob_rawsize(raw)));
}

std::vector<std::string> mail_epochs(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<std::pair<uint64_t, std::string>> found;
  if (GitSource::open(path).ok()) return {path};
  for (const std::string& folder : {path + "/git", path}) {
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
      std::string name = entry.path().filename().string();
      if (is_digit(name[0]) && name.ends_with(".git")) found.emplace_back(leading_number(name), entry.path().string());
    }
    if (!found.empty()) break;
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> out;
  for (auto& [number, epoch] : found) out.push_back(std::move(epoch));
  return out;
}

}  // namespace inquest::records
