// SqlSession over SQLite, and the transaction both kinds share.
#include "records/sql_session.h"

#include <map>

#include "records/database.h"

namespace inquest::records {
namespace {

class SqliteSession : public SqlSession {
 public:
  explicit SqliteSession(Database database) : database_(std::move(database)) {}

  Result<SqlAnswer> run(const std::string& sql, const std::vector<std::string>& values) override {
    auto at = prepared_.find(sql);
    if (at == prepared_.end()) {
      TRY(Statement statement, database_.prepare(sql));
      at = prepared_.emplace(sql, std::move(statement)).first;
    }
    Statement& statement = at->second;
    for (size_t i = 0; i < values.size(); i++) statement.bind(int(i) + 1, std::string_view(values[i]));
    SqlAnswer answer;
    while (true) {
      TRY(bool more, statement.step());
      if (!more) break;
      auto& row = answer.rows.emplace_back();
      for (int c = 0; c < statement.columns(); c++) row.push_back(statement.text(c));
    }
    statement.reset();
    answer.changed = database_.changes();
    return answer;
  }

  Result<void> begin() override { return database_.execute("BEGIN IMMEDIATE"); }
  Result<void> commit() override { return database_.execute("COMMIT"); }
  void roll_back() override {
    Result<void> undone = database_.execute("ROLLBACK");  // fails only when SQLite has rolled back by itself
    (void)undone.ok();
  }
  bool shared_by_machines() const override { return false; }

 private:
  Database database_;
  std::map<std::string, Statement> prepared_;
};

}  // namespace

Result<std::unique_ptr<SqlSession>> open_sqlite_session(const std::string& path) {
  TRY(Database database, Database::open(path));
  TRY_VOID(database.integer_of("PRAGMA schema_version", 0));                   // reads the header: no database, or a damaged one, says so here
  Result<void> journal = database.execute("PRAGMA journal_mode=WAL");          // busy when another process opens it too: it does this then
  if (!journal.ok() && journal.error().code() == ErrorCode::kCorrupt) return std::move(journal).error();
  TRY_VOID(database.execute("PRAGMA synchronous=FULL"));                       // a record must survive a power cut, not only a kill
  return std::unique_ptr<SqlSession>(std::make_unique<SqliteSession>(std::move(database)));
}

Result<SqlTransaction> SqlTransaction::begin(SqlSession& session) {
  TRY_VOID(session.begin());
  return SqlTransaction(&session);
}

SqlTransaction::~SqlTransaction() {
  if (session_ != nullptr) session_->roll_back();
}

Result<void> SqlTransaction::commit() {
  TRY_VOID(session_->commit());
  session_ = nullptr;
  return {};
}

}  // namespace inquest::records
