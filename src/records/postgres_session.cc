// SqlSession over PostgreSQL. Parameters and results travel as text.
#include <libpq-fe.h>

#include "records/encoding.h"
#include "records/sql_session.h"
#include "records/text.h"

namespace inquest::records {
namespace {

struct FreeResult {
  void operator()(PGresult* r) const { PQclear(r); }
};
using PgResult = std::unique_ptr<PGresult, FreeResult>;

struct CloseConnection {
  void operator()(PGconn* c) const { PQfinish(c); }
};
using PgConnection = std::unique_ptr<PGconn, CloseConnection>;

// The password of an address is nobody's business in an error message.
std::string without_password(const std::string& address) {
  size_t start = address.find("://"), at = address.find('@'), colon = start == std::string::npos ? start : address.find(':', start + 3);
  if (at == std::string::npos || colon == std::string::npos || colon > at) return address;
  return address.substr(0, colon) + ":***" + address.substr(at);
}

class PostgresSession : public SqlSession {
 public:
  PostgresSession(PgConnection connection, std::string name) : connection_(std::move(connection)), name_(std::move(name)) {}

  Result<SqlAnswer> run(const std::string& sql, const std::vector<std::string>& values) override {
    std::vector<std::string> kept;
    std::vector<const char*> pointers;
    kept.reserve(values.size());
    for (const std::string& v : values) {
      kept.push_back(to_utf8(v.substr(0, v.find('\0')), "utf-8"));  // its text holds neither NUL nor broken UTF-8; a file's name may
      pointers.push_back(kept.back().c_str());
    }
    PgResult result(PQexecParams(connection_.get(), sql.c_str(), int(values.size()), nullptr, pointers.data(), nullptr, nullptr, 0));
    ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return failure();
    SqlAnswer answer;
    answer.changed = int64_t(leading_number(PQcmdTuples(result.get())));
    for (int r = 0; r < PQntuples(result.get()); r++) {
      auto& row = answer.rows.emplace_back();
      for (int c = 0; c < PQnfields(result.get()); c++) row.emplace_back(PQgetvalue(result.get(), r, c), size_t(PQgetlength(result.get(), r, c)));
    }
    return answer;
  }

  Result<void> begin() override { return plain("BEGIN"); }
  Result<void> commit() override { return plain("COMMIT"); }
  void roll_back() override { (void)plain("ROLLBACK").ok(); }
  bool shared_by_machines() const override { return true; }

 private:
  Error failure() const { return Error(ErrorCode::kIo, name_ + ": " + squeeze(PQerrorMessage(connection_.get()))); }
  Result<void> plain(const char* sql) {
    PgResult result(PQexec(connection_.get(), sql));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return failure();
    return {};
  }

  PgConnection connection_;
  std::string name_;
};

}  // namespace

Result<std::unique_ptr<SqlSession>> open_postgres_session(const std::string& address) {
  std::string name = without_password(address);
  PgConnection connection(PQconnectdb(address.c_str()));
  if (!connection) return Error(ErrorCode::kIo, name + ": out of memory");
  if (PQstatus(connection.get()) != CONNECTION_OK) return Error(ErrorCode::kNotFound, name + ": " + squeeze(PQerrorMessage(connection.get())));
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);  // "relation already exists, skipping"
  PgResult encoding(PQexec(connection.get(), "SET client_encoding TO 'UTF8'"));
  return std::unique_ptr<SqlSession>(std::make_unique<PostgresSession>(std::move(connection), std::move(name)));
}

}  // namespace inquest::records
