// Shell: commands in crash's own spelling and output form, over an opened kernel and its scene. One table; one file a family.
//
// A command answers with text (or an Error); it prints nothing. crash takes bare hexadecimal for addresses, so we do.
// Not thread-safe; kernel and scene must outlive it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/kernel.h"
#include "scene/live_scene.h"

namespace inquest::shell {

struct Context {
  const kernel::Kernel* kernel = nullptr;   // null over a log alone: commands that need a dump then say so
  const scene::CrashScene* scene = nullptr;
  const object::Program& program() const { return kernel->program(); }
};

// What a person typed after the command's name, options apart from words: "-xo" is x and o; "-l 3" is not taken: options have no values unless a
// command says so itself.
struct Words {
  std::string options;                 // letters
  std::vector<std::string> words;
  std::string text;                    // all of it as typed, for commands with a grammar of their own
  bool has(char option) const { return options.find(option) != std::string::npos; }
};

struct Command {
  std::string_view name, usage, help;  // help: a sentence, then examples
  Result<std::string> (*run)(const Context& context, const Words& words);
  bool on_log = false;                 // works over a log alone
};

std::span<const Command> commands();
// One line as typed. Empty lines and comments (#) give nothing.
Result<std::string> run_line(const Context& context, const std::string& line);
std::string help_text(const std::string& about);

// Shared by the families.
Words split_words(const std::string& rest);
Result<uint64_t> parse_address(const Context& context, const std::string& word);  // hex, symbol, symbol+offset; & * ( begin a C expression
struct Place {
  uint64_t address = 0;
  std::string note;  // a line, or "": the function is here under a name that the compiler made of it (f.isra.0)
};
Result<Place> parse_place(const Context& context, const std::string& word);       // the same, and says so
std::optional<uint64_t> parse_hex(std::string_view word);
// Answers of who does something in code end with it: the kernel frees the memory of __init functions once they ran.
inline constexpr const char* kLoadTimeNote = "code that ran at load time (__init) is gone and was not looked at\n";
std::string journey_text(const scene::JourneyView& journey);

namespace commands_of {
// system
Result<std::string> sys(const Context&, const Words&);
Result<std::string> log(const Context&, const Words&);
Result<std::string> mod(const Context&, const Words&);
Result<std::string> ps(const Context&, const Words&);
Result<std::string> bt(const Context&, const Words&);
Result<std::string> foreach(const Context&, const Words&);
Result<std::string> task(const Context&, const Words&);
Result<std::string> files(const Context&, const Words&);
Result<std::string> runq(const Context&, const Words&);
Result<std::string> timer(const Context&, const Words&);
const kernel::Task* find_task(const Context& context, const std::string& word);  // by PID or address; null: none
const kernel::Task* crashed_task(const Context& context);                         // null: not known
std::string stack_of_task(const Context& context, const kernel::Task& task, const Words& words);  // as bt prints it; thread-safe
// memory
Result<std::string> paths(const Context&, const Words&);
Result<std::string> rd(const Context&, const Words&);
Result<std::string> structure(const Context&, const Words&);
Result<std::string> union_(const Context&, const Words&);
Result<std::string> p(const Context&, const Words&);
Result<std::string> whatis(const Context&, const Words&);
Result<std::string> sym(const Context&, const Words&);
Result<std::string> kmem(const Context&, const Words&);
Result<std::string> vtop(const Context&, const Words&);
Result<std::string> search(const Context&, const Words&);
Result<std::string> list(const Context&, const Words&);
// locks
Result<std::string> locks(const Context&, const Words&);
Result<std::string> references(const Context&, const Words&);
Result<std::string> writers(const Context&, const Words&);
Result<std::string> users(const Context&, const Words&);
// code
Result<std::string> dis(const Context&, const Words&);
Result<std::string> why(const Context&, const Words&);
Result<std::string> event(const Context&, const Words&);
Result<std::string> callbacks(const Context&, const Words&);
}  // namespace commands_of

}  // namespace inquest::shell
