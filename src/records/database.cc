#include "records/database.h"

#include <sqlite3.h>

namespace inquest::records {
namespace {

Error error_of(sqlite3* database, int status, const std::string& what) {
  int primary = status & 0xff;
  ErrorCode code = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_FORMAT ? ErrorCode::kCorrupt
                   : primary == SQLITE_CANTOPEN                                                     ? ErrorCode::kNotFound
                                                                                                    : ErrorCode::kIo;
  std::string reason = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(status);
  return Error(code, what + ": " + reason);
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_, index, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind_null(int index) {
  sqlite3_bind_null(statement_, index);
  return *this;
}

Result<bool> Statement::step() {
  int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  Error error = error_of(database_, status, "database");
  sqlite3_reset(statement_);
  return error;
}

Result<void> Statement::run() {
  while (true) {
    TRY(bool more, step());
    if (!more) break;
  }
  reset();
  return {};
}

void Statement::reset() { sqlite3_reset(statement_); }
int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }
std::string Statement::text(int column) const { return std::string(view(column)); }
int Statement::columns() const { return sqlite3_column_count(statement_); }
bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::string_view Statement::view(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size_t(size));
}

Result<Database> Database::open(const std::string& path, bool read_only) {
  Database database;
  int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  int status = sqlite3_open_v2(path.c_str(), &database.database_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (status != SQLITE_OK) return error_of(database.database_, status, path);
  sqlite3_extended_result_codes(database.database_, 1);
  sqlite3_busy_timeout(database.database_, 60'000);
  sqlite3_db_config(database.database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);       // the file may be hostile
  sqlite3_db_config(database.database_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

Database::~Database() { sqlite3_close_v2(database_); }

Result<void> Database::execute(const std::string& sql) {
  int status = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return error_of(database_, status, "database");
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  Statement statement;
  statement.database_ = database_;
  int status = sqlite3_prepare_v3(database_, sql.data(), int(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement.statement_, nullptr);
  if (status != SQLITE_OK) return error_of(database_, status, "database");
  return statement;
}

int64_t Database::last_row() const { return sqlite3_last_insert_rowid(database_); }
int64_t Database::changes() const { return sqlite3_changes64(database_); }

Result<int64_t> Database::integer_of(std::string_view sql, int64_t fallback) {
  TRY(Statement statement, prepare(sql));
  TRY(bool row, statement.step());
  return row ? statement.integer(0) : fallback;
}

Result<Transaction> Transaction::begin(Database& database) {
  TRY_VOID(database.execute("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Result<Transaction> Transaction::begin_reading(Database& database) {
  TRY_VOID(database.execute("BEGIN DEFERRED"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  Result<void> undone = database_->execute("ROLLBACK");  // fails only when SQLite has rolled back by itself
  (void)undone.ok();
}

Result<void> Transaction::commit() {
  TRY_VOID(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace inquest::records
