#include "records/catalogue.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "records/database.h"
#include "records/text.h"

namespace inquest::records {

struct Catalogue::Impl {
  explicit Impl(Database d) : database(std::move(d)) {}
  Database database;
};

namespace {

constexpr int kVersion = 1;
constexpr int64_t kClaimed = 0, kFailed = 2;  // 1: recorded

constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS input(id TEXT PRIMARY KEY, path TEXT NOT NULL, state INTEGER NOT NULL, owner TEXT NOT NULL, until INTEGER NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS crash(input TEXT PRIMARY KEY, path TEXT NOT NULL, time INTEGER NOT NULL, release TEXT NOT NULL, grouping TEXT NOT NULL, verdict TEXT NOT NULL,
  fix TEXT NOT NULL, summary TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS crash_group ON crash(grouping);
CREATE TABLE IF NOT EXISTS crash_group_info(key TEXT PRIMARY KEY, title TEXT NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
)";

std::string first_line_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// Field 22 of /proc/PID/stat: when it was started, in clock ticks since boot. Empty if there is no such process.
std::string start_of(const std::string& pid) {
  std::string stat = first_line_of("/proc/" + pid + "/stat");
  size_t behind = stat.rfind(')');
  if (behind == std::string::npos) return {};
  std::string_view rest = std::string_view(stat).substr(behind + 1);
  std::string_view token;
  for (int i = 0; i < 20; i++) token = cut_token(rest);
  return std::string(token);
}

std::string this_machine() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return std::string(host) + " " + first_line_of("/proc/sys/kernel/random/boot_id");
}

std::string commonest(const std::map<std::string, int>& counts) {
  std::string best;
  int most = 0;
  for (const auto& [value, n] : counts) {
    if (!value.empty() && n > most) best = value, most = n;
  }
  return best;
}

CrashGroup group_from(const std::string& key, const std::string& title, const std::string& note, const std::vector<CrashRecord>& members) {
  CrashGroup g;
  g.key = key;
  g.title = title;
  g.note = note;
  g.count = members.size();
  std::set<std::string> releases;
  std::map<std::string, int> verdicts, fixes;
  for (const CrashRecord& m : members) {
    if (m.time != 0 && (g.first_time == 0 || m.time < g.first_time)) g.first_time = m.time;
    g.last_time = std::max(g.last_time, m.time);
    if (!m.release.empty()) releases.insert(m.release);
    if (!m.verdict.empty()) verdicts[m.verdict]++;
    fixes[m.fix]++;
  }
  g.releases.assign(releases.begin(), releases.end());
  for (const auto& [verdict, n] : verdicts) g.verdicts.push_back(verdict);
  std::stable_sort(g.verdicts.begin(), g.verdicts.end(), [&](const std::string& a, const std::string& b) { return verdicts[a] > verdicts[b]; });
  g.fix = commonest(fixes);
  return g;
}

}  // namespace

Catalogue::Catalogue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Catalogue::Catalogue(Catalogue&&) noexcept = default;
Catalogue& Catalogue::operator=(Catalogue&&) noexcept = default;
Catalogue::~Catalogue() = default;

std::string Catalogue::this_process() {
  std::string pid = std::to_string(getpid());
  return this_machine() + " " + pid + " " + start_of(pid);
}

bool Catalogue::is_gone(const std::string& owner) {
  std::string machine = this_machine() + " ";
  if (!owner.starts_with(machine)) return false;
  std::string_view rest = std::string_view(owner).substr(machine.size());
  std::string pid(cut_token(rest));
  std::string start(cut_token(rest));
  return !pid.empty() && !start.empty() && start_of(pid) != start;
}

Result<Catalogue> Catalogue::open(const std::string& address) {
  if (address.starts_with("postgresql://") || address.starts_with("postgres://")) {
    return Error(ErrorCode::kUnsupported, "catalogue: this build keeps catalogues in files only, not in PostgreSQL");
  }
  TRY(Database database, Database::open(address).in("catalogue"));
  Result<int64_t> version = database.integer_of("PRAGMA user_version", 0);
  if (!version.ok()) return std::move(version).error().in("catalogue " + address);
  if (*version > kVersion) return Error(ErrorCode::kMismatch, "catalogue " + address + " was written by a newer inquest");
  if (*version < kVersion) {
    Result<void> journal = database.execute("PRAGMA journal_mode=WAL");  // busy when another process opens it too: it does this then
    (void)journal.ok();
    TRY(Transaction transaction, Transaction::begin(database));
    TRY_VOID(database.execute(kTables));
    TRY_VOID(database.execute("PRAGMA user_version=" + std::to_string(kVersion)));
    TRY_VOID(transaction.commit());
  }
  TRY_VOID(database.execute("PRAGMA synchronous=FULL"));  // a record must survive a power cut, not only a kill
  return Catalogue(std::make_unique<Impl>(std::move(database)));
}

Result<Claim> Catalogue::claim(const std::string& input, const std::string& path, const std::string& owner, int64_t now, int64_t lease_seconds) {
  Database& db = impl_->database;
  TRY(Transaction transaction, Transaction::begin(db));
  TRY(Statement find, db.prepare("SELECT state, owner, until FROM input WHERE id = ?1"));
  TRY(bool known, find.bind(1, input).step());
  if (known) {
    int64_t state = find.integer(0);
    std::string holder = find.text(1);
    bool free_again = state == kClaimed && (holder == owner || find.integer(2) < now || is_gone(holder));
    if (state != kClaimed) return Claim::kDone;
    if (!free_again) return Claim::kBusy;
  }
  find.reset();
  TRY(Statement put, db.prepare("INSERT INTO input(id, path, state, owner, until, why) VALUES(?1,?2,0,?3,?4,'') ON CONFLICT(id) DO UPDATE SET owner = ?3, until = ?4"));
  TRY_VOID(put.bind(1, input).bind(2, path).bind(3, owner).bind(4, now + lease_seconds).run());
  TRY_VOID(transaction.commit());
  return Claim::kYours;
}

Result<bool> Catalogue::record(const CrashRecord& r) {
  Database& db = impl_->database;
  TRY(Transaction transaction, Transaction::begin(db));
  TRY(Statement add, db.prepare("INSERT OR IGNORE INTO crash(input, path, time, release, grouping, verdict, fix, summary) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)"));
  add.bind(1, r.input).bind(2, r.path).bind(3, r.time).bind(4, r.release).bind(5, r.group).bind(6, r.verdict).bind(7, r.fix).bind(8, r.summary);
  TRY_VOID(add.run());
  if (db.changes() == 0) return false;
  TRY(Statement info, db.prepare("INSERT OR IGNORE INTO crash_group_info(key, title, note) VALUES(?1, ?2, '')"));
  TRY_VOID(info.bind(1, r.group).bind(2, r.group_title).run());
  TRY(Statement done, db.prepare("INSERT INTO input(id, path, state, owner, until, why) VALUES(?1,?2,1,'',0,'') ON CONFLICT(id) DO UPDATE SET state = 1, owner = ''"));
  TRY_VOID(done.bind(1, r.input).bind(2, r.path).run());
  TRY_VOID(transaction.commit());
  return true;
}

Result<void> Catalogue::fail(const std::string& input, const std::string& why) {
  TRY(Statement put, impl_->database.prepare("UPDATE input SET state = ?2, why = ?3, owner = '' WHERE id = ?1 AND state = ?4"));
  return put.bind(1, input).bind(2, kFailed).bind(3, why).bind(4, kClaimed).run();
}

Result<void> Catalogue::retry(const std::string& input) {
  TRY(Statement drop, impl_->database.prepare("DELETE FROM input WHERE id = ?1 AND state = ?2"));
  return drop.bind(1, input).bind(2, kFailed).run();
}

Result<std::vector<CrashRecord>> Catalogue::members(const std::string& key) const {
  TRY(Statement find, impl_->database.prepare("SELECT input, path, time, release, verdict, fix, summary FROM crash WHERE grouping = ?1 ORDER BY time, input"));
  find.bind(1, key);
  std::vector<CrashRecord> out;
  while (true) {
    TRY(bool more, find.step());
    if (!more) break;
    CrashRecord r;
    r.input = find.text(0);
    r.path = find.text(1);
    r.time = find.integer(2);
    r.release = find.text(3);
    r.group = key;
    r.verdict = find.text(4);
    r.fix = find.text(5);
    r.summary = find.text(6);
    out.push_back(std::move(r));
  }
  return out;
}

Result<CrashGroup> Catalogue::group(const std::string& key) const {
  TRY(Statement find, impl_->database.prepare("SELECT title, note FROM crash_group_info WHERE key = ?1"));
  TRY(bool known, find.bind(1, key).step());
  if (!known) return Error(ErrorCode::kNotFound, "no crash of this kind in the catalogue yet");
  std::string title = find.text(0), note = find.text(1);
  TRY(std::vector<CrashRecord> found, members(key));
  return group_from(key, title, note, found);
}

Result<std::vector<CrashGroup>> Catalogue::groups() const {
  TRY(Statement keys, impl_->database.prepare("SELECT key FROM crash_group_info ORDER BY key"));
  std::vector<CrashGroup> out;
  while (true) {
    TRY(bool more, keys.step());
    if (!more) break;
    TRY(CrashGroup g, group(keys.text(0)));
    out.push_back(std::move(g));
  }
  std::stable_sort(out.begin(), out.end(), [](const CrashGroup& a, const CrashGroup& b) { return a.count > b.count; });
  return out;
}

Result<std::vector<FailedInput>> Catalogue::failures() const {
  TRY(Statement find, impl_->database.prepare("SELECT id, path, why FROM input WHERE state = ?1 ORDER BY id"));
  find.bind(1, kFailed);
  std::vector<FailedInput> out;
  while (true) {
    TRY(bool more, find.step());
    if (!more) break;
    out.push_back({find.text(0), find.text(1), find.text(2)});
  }
  return out;
}

Result<void> Catalogue::set_note(const std::string& key, const std::string& note) {
  TRY(Statement put, impl_->database.prepare("UPDATE crash_group_info SET note = ?2 WHERE key = ?1"));
  TRY_VOID(put.bind(1, key).bind(2, note).run());
  if (impl_->database.changes() == 0) return Error(ErrorCode::kNotFound, "no group " + key + " in the catalogue");
  return {};
}

}  // namespace inquest::records
