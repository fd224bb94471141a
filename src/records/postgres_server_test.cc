#include "records/postgres_server_test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace inquest::records {

namespace {

std::string newest_programs() {
  std::string best;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    std::string bin = entry.path().string() + "/bin";
    if (std::filesystem::exists(bin + "/initdb") && bin > best) best = bin;
  }
  return best;
}

int free_port() {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  int port = 0;
  if (bind(s, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && getsockname(s, reinterpret_cast<sockaddr*>(&address), &size) == 0) port = ntohs(address.sin_port);
  close(s);
  return port;
}

std::string tail_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::string all = text.str();
  return all.size() > 600 ? all.substr(all.size() - 600) : all;
}

}  // namespace

// The server refuses to run as root; Debian's package brings the user it runs as.
std::string PostgresServer::as_server(const std::string& command) const {
  return geteuid() == 0 ? "cd '" + folder_ + "' && setpriv --reuid=postgres --regid=postgres --clear-groups " + command : command;
}

PostgresServer::PostgresServer() {
  programs_ = newest_programs();
  if (programs_.empty()) {
    problem_ = "no PostgreSQL server under /usr/lib/postgresql: apt-get install postgresql (make packages does)";
    return;
  }
  std::string name = (std::filesystem::temp_directory_path() / "inquest-pg-XXXXXX").string();
  if (!mkdtemp(name.data())) {
    problem_ = "no temporary folder";
    return;
  }
  folder_ = name;
  port_ = free_port();
  if (geteuid() == 0 && std::system(("chown postgres '" + folder_ + "'").c_str()) != 0) problem_ = "no user postgres";
  std::string data = folder_ + "/data", log = folder_ + "/log";
  std::string make = as_server(programs_ + "/initdb -D " + data + " -A trust -U inquest -E UTF8 --locale=C --no-sync") + " >" + log + " 2>&1";
  std::string start = as_server(programs_ + "/pg_ctl -D " + data + " -w -t 60 -l " + folder_ + "/server.log -o '-h 127.0.0.1 -p " + std::to_string(port_) + " -k " + folder_ + " -F' start") + " >>" + log + " 2>&1";
  if (problem_.empty() && (std::system(make.c_str()) != 0 || std::system(start.c_str()) != 0)) problem_ = "PostgreSQL does not start: " + tail_of(log) + tail_of(folder_ + "/server.log");
}

PostgresServer::~PostgresServer() {
  if (folder_.empty()) return;
  std::string stop = as_server(programs_ + "/pg_ctl -D " + folder_ + "/data -m immediate -w stop") + " >/dev/null 2>&1";
  if (std::system(stop.c_str()) != 0) std::fprintf(stderr, "PostgreSQL was not running at the end\n");
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

const PostgresServer& PostgresServer::running() {
  static const PostgresServer server;
  return server;
}

std::string PostgresServer::fresh_database(const std::string& name) const {
  std::string at = " -h 127.0.0.1 -p " + std::to_string(port_) + " -U inquest ";
  std::string make = programs_ + "/dropdb --if-exists" + at + name + " >/dev/null 2>&1; " + programs_ + "/createdb" + at + name;
  if (std::system(make.c_str()) != 0) return "";
  return "postgresql://inquest@127.0.0.1:" + std::to_string(port_) + "/" + name;
}

}  // namespace inquest::records
