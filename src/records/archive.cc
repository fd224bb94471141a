#include "records/archive.h"

#include <filesystem>

#include "base/cache_folder.h"
#include "records/archive_impl.h"
#include "records/ingest.h"
#include "records/matcher.h"
#include "records/mime.h"
#include "records/schema.h"
#include "records/text.h"

namespace inquest::records {
namespace {

Result<int64_t> repository_id(Database& database, const std::string& path, bool mail) {
  std::error_code failed;
  std::string full = std::filesystem::absolute(path, failed).lexically_normal().string();
  if (failed || full.empty()) full = path;
  TRY(Statement find, database.prepare("SELECT id FROM repository WHERE path = ?1"));
  TRY(bool known, find.bind(1, full).step());
  if (known) return find.integer(0);
  TRY(Statement add, database.prepare("INSERT INTO repository(kind, path) VALUES(?1, ?2)"));
  TRY_VOID(add.bind(1, int64_t(mail ? 0 : 1)).bind(2, full).run());
  return database.last_row();
}

// The tips whose history is in the archive already.
Result<std::vector<Oid>> finished_tips(Database& database, int64_t repository) {
  TRY(Statement find, database.prepare("SELECT tip FROM walk WHERE repository = ?1 AND finished = 1"));
  find.bind(1, repository);
  std::vector<Oid> out;
  while (true) {
    TRY(bool more, find.step());
    if (!more) break;
    out.push_back(Oid::from(find.view(0)));
  }
  return out;
}

// A walk that was begun is ended first, even if the repository has grown since: its count belongs to its tip.
Result<std::optional<Oid>> unfinished_tip(Database& database, int64_t repository, const std::string& ref) {
  TRY(Statement find, database.prepare("SELECT tip FROM walk WHERE repository = ?1 AND ref = ?2 AND finished = 0 AND done > 0"));
  TRY(bool known, find.bind(1, repository).bind(2, ref).step());
  if (!known) return std::optional<Oid>();
  return std::optional<Oid>(Oid::from(find.view(0)));
}

Result<void> add_ref(Database& database, IngestJob job, const GitSource& source, const ProgressCallback& progress, AddReport& report) {
  Oid wanted = job.tip;
  TRY(std::optional<Oid> left, unfinished_tip(database, job.repository, job.ref));
  if (left && source.has_commit(*left)) {
    job.tip = *left;
    TRY_VOID(run_ingest(database, job, progress, report));
    if (report.stopped || job.tip == wanted) return {};
    job.tip = wanted;
    TRY(job.hidden, finished_tips(database, job.repository));
  }
  return run_ingest(database, job, progress, report);
}

}  // namespace

Archive::Archive(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Archive::Archive(Archive&&) noexcept = default;
Archive& Archive::operator=(Archive&&) noexcept = default;
Archive::~Archive() = default;

Result<Archive> Archive::open(const std::string& folder) {
  TRY_VOID(make_folders(folder).in("archive"));
  TRY(Database database, Database::open(folder + "/archive.sqlite").in("archive"));
  TRY_VOID(prepare_archive_schema(database).in("archive " + folder));
  TRY_VOID(database.execute("PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=1073741824"));
  return Archive(std::make_unique<Impl>(std::move(database)));
}

Result<Archive> Archive::open_existing(const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder + "/archive.sqlite", ignored)) return Error(ErrorCode::kNotFound, folder + ": no archive here; make one with `inquest archive add`");
  return open(folder);
}

Result<AddReport> Archive::add_mail(const std::string& repository, const ProgressCallback& progress, unsigned workers) {
  std::vector<std::string> epochs = mail_epochs(repository);
  if (epochs.empty()) return Error(ErrorCode::kNotFound, repository + ": no git repository, and no folder of epochs (0.git, 1.git, …)");
  AddReport report;
  for (const std::string& path : epochs) {
    Result<GitSource> source = GitSource::open(path);
    Result<GitRef> head = source.ok() ? source->head() : Result<GitRef>(source.error());
    if (!head.ok()) {
      if (epochs.size() == 1) return std::move(head).error().in(path);
      report.damaged++;
      report.damage.push_back(path + ": " + head.error().message());  // the other epochs are whole
      continue;
    }
    IngestJob job;
    job.path = path;
    job.ref = "HEAD";
    job.tip = head->commit;
    job.workers = workers;
    TRY(job.repository, repository_id(impl_->database, path, true));
    TRY(job.hidden, finished_tips(impl_->database, job.repository));
    TRY_VOID(add_ref(impl_->database, job, *source, progress, report).in(path));
    if (report.stopped) break;
  }
  return report;
}

