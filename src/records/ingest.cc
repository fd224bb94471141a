#include "records/ingest.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/worker_pool.h"
#include "records/digest.h"
#include "records/store.h"

namespace inquest::records {
namespace {

constexpr size_t kChunk = 256;         // documents a transaction
constexpr size_t kChunksAhead = 6;     // how far readers may run ahead of the writer

struct Item {
  Document document;
  Oid oid;
  bool present = false;
  std::string failure;  // why it could not be read
};

Item read_item(const GitSource& source, const Oid& commit, bool mail) {
  Item item;
  if (mail) {
    Result<MailBlob> blob = source.mail(commit);
    if (!blob.ok()) {
      item.failure = blob.error().message();
      return item;
    }
    item.present = blob->present;
    item.oid = blob->blob;
    if (item.present) item.document = digest_mail(blob->bytes, blob->date, "no-message-id-" + blob->blob.hex() + "@inquest");
    return item;
  }
  Result<CommitText> text = source.commit(commit);
  if (!text.ok()) {
    item.failure = text.error().message();
    return item;
  }
  item.present = true;
  item.oid = commit;
  item.document = digest_commit(commit.hex(), text->author, text->date, text->message, text->patch);
  return item;
}

// Chunks of the walk, digested by several threads, handed over in order.
class Pipeline {
 public:
  Pipeline(const IngestJob& job, const std::vector<Oid>& commits, size_t first)
      : job_(job), commits_(commits), first_(first), chunks_((commits.size() - first + kChunk - 1) / kChunk) {
    unsigned count = std::min<unsigned>(worker_count(job.workers), 16);
    for (unsigned i = 0; i < count; i++) threads_.emplace_back([this] { work(); });
  }
  ~Pipeline() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    for (std::thread& t : threads_) t.join();
  }
  size_t chunks() const { return chunks_; }

  std::vector<Item> take(size_t chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ready_.contains(chunk); });
    std::vector<Item> items = std::move(ready_[chunk]);
    ready_.erase(chunk);
    taken_ = chunk + 1;
    lock.unlock();
    changed_.notify_all();
    return items;
  }

 private:
  void work() {
    Result<GitSource> source = GitSource::open(job_.path);
    while (true) {
      size_t chunk;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_ || next_ >= chunks_ || next_ < taken_ + kChunksAhead; });
        if (stop_ || next_ >= chunks_) return;
        chunk = next_++;
      }
      std::vector<Item> items;
      size_t start = first_ + chunk * kChunk, end = std::min(commits_.size(), start + kChunk);
      for (size_t i = start; i < end; i++) {
        if (source.ok()) {
          items.push_back(read_item(*source, commits_[i], job_.mail));
        } else {
          items.emplace_back();
          items.back().failure = source.error().message();
        }
      }
      std::lock_guard lock(mutex_);
      ready_[chunk] = std::move(items);
      changed_.notify_all();
    }
  }

  const IngestJob& job_;
  const std::vector<Oid>& commits_;
  size_t first_, chunks_, next_ = 0, taken_ = 0;
  bool stop_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<size_t, std::vector<Item>> ready_;
  std::vector<std::thread> threads_;
};

struct Walk {
  int64_t done = 0;
  bool finished = false;
  std::vector<Oid> hidden;
};

std::string packed(const std::vector<Oid>& oids) {
  std::string out;
  for (const Oid& oid : oids) out += oid.view();
  return out;
}

