#include "records/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "records/sql_session.h"

namespace inquest::records {

struct Catalogue::Impl {
  std::unique_ptr<SqlSession> sql;
};

namespace {

constexpr int64_t kVersion = 1;
// States of an input.
constexpr const char *kClaimed = "0", *kFailed = "2";  // "1": recorded

constexpr const char* kTables[] = {
    "CREATE TABLE IF NOT EXISTS input(id TEXT PRIMARY KEY, path TEXT NOT NULL, state BIGINT NOT NULL, owner TEXT NOT NULL, until BIGINT NOT NULL, why TEXT NOT NULL)",
    ("CREATE TABLE IF NOT EXISTS crash(input TEXT PRIMARY KEY, path TEXT NOT NULL, time BIGINT NOT NULL, release TEXT NOT NULL, grouping_key TEXT NOT NULL, cause TEXT NOT NULL, panic TEXT NOT NULL, "
    "verdict TEXT NOT NULL, confidence TEXT NOT NULL, fix TEXT NOT NULL, fix_title TEXT NOT NULL, summary TEXT NOT NULL)"),
    "CREATE INDEX IF NOT EXISTS crash_group ON crash(grouping_key)",
    "CREATE TABLE IF NOT EXISTS crash_group_info(key TEXT PRIMARY KEY, title TEXT NOT NULL, note TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS catalogue_info(version BIGINT PRIMARY KEY)",
    "INSERT INTO catalogue_info(version) VALUES(1) ON CONFLICT DO NOTHING"};

constexpr const char* kCrashColumns = "input, path, time, release, grouping_key, cause, panic, verdict, confidence, fix, fix_title, summary";

int64_t number(const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); }

CrashRecord crash_from(const std::vector<std::string>& row) {
  CrashRecord r;
  r.input = row[0];
  r.path = row[1];
  r.time = number(row[2]);
  r.release = row[3];
  r.group = row[4];
  r.cause = row[5];
  r.panic = row[6];
  r.verdict = row[7];
  r.confidence = std::strtod(row[8].c_str(), nullptr);
  r.fix = row[9];
  r.fix_title = row[10];
  r.summary = row[11];
  return r;
}

// The values of a count, the commonest first; equal counts in the order of their names.
std::vector<std::pair<std::string, uint64_t>> by_count(const std::map<std::string, uint64_t>& counts) {
  std::vector<std::pair<std::string, uint64_t>> out;
  for (const auto& [value, n] : counts)
    if (!value.empty()) out.emplace_back(value, n);
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

CrashGroup group_from(const std::string& key, const std::string& title, const std::string& note, const std::vector<CrashRecord>& members) {
  CrashGroup g;
  g.key = key;
  g.title = title;
  g.note = note;
  g.count = members.size();
  std::set<std::string> releases;
  std::map<std::string, uint64_t> verdicts, fixes, panics;
  for (const CrashRecord& m : members) {
    if (m.time != 0 && (g.first_time == 0 || m.time < g.first_time)) g.first_time = m.time;
    g.last_time = std::max(g.last_time, m.time);
    if (!m.release.empty()) releases.insert(m.release);
    verdicts[m.verdict]++;
    fixes[m.fix]++;
    panics[m.panic]++;
  }
  g.releases.assign(releases.begin(), releases.end());
  for (const auto& [verdict, n] : by_count(verdicts)) g.verdicts.push_back(verdict);
  // What one dump proves, ten short logs do not outvote.
  std::map<std::string, double> surest;
  for (const CrashRecord& m : members) surest[m.verdict] = std::max(surest[m.verdict], m.verdict == "unknown" ? -1 : m.confidence);
  std::stable_sort(g.verdicts.begin(), g.verdicts.end(), [&](const std::string& x, const std::string& y) { return surest[x] > surest[y]; });
  if (auto named = by_count(fixes); !named.empty()) g.fix = named.front().first;
  g.panics = by_count(panics);
  for (const CrashRecord& m : members) {
    if (!g.verdicts.empty() && m.verdict == g.verdicts.front()) g.confidence = std::max(g.confidence, m.confidence);
    if (m.fix == g.fix && g.fix_title.empty()) g.fix_title = m.fix_title;
    if (g.cause.empty()) g.cause = m.cause;
  }
  return g;
}

Result<void> prepare_tables(SqlSession& sql) {
  if (auto version = sql.run("SELECT version FROM catalogue_info ORDER BY version DESC"); version.ok() && !version->rows.empty()) {
    if (number(version->rows[0][0]) > kVersion) return Error(ErrorCode::kMismatch, "it was written by a newer inquest");
    return {};
  } else if (!version.ok() && version.error().code() == ErrorCode::kCorrupt) {
    return std::move(version).error();
  }
  TRY(SqlTransaction transaction, SqlTransaction::begin(sql));
  // Two CREATE TABLE IF NOT EXISTS at once collide in PostgreSQL's catalogue of types.
  if (sql.shared_by_machines()) TRY_VOID(sql.run("SELECT pg_advisory_xact_lock(7305808868)"));
  for (const char* table : kTables) TRY_VOID(sql.run(table));
  return transaction.commit();
}

}  // namespace

Catalogue::Catalogue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Catalogue::Catalogue(Catalogue&&) noexcept = default;
Catalogue& Catalogue::operator=(Catalogue&&) noexcept = default;
Catalogue::~Catalogue() = default;

bool Catalogue::is_server(const std::string& address) { return address.starts_with("postgresql://") || address.starts_with("postgres://"); }

Result<Catalogue> Catalogue::open(const std::string& address) {
  auto impl = std::make_unique<Impl>();
  TRY(impl->sql, (is_server(address) ? open_postgres_session(address) : open_sqlite_session(address)).in("catalogue"));
  TRY_VOID(prepare_tables(*impl->sql).in(is_server(address) ? "catalogue" : "catalogue " + address));
  return Catalogue(std::move(impl));
}

Result<Claim> Catalogue::claim(const std::string& input, const std::string& path, const std::string& owner, int64_t now, int64_t lease_seconds) {
  SqlSession& sql = *impl_->sql;
  std::string until = std::to_string(now + lease_seconds);
  for (int attempt = 0; attempt < 3; attempt++) {
    TRY(SqlAnswer put, sql.run("INSERT INTO input(id, path, state, owner, until, why) VALUES($1, $2, 0, $3, $4, '') ON CONFLICT DO NOTHING", {input, path, owner, until}));
    if (put.changed == 1) return Claim::kYours;
    TRY(SqlAnswer found, sql.run("SELECT state, owner, until FROM input WHERE id = $1", {input}));
    if (found.rows.empty()) continue;  // given up in between
    const auto& row = found.rows[0];
    if (row[0] != kClaimed) return Claim::kDone;
    if (row[1] != owner && number(row[2]) >= now && !is_gone(row[1])) return Claim::kBusy;
    // Taken over only from whom we saw: of two that try, one changes a row.
    TRY(SqlAnswer taken, sql.run("UPDATE input SET owner = $1, until = $2 WHERE id = $3 AND state = 0 AND owner = $4 AND until = $5", {owner, until, input, row[1], row[2]}));
    if (taken.changed == 1) return Claim::kYours;
  }
  return Claim::kBusy;
}

Result<Recorded> Catalogue::record(const CrashRecord& r) {
  SqlSession& sql = *impl_->sql;
  TRY(SqlTransaction transaction, SqlTransaction::begin(sql));
  TRY(SqlAnswer added, sql.run(std::string("INSERT INTO crash(") + kCrashColumns + ") VALUES($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12) ON CONFLICT DO NOTHING",
                               {r.input, r.path, std::to_string(r.time), r.release, r.group, r.cause, r.panic, r.verdict, fmt::format("{:.2f}", r.confidence), r.fix, r.fix_title, r.summary}));
  if (added.changed == 0) return Recorded{};
  TRY(SqlAnswer info, sql.run("INSERT INTO crash_group_info(key, title, note) VALUES($1, $2, '') ON CONFLICT DO NOTHING", {r.group, r.group_title}));
  TRY_VOID(sql.run("INSERT INTO input(id, path, state, owner, until, why) VALUES($1, $2, 1, '', 0, '') ON CONFLICT(id) DO UPDATE SET state = 1, owner = '', why = ''", {r.input, r.path}));
  TRY_VOID(transaction.commit());
  return Recorded{true, info.changed == 1};
}

Result<void> Catalogue::fail(const std::string& input, const std::string& why) {
  TRY_VOID(impl_->sql->run("UPDATE input SET state = $1, why = $2, owner = '' WHERE id = $3 AND state = 0", {kFailed, why, input}));
  return {};
}

Result<void> Catalogue::retry(const std::string& input) {
  TRY_VOID(impl_->sql->run("DELETE FROM input WHERE id = $1 AND state = $2", {input, kFailed}));
  return {};
}

Result<void> Catalogue::release(const std::string& input) {
  TRY_VOID(impl_->sql->run("DELETE FROM input WHERE id = $1 AND state = 0", {input}));
  return {};
}

Result<std::vector<CrashRecord>> Catalogue::members(const std::string& key) const {
  TRY(SqlAnswer found, impl_->sql->run(std::string("SELECT ") + kCrashColumns + " FROM crash WHERE grouping_key = $1 ORDER BY time, input", {key}));
  std::vector<CrashRecord> out;
  for (const auto& row : found.rows) out.push_back(crash_from(row));
  return out;
}

Result<CrashRecord> Catalogue::crash(const std::string& input) const {
  TRY(SqlAnswer found, impl_->sql->run(std::string("SELECT ") + kCrashColumns + " FROM crash WHERE input = $1", {input}));
  if (found.rows.empty()) return Error(ErrorCode::kNotFound, "this input is not in the catalogue");
  return crash_from(found.rows[0]);
}

Result<CrashGroup> Catalogue::group(const std::string& key) const {
  TRY(SqlAnswer info, impl_->sql->run("SELECT title, note FROM crash_group_info WHERE key = $1", {key}));
  if (info.rows.empty()) return Error(ErrorCode::kNotFound, "no crash of this kind in the catalogue yet");
  TRY(std::vector<CrashRecord> found, members(key));
  return group_from(key, info.rows[0][0], info.rows[0][1], found);
}

Result<std::vector<CrashGroup>> Catalogue::groups() const {
  TRY(SqlAnswer crashes, impl_->sql->run(std::string("SELECT ") + kCrashColumns + " FROM crash ORDER BY time, input"));
  std::map<std::string, std::vector<CrashRecord>> members;
  for (const auto& row : crashes.rows) members[row[4]].push_back(crash_from(row));
  TRY(SqlAnswer infos, impl_->sql->run("SELECT key, title, note FROM crash_group_info ORDER BY key"));
  std::vector<CrashGroup> out;
  for (const auto& info : infos.rows)
    if (auto at = members.find(info[0]); at != members.end()) out.push_back(group_from(info[0], info[1], info[2], at->second));
  std::stable_sort(out.begin(), out.end(), [](const CrashGroup& a, const CrashGroup& b) { return a.count > b.count; });
  return out;
}

Result<std::vector<FailedInput>> Catalogue::failures() const {
  TRY(SqlAnswer found, impl_->sql->run("SELECT id, path, why FROM input WHERE state = $1 ORDER BY id", {kFailed}));
  std::vector<FailedInput> out;
  for (const auto& row : found.rows) out.push_back({row[0], row[1], row[2]});
  return out;
}

Result<void> Catalogue::set_note(const std::string& key, const std::string& note) {
  TRY(SqlAnswer put, impl_->sql->run("UPDATE crash_group_info SET note = $1 WHERE key = $2", {note, key}));
  if (put.changed == 0) return Error(ErrorCode::kNotFound, "no group " + key + " in the catalogue");
  return {};
}

}  // namespace inquest::records
