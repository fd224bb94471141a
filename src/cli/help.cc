#include "cli/help.h"

#include <string_view>

namespace inquest::cli {

namespace {

struct Examples {
  std::string_view command, text;
};

constexpr Examples kExamples[] = {
    {"", R"(Examples:
  inquest report /var/crash/2024-01-05/vmcore -d /usr/lib/debug
  inquest report vmcore -d kernel-debuginfo.rpm --format html -o report.html
  inquest shell vmcore -d debug -c 'bt -l' -c 'struct xa_node.private_list -xo'
  dmesg | inquest symbolize -d vmlinux
  inquest log vmcore --events
`inquest COMMAND --help` has more.)"},
    {"report", R"(Examples:
  inquest report vmcore                                  debuginfo from the usual places, by release and build ID
  inquest report vmcore -d /usr/lib/debug                a folder; a vmlinux, a module, an .rpm or a .deb are taken too
  inquest report vmcore.1 vmcore.2 -d vmlinux            the parts of a split dump
  inquest report vmcore -d debug --format html -o report.html   for people without the dump: pictures and proofs
  inquest report vmcore -d debug --format json | jq '.verdicts[0]'
  inquest report vmcore -d debug --source ~/linux        quotes the lines it names
  inquest report vmcore -d debug --archive ~/lore        who met it before, and the patch that may mend it
  dmesg | inquest report -                               a log alone: what text allows)"},
    {"shell", R"(Examples:
  inquest shell vmcore -d debug                          a prompt; `help` lists the commands, `help rd` teaches one
  inquest shell vmcore -d debug -c 'bt -l'               one command, then exit
  inquest shell vmcore -d debug -c sys -c 'ps -k' --json one JSON object a command
  echo 'rd linux_banner 4' | inquest shell vmcore -d debug
Exit status with -c: 0 if every command answered, 1 if one did not.)"},
    {"log", R"(Examples:
  inquest log vmcore                                     the kernel's log, out of the dump; needs no debuginfo as a rule
  inquest log vmcore -d debug --events                   warnings and oopses, their stacks as source lines
  inquest log serial.txt --events --format json          out of a text, for a script
  journalctl -k -b -1 | inquest log - --events)"},
    {"symbolize", R"(Examples:
  inquest symbolize -d vmlinux delete_node+0x98/0x250    a line a function, the inlined ones too
  inquest symbolize -d debug 'nfs4_put_stid+0x40/0xa0 [nfsd]'
  inquest symbolize -d vmlinux 0xffffffff8110a275
  dmesg | inquest symbolize -d debug                     a filter: the log with lines behind its symbols
An offset behind a call is a return address and is resolved at the call; --exact takes it as it is.)"},
    {"index", R"(Examples:
  inquest index /usr/lib/debug/boot/vmlinux-6.1.0-13-amd64
  inquest index /usr/lib/debug/lib/modules/6.1.0-13-amd64
Later commands then open in milliseconds. The index is kept in $INQUEST_CACHE, else $XDG_CACHE_HOME/inquest, else ~/.cache/inquest.)"},
    {"archive", R"(Examples:
  inquest archive add ~/lore --git ~/linux
  inquest archive search ~/lore delete_node WARN_ON list_empty)"},
    {"archive add", R"(Examples:
  inquest archive add ~/lore --git ~/linux               a kernel git repository: commits, backports, tags
  inquest archive add ~/lore --mail ~/linux-nfs/git/0.git   a public-inbox repository: threads and patches
Again later: only what is new is added.)"},
    {"archive search", R"(Examples:
  inquest archive search ~/lore delete_node private_list
  inquest archive search ~/lore 'nfsd double free of a stateid')"},
    {"triage", R"(Examples:
  inquest triage /var/crash -d /usr/lib/debug            groups what it finds there by cause
  inquest triage --catalogue crashes.sqlite /var/crash   and tells the known from the new, from now on
  inquest triage --catalogue crashes.sqlite              what is in it
  inquest triage --catalogue postgresql://db/crashes vmcore --note 'GROUP=see BUG-4711')"},
};

constexpr std::string_view kStatus = "\n\nExit status: 0 an answer was given, 1 the input could not be opened, 2 wrong usage.";

}  // namespace

std::string examples_of(const std::string& command) {
  for (const auto& e : kExamples)
    if (e.command == command) return std::string(e.text) + (command == "shell" ? "" : std::string(kStatus));
  return "";
}

}  // namespace inquest::cli
