// A PostgreSQL server of Debian's package for one test program: its own cluster in a temporary folder, on loopback, gone afterwards.
#pragma once

#include <string>

namespace inquest::records {

class PostgresServer {
 public:
  // Started at the first call, stopped when the program ends. A machine without the package fails the tests that ask:
  // `make packages` installs it.
  static const PostgresServer& running();
  bool ok() const { return problem_.empty(); }
  const std::string& problem() const { return problem_; }
  // A database of that name, made empty.
  std::string fresh_database(const std::string& name) const;

 private:
  PostgresServer();
  ~PostgresServer();
  std::string as_server(const std::string& command) const;
  std::string folder_, programs_, problem_;
  int port_ = 0;
};

}  // namespace inquest::records
