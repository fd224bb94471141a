// Who holds a claim: a process named so that others can tell when it is gone.
#include <unistd.h>

#include <fstream>

#include "records/catalogue.h"
#include "records/text.h"

namespace inquest::records {
namespace {

std::string first_line_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// Field 22 of /proc/PID/stat: when it was started, in clock ticks since boot. Empty if there is no such process, or one that has ended and
// that nobody has waited for (state Z): a container's first process may never do.
std::string start_of(const std::string& pid) {
  std::string stat = first_line_of("/proc/" + pid + "/stat");
  size_t behind = stat.rfind(')');
  if (behind == std::string::npos) return {};
  std::string_view rest = std::string_view(stat).substr(behind + 1);
  std::string_view token;
  for (int i = 0; i < 20; i++) {
    token = cut_token(rest);
    if (i == 0 && (token == "Z" || token == "X")) return {};
  }
  return std::string(token);
}

std::string this_machine() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return std::string(host) + " " + first_line_of("/proc/sys/kernel/random/boot_id");
}

}  // namespace

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

}  // namespace inquest::records