// The walk to this tip as it was left, or a new one. What was hidden then is hidden again, so that the order of
// the commits, which `done` counts, is the same.
Result<Walk> find_walk(Database& database, const IngestJob& job) {
  TRY(Statement find, database.prepare("SELECT done, finished, hidden FROM walk WHERE repository = ?1 AND ref = ?2 AND tip = ?3"));
  find.bind(1, job.repository).bind(2, job.ref).bind_blob(3, job.tip.view());
  TRY(bool known, find.step());
  Walk walk;
  walk.hidden = job.hidden;
  if (known) {
    walk.done = find.integer(0);
    walk.finished = find.integer(1) != 0;
    std::string blob = find.text(2);
    walk.hidden.clear();
    for (size_t i = 0; i + 20 <= blob.size(); i += 20) walk.hidden.push_back(Oid::from(std::string_view(blob).substr(i, 20)));
    return walk;
  }
  TRY(Statement add, database.prepare("INSERT INTO walk(repository, ref, tip, hidden, done, finished) VALUES(?1,?2,?3,?4,0,0)"));
  add.bind(1, job.repository).bind(2, job.ref).bind_blob(3, job.tip.view()).bind_blob(4, packed(walk.hidden));
  TRY_VOID(add.run());
  return walk;
}

class Writer {
 public:
  Writer(Database& database, const IngestJob& job, AddReport& report) : database_(database), job_(job), report_(report) {}

  Result<void> prepare() {
    TRY(Store store, Store::open(database_));
    store_.emplace(std::move(store));
    TRY(advance_, database_.prepare("UPDATE walk SET done = ?4, finished = ?5 WHERE repository = ?1 AND ref = ?2 AND tip = ?3"));
    TRY(damage_, database_.prepare("INSERT OR IGNORE INTO damage(repository, what, why) VALUES(?1,?2,?3)"));
    return {};
  }

  Result<void> damaged(const std::string& what, const std::string& why) {
    report_.damaged++;
    if (report_.damage.size() < 100) report_.damage.push_back(what + ": " + why);
    return damage_.bind(1, job_.repository).bind(2, what).bind(3, why).run();
  }

  Result<void> write(const std::vector<Item>& items, const std::vector<Oid>& commits, size_t start, bool last) {
    TRY(Transaction transaction, Transaction::begin(database_));
    for (size_t i = 0; i < items.size(); i++) {
      const Item& item = items[i];
      if (!item.failure.empty()) {
        TRY_VOID(damaged("commit " + commits[start + i].hex(), item.failure));
        continue;
      }
      if (!item.present) {
        report_.without++;
        continue;
      }
      for (const std::string& sentence : item.document.damage) TRY_VOID(damaged("message " + item.document.name, sentence));
      TRY(bool added, store_->add(item.document, job_.repository, item.oid, job_.tag));
      (added ? report_.added : report_.known)++;
    }
    TRY_VOID(advance(int64_t(start + items.size()), last));
    return transaction.commit();
  }

  Result<void> advance(int64_t done, bool finished) {
    return advance_.bind(1, job_.repository).bind(2, job_.ref).bind_blob(3, job_.tip.view()).bind(4, done).bind(5, int64_t(finished)).run();
  }

 private:
  Database& database_;
  const IngestJob& job_;
  AddReport& report_;
  std::optional<Store> store_;
  Statement advance_, damage_;
};

}  // namespace

Result<void> run_ingest(Database& database, const IngestJob& job, const ProgressCallback& progress, AddReport& report) {
  TRY(Walk walk, find_walk(database, job));
  if (walk.finished) return {};
  TRY(GitSource source, GitSource::open(job.path));
  TRY(CommitList list, source.commits(job.tip, walk.hidden));
  Writer writer(database, job, report);
  TRY_VOID(writer.prepare());
  if (!list.damage.empty()) TRY_VOID(writer.damaged("history of " + job.path, list.damage));
  size_t first = std::min(size_t(walk.done), list.commits.size());
  if (first == list.commits.size()) return writer.advance(walk.done, true);
  Pipeline pipeline(job, list.commits, first);
  uint64_t total = job.total > 0 ? job.total : list.commits.size();
  for (size_t chunk = 0; chunk < pipeline.chunks(); chunk++) {
    size_t start = first + chunk * kChunk;
    std::vector<Item> items = pipeline.take(chunk);
    TRY_VOID(writer.write(items, list.commits, start, chunk + 1 == pipeline.chunks()));
    if (progress && !progress(job.done_before + start + items.size(), total)) {
      report.stopped = true;
      return {};
    }
  }
  return {};
}

}  // namespace inquest::records
