// SqlSession: a connection to a catalogue's database, SQLite in a file or PostgreSQL over libpq, asked with the same SQL.
//
// The statements keep to what both understand: $1, $2, … (first used in that order), ON CONFLICT, text and BIGINT columns.
// Values travel as text. One thread a session; other processes and machines share the database through its own locks.
// Errors: kNotFound (no such server or file), kCorrupt (a damaged database), kIo (busy, full, lost connection).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace inquest::records {

struct SqlAnswer {
  std::vector<std::vector<std::string>> rows;
  int64_t changed = 0;  // rows inserted, updated or deleted
};

class SqlSession {
 public:
  virtual ~SqlSession() = default;
  virtual Result<SqlAnswer> run(const std::string& sql, const std::vector<std::string>& values = {}) = 0;
  virtual Result<void> begin() = 0;
  virtual Result<void> commit() = 0;
  virtual void roll_back() = 0;
  virtual bool shared_by_machines() const = 0;
};

Result<std::unique_ptr<SqlSession>> open_sqlite_session(const std::string& path);
// "postgresql://user@host:port/database"; passwords and the rest come as libpq wants them (PGPASSWORD, ~/.pgpass).
Result<std::unique_ptr<SqlSession>> open_postgres_session(const std::string& address);

// Rolled back unless committed.
class SqlTransaction {
 public:
  static Result<SqlTransaction> begin(SqlSession& session);
  SqlTransaction(SqlTransaction&& other) noexcept : session_(other.session_) { other.session_ = nullptr; }
  SqlTransaction& operator=(SqlTransaction&&) = delete;
  ~SqlTransaction();
  Result<void> commit();

 private:
  explicit SqlTransaction(SqlSession* session) : session_(session) {}
  SqlSession* session_;
};

}  // namespace inquest::records