Result<AddReport> Archive::add_git(const std::string& repository, const ProgressCallback& progress, unsigned workers) {
  TRY(GitSource source, GitSource::open(repository));
  TRY(std::vector<GitRef> refs, source.version_tags());
  Result<GitRef> head = source.head();
  if (head.ok()) refs.push_back(*head);
  if (refs.empty()) return Error(ErrorCode::kNotFound, repository + ": neither version tags nor HEAD");
  AddReport report;
  TRY(int64_t id, repository_id(impl_->database, repository, false));
  for (const GitRef& ref : refs) {
    IngestJob job;
    job.path = repository;
    job.mail = false;
    job.ref = ref.name;
    job.tag = ref.is_tag ? ref.name.substr(10) : "";
    job.tip = ref.commit;
    job.workers = workers;
    job.repository = id;
    TRY(job.hidden, finished_tips(impl_->database, id));
    // Commits reached by HEAD before there was a tag get their tag when it comes: hide only what tags have reached.
    if (ref.is_tag) {
      TRY(Statement tags, impl_->database.prepare("SELECT tip FROM walk WHERE repository = ?1 AND finished = 1 AND ref LIKE 'refs/tags/%'"));
      tags.bind(1, id);
      job.hidden.clear();
      while (true) {
        TRY(bool more, tags.step());
        if (!more) break;
        job.hidden.push_back(Oid::from(tags.view(0)));
      }
    }
    TRY_VOID(add_ref(impl_->database, job, source, progress, report).in(ref.name));
    if (report.stopped) break;
  }
  return report;
}

Result<ArchiveCounts> Archive::counts() const {
  ArchiveCounts out;
  Database& db = impl_->database;
  struct Row { const char* sql; uint64_t* value; };
  const Row rows[] = {{"SELECT count(*) FROM document WHERE source = 0", &out.messages}, {"SELECT count(*) FROM document WHERE source = 1", &out.commits},
                      {"SELECT count(*) FROM document WHERE flags & 1", &out.patches},   {"SELECT count(*) FROM trace", &out.traces},
                      {"SELECT count(DISTINCT thread) FROM document", &out.threads},     {"SELECT count(*) FROM repository", &out.repositories}};
  for (const Row& row : rows) {
    TRY(int64_t n, db.integer_of(row.sql, 0));
    *row.value = uint64_t(n);
  }
  return out;
}

Result<std::string> Archive::text(int64_t document) const {
  TRY(Statement find, impl_->database.prepare("SELECT d.source, d.oid, r.id, r.path FROM document d JOIN repository r ON r.id = d.repository WHERE d.id = ?1"));
  TRY(bool known, find.bind(1, document).step());
  if (!known) return Error(ErrorCode::kNotFound, "no document " + std::to_string(document));
  bool commit = find.integer(0) == int64_t(1);
  Oid oid = Oid::from(find.view(1));
  int64_t repository = find.integer(2);
  auto at = impl_->sources.find(repository);
  if (at == impl_->sources.end()) {
    TRY(GitSource source, GitSource::open(find.text(3)));
    at = impl_->sources.emplace(repository, std::move(source)).first;
  }
  if (commit) {
    TRY(CommitText text, at->second.commit(oid));
    return text.message + "\n" + text.patch;
  }
  TRY(std::string raw, at->second.blob(oid));
  return parse_mail(raw).text;
}

Result<std::vector<PatchMark>> Archive::marks(int64_t document) const {
  TRY(std::string body, text(document));
  return marks_of_diff(body);
}

Result<DocumentHead> Archive::head(int64_t document) const {
  TRY(Rows rows, Rows::open(impl_->database));
  TRY(std::optional<DocumentRow> row, rows.by_id(document));
  if (!row) return Error(ErrorCode::kNotFound, "no document " + std::to_string(document));
  return row->head;
}

Result<DocumentHead> Archive::find(const std::string& name) const {
  TRY(Rows rows, Rows::open(impl_->database));
  TRY(int64_t id, rows.of_name_hash(stable_hash(name)));
  if (id == 0) {
    TRY(std::vector<int64_t> ids, rows.of_hash(lower(name), 1));
    if (!ids.empty()) id = ids[0];
  }
  if (id == 0) return Error(ErrorCode::kNotFound, "nothing named " + shorten(name, 80) + " in the archive");
  return head(id);
}

Result<std::vector<Similar>> Archive::search(const std::string& words, size_t limit) const {
  Query query = query_from_text(words);
  if (query.frames.empty()) {  // plain words: a function's name is one of them
    for_each_word(words, [&](std::string_view word) {
      if (word.find('_') != std::string_view::npos && query.frames.size() < 40) query.frames.push_back({std::string(word), ""});
    });
  }
  TRY(Matcher matcher, Matcher::open(impl_->database, query));
  return matcher.similar(limit, true);
}

}  // namespace inquest::records
