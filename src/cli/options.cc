#include "cli/options.h"

#include <CLI/CLI.hpp>

#include <cstdio>

#include "cli/help.h"

namespace inquest::cli {

namespace {

void add_debuginfo(CLI::App* app, Options& o) {
  app->add_option("-d,--debuginfo", o.debuginfo, "vmlinux, module, folder, .rpm or .deb; repeat at will")->type_name("PATH")->allow_extra_args(false);
  app->add_flag("--only-given", o.no_usual_places, "look for debuginfo nowhere but where -d says");
  app->add_flag("--timings", o.timings, "tell on stderr how long each stage took");
}

// CLI11 gives a command its parent's footer; each has its own here.
void add_examples(CLI::App& app, const std::string& name) {
  app.footer(examples_of(name));
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) add_examples(*command, (name.empty() ? "" : name + " ") + command->get_name());
}

// One line: what is wrong, and where the help is.
int wrong_usage(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  std::string command = "inquest";
  for (auto chosen = at->get_subcommands(); !chosen.empty(); chosen = at->get_subcommands()) {
    at = chosen.front();
    command += " " + at->get_name();
  }
  std::string what = error.what();
  if (at == &app && app.remaining_size() > 0) what = "no such command: " + app.remaining().front();
  for (char& c : what)
    if (c == '\n') c = ' ';
  std::fprintf(stderr, "%s: %s; see %s --help\n", command.c_str(), what.c_str(), command.c_str());
  return 2;
}

}  // namespace

Parsed parse_options(int argc, char** argv) {
  Options o;
  CLI::App app("inquest: why did this kernel die? From a crash dump or a log to the cause, with evidence.", "inquest");
  app.set_version_flag("--version", "inquest 0.1.0");
  app.require_subcommand(1);

  auto* report = app.add_subcommand("report", "the cause, its evidence, the environment, the events, the stacks");
  report->add_option("DUMP", o.inputs, "a dump, the parts of a split one, a log, or - for a log on standard input")->required();
  add_debuginfo(report, o);
  report->add_option("--format", o.format, "what to write; html for people without the dump, json for machines")->type_name("FORMAT")->check(CLI::IsMember({"text", "markdown", "html", "json"}));
  report->add_option("-o,--output", o.output, "write to this file, whole or not at all")->type_name("FILE");
  report->add_option("--source", o.source, "the kernel's source tree, to quote lines from")->type_name("DIR");
  report->add_option("--archive", o.archives, "an archive of mail and patches made by `inquest archive add`")->allow_extra_args(false);
  report->add_option("--catalogue", o.catalogue, "past crashes kept by `inquest triage`: a file, or postgresql://…");
  report->add_option("--exclude-thread", o.exclude_threads, "leave the mail thread of this Message-ID out")->allow_extra_args(false);

  auto* shell = app.add_subcommand("shell", "crash-compatible commands: a prompt, or -c to run some and exit");
  shell->add_option("DUMP", o.inputs, "a dump, or the parts of a split one")->required();
  add_debuginfo(shell, o);
  shell->add_option("-c,--command", o.commands, "run this command; repeat at will")->allow_extra_args(false);
  shell->add_flag("--json", o.json, "answers as JSON");

  auto* log = app.add_subcommand("log", "the kernel's log, or the events in it");
  log->add_option("INPUT", o.inputs, "a dump, a text file, or -")->required();
  add_debuginfo(log, o);
  log->add_option("--format", o.format, "what to write")->type_name("FORMAT")->check(CLI::IsMember({"text", "json"}));
  log->add_flag("--events", o.events, "the events instead of the lines");

  auto* symbolize = app.add_subcommand("symbolize", "addresses and FUNCTION+OFFSET/SIZE to source lines; without arguments a filter over a log");
  symbolize->add_option("WHAT", o.inputs, "0xADDRESS or SYMBOL+OFFSET[/SIZE]; a vmlinux, module or folder is taken as with -d");
  add_debuginfo(symbolize, o);
  symbolize->add_option("-e,--exe", o.debuginfo, "the same as -d")->type_name("PATH")->allow_extra_args(false);
  symbolize->add_option("-r,--release", o.release, "the kernel's release, to find its debuginfo by; else the log's own");
  symbolize->add_flag("--exact", o.exact, "take every address as it is, also behind a call");
  symbolize->add_option("--strip", o.strip, "cut this from the front of file names")->type_name("PREFIX");
  symbolize->add_flag("-f,--functions", o.answer.functions, "answer as addr2line -f does; addresses are then taken as they are");
  symbolize->add_flag("-i,--inlines", o.answer.inlines, "… -i: the functions it was inlined into, too");
  symbolize->add_flag("-p,--pretty-print", o.answer.pretty, "… -p: one line an address");
  symbolize->add_flag("-a,--addresses", o.answer.addresses, "… -a: the address before it");
  symbolize->add_flag("-s,--basenames", o.answer.base_names, "file names without folders");

  auto* index = app.add_subcommand("index", "index debuginfo now, so that later commands are instant");
  index->add_option("DEBUGINFO", o.inputs, "vmlinux, module or folder")->required();
  index->add_flag("--timings", o.timings, "tell on stderr how long each stage took");

  auto* archive = app.add_subcommand("archive", "mail and patches, indexed for reports to search");
  archive->require_subcommand(1);
  auto* add = archive->add_subcommand("add", "add a repository to an archive folder");
  add->add_option("DIR", o.archive_folder, "the archive folder; made if missing")->required();
  add->add_option("--git", o.git, "a kernel git repository");
  add->add_option("--mail", o.mail, "a public-inbox git repository");
  auto* search = archive->add_subcommand("search", "search an archive");
  search->add_option("DIR", o.archive_folder, "the archive folder")->required();
  search->add_option("QUERY", o.inputs, "words, a function, a stack; - for a stack on standard input")->required();

  auto* triage = app.add_subcommand("triage", "group many dumps and logs by cause and tell known from new");
  triage->add_option("--catalogue", o.catalogue, "where past crashes are kept: a file, or postgresql://…; without it they are forgotten");
  triage->add_option("INPUT", o.inputs, "dumps, logs, folders of them");
  triage->add_option("--archive", o.archives, "an archive of mail and patches, to name candidate fixes")->allow_extra_args(false);
  triage->add_option("--note", o.notes, "attach a ticket or remark to a group of the catalogue: GROUP=TEXT")->allow_extra_args(false);
  triage->add_flag("--all", o.all_groups, "every group of the catalogue, not only those of the inputs");
  triage->add_option("--jobs", o.jobs, "worker processes; by default one a core, at most four");
  triage->add_option("--format", o.format, "what to write")->type_name("FORMAT")->check(CLI::IsMember({"text", "json"}));
  triage->add_option("-o,--output", o.output, "write to this file, whole or not at all")->type_name("FILE");
  add_debuginfo(triage, o);

  add_examples(app, "");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    app.exit(e);
    return {std::nullopt, 0};
  } catch (const CLI::ParseError& e) {
    return {std::nullopt, wrong_usage(app, e)};
  }
  if (*report) o.command = Command::kReport;
  else if (*shell) o.command = Command::kShell;
  else if (*log) o.command = Command::kLog;
  else if (*symbolize) o.command = Command::kSymbolize;
  else if (*index) o.command = Command::kIndex;
  else if (*add) o.command = Command::kArchiveAdd;
  else if (*search) o.command = Command::kArchiveSearch;
  else o.command = Command::kTriage;
  return {o, 0};
}

}  // namespace inquest::cli
