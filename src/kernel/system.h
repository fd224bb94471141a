// SystemFacts: what `sys` shows.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/per_cpu.h"
#include "object/program.h"

namespace inquest::kernel {

struct SystemFacts {
  std::string kernel;              // path of the vmlinux, "" if none
  std::vector<std::string> dumpfiles;
  bool partial = false;
  std::optional<int> cpus;         // as the kernel was running them: present and booted, also those panic() took offline
  std::optional<int> cpus_offline;
  std::optional<int64_t> date;     // seconds since the epoch, when the kernel's clock last ticked
  std::optional<double> uptime_seconds;
  std::optional<std::array<double, 3>> load_average;
  std::optional<uint64_t> tasks;   // from the task list, filled by Kernel::system()
  std::string nodename, release, version, machine;
  std::optional<uint64_t> memory_bytes;  // RAM the kernel managed at boot: pages present in all nodes (crash's MEMORY); firmware's holes are not in it
  std::string panic;               // as crash shows it: the line of the oops that killed the kernel, else its panic line; "" if none is known
  std::string oops_line, panic_line;  // "BUG: unable to handle page fault…"; "Kernel panic - not syncing: …"; without time stamps, "" = none
  std::vector<std::string> taints; // one letter each, as the kernel prints them: "G", "W", "O", "E"; taint_meaning() says more
  std::optional<uint64_t> taint_mask;
  std::optional<int> crashing_cpu; // panic_cpu, crashing_cpu, else the oopsing CPU by the log
  std::string crashing_cpu_how;
  std::vector<int> cpus_present;   // the CPUs counted in `cpus`
};

// The lines of a log that tell what killed the kernel.
struct FatalLines {
  std::string panic, oops_line, panic_line;  // as in SystemFacts
  std::optional<int> cpu;                    // "CPU: 1 PID: …" behind the fatal oops
};
FatalLines fatal_lines(const std::string& log);

// `log`: as LogText::text() gives it, may be empty.
SystemFacts read_system(const object::Program& program, const PerCpu& per_cpu, const std::string& log);

}  // namespace inquest::kernel
