// Database: SQLite with errors as values.
//
// A thin owner of one connection and of prepared statements. Not thread-safe: one thread at a time per
// connection; processes share the file through SQLite's own locks (WAL, 60 s busy time-out).
// Errors: kIo (busy, full, no rights), kCorrupt (damaged or no database), kMismatch (a newer schema).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace inquest::records {

// A prepared statement. Bind with bind(1…), then step(); reset() before the next use.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept : statement_(other.statement_), database_(other.database_) { other.statement_ = nullptr; }
  Statement& operator=(Statement&& other) noexcept {
    std::swap(statement_, other.statement_);
    std::swap(database_, other.database_);
    return *this;
  }
  ~Statement();

  Statement& bind(int index, int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, std::string_view bytes);
  Statement& bind_null(int index);
  // True: a row is there. False: done.
  Result<bool> step();
  // Steps to the end and resets.
  Result<void> run();
  void reset();

  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;  // also for blobs
  std::string_view view(int column) const;  // until the next step or reset
  bool is_null(int column) const;
  int columns() const;

 private:
  friend class Database;
  sqlite3_stmt* statement_ = nullptr;
  sqlite3* database_ = nullptr;
};

class Database {
 public:
  // Opens or creates. `read_only` fails when there is no file.
  static Result<Database> open(const std::string& path, bool read_only = false);

  Database(Database&& other) noexcept : database_(other.database_) { other.database_ = nullptr; }
  Database& operator=(Database&& other) noexcept {
    std::swap(database_, other.database_);
    return *this;
  }
  ~Database();

  Result<void> execute(const std::string& sql);  // one or more statements without results
  Result<Statement> prepare(std::string_view sql);
  int64_t last_row() const;
  int64_t changes() const;  // rows changed by the last statement
  // The only value of a one-row query, or `fallback` when it has no row.
  Result<int64_t> integer_of(std::string_view sql, int64_t fallback);

 private:
  Database() = default;
  sqlite3* database_ = nullptr;
};

// A transaction that rolls back unless committed; begin() takes the write lock at once.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  // For questions of many statements: all see one state, and the file is locked once instead of for each.
  static Result<Transaction> begin_reading(Database& database);
  Transaction(Transaction&& other) noexcept : database_(other.database_) { other.database_ = nullptr; }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace inquest::records
