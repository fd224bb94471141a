#include "shell/shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "object/clones.h"
#include "shell/c_expression.h"

namespace inquest::shell {

namespace {

namespace c = commands_of;

constexpr Command kCommands[] = {
    {"sys", "sys", "The machine and its kernel.", c::sys},
    {"log", "log [-l]", "The kernel's log; -l with levels.", c::log},
    {"bt", "bt [-a] [-l] [-v] [PID | TASK]...", "Stacks. Without a word: the crashed thread's. -a: of every CPU. -l: file and line. -v: parameters and locals.\nInlined functions are frames, marked (inlined).\n  bt -l\n  bt 1", c::bt},
    {"foreach", "foreach [kernel | user | STATE | PID | TASK | NAME]... bt [-l] [-v]", "The stacks of all tasks, or of those named, on all cores.\n  foreach bt\n  foreach UN bt -l", c::foreach},
    {"ps", "ps [-k | -u] [PID | COMMAND]...", "Every task; > marks those that were running.", c::ps},
    {"task", "task [-R MEMBER,MEMBER] [-x] [PID | TASK]...", "A task: state, flags, parent, CPU, stack, memory, when it last ran; -R: these members of its task_struct. Without a word: the crashed one.\n"
     "  task 1\n  task -R pid,comm,thread.sp 1", c::task},
    {"files", "files [PID | TASK]...", "The files a task has open: descriptor, file, dentry, inode, path. Without a word: the crashed task's.\n  files 1", c::files},
    {"runq", "runq [-c CPU]", "Each CPU's run queue: what runs, and the real-time and fair tasks that are to run.\n  runq", c::runq},
    {"timer", "timer [-c CPU]", "The pending timers of each CPU's timer wheel, earliest first: when, in jiffies from now, and which function.\n  timer -c 0", c::timer},
    {"mod", "mod [-s NAME [FILE]] [-S]", "The modules, where they lie, and their debuginfo (found by build ID; loaded when first needed).", c::mod},
    {"rd", "rd [-8 | -16 | -32 | -64] [-s] [-x] [-p] ADDRESS | SYMBOL [COUNT]", "Memory. -s: addresses as symbols. -x: no text. -p: a physical address.\n  rd ffff8c2002647010 2\n  rd linux_banner 20", c::rd},
    {"struct", "struct TYPE[.MEMBER[,MEMBER]] [-x] [-o] [ADDRESS [COUNT]]", "A structure's layout (-o: with offsets), or what lies at an address laid out as it. -x: hexadecimal.\n  struct xa_node.private_list -xo\n  struct list_head ffff8c2002647010", c::structure},
    {"union", "union TYPE [-x] [-o] [ADDRESS]", "The same for unions.", c::union_},
    {"*", "* TYPE [-x] [-o] [ADDRESS]", "struct or union, whichever it is.", c::structure},
    {"p", "p [-x] EXPRESSION", "What a C expression is: variables (NAME:2 is CPU 2's copy, MODULE:NAME a module's own), casts, * & -> . [] sizeof, + - * / % << >> & | ^ ~. "
     "Registers and locals are not names here: bt -v has them.\n  p init_uts_ns.name.release\n  p *init_task.mm\n  p ((struct task_struct *)0xffff8c2002647010)->comm\n"
     "  p -x init_task.flags & 0x200000", c::p},
    {"list", "list [-H | -h] [-o OFFSET | TYPE.MEMBER] [-s TYPE[.MEMBER,…]] [-e END] [-x] START", "A linked list: list_head, hlist, llist, or structures that point at the next. "
     "START is the first structure (-h: the same, for OFFSET of an embedded link), with -H the list's head; where types tell a head or a link, neither is needed. "
     "-s: each as that structure. Cycles, links that do not fit and memory that cannot be read are told.\n  list task_struct.tasks -s task_struct.pid,comm init_task\n"
     "  list -H modules -o module.list -s module.name\n  list file_system_type.next -s file_system_type.name file_systems", c::list},
    {"whatis", "whatis ADDRESS | TYPE | VARIABLE", "What an address is (symbol, stack, slab object, per-CPU variable…), with type and member where they can be told, or how a name is declared.", c::whatis},
    {"sym", "sym ADDRESS | SYMBOL...", "A symbol's address, or an address's symbol, with file and line.", c::sym},
    {"kmem", "kmem ADDRESS | -s [CACHE]", "The slab object that an address is in: cache, slab, object, free or [allocated]. -s: what the caches hold, largest first.\n  kmem -s dentry", c::kmem},
    {"vtop", "vtop ADDRESS", "A virtual address translated by the kernel's page tables.", c::vtop},
    {"search", "search [-k | -u | -p] [-m MASK] VALUE | SYMBOL [PID]", "Where a 64-bit value is in memory: every stored page is looked at. -k (if nothing is said): each place under one kernel address. -p: physical addresses. -u: the memory of the crashed task, or of PID. -m: bits that do not matter.\n  search ffff8c2002647010\n  search -p -m fff ffff8c2002647000", c::search},
    {"dis", "dis [-l] [-x] [-r | -f] FUNCTION | ADDRESS [COUNT]", "Instructions, with what their operands are in the words of the source. -l: file and line. -r: from the function's start to the address. -f: from the address on.\n  dis -lx delete_node", c::dis},
    {"events", "events", "What the log tells: warnings, oopses, panics.", c::event, true},
    {"event", "event [E1]", "One event: registers as variables, frames as source lines.", c::event, true},
    {"why", "why REGISTER [EVENT]", "What a register held at an event, in the words of the source, and where that value was born: backward through instructions and callers, and whether memory still holds what was loaded.\n  why x3 E1", c::why, true},
    {"writers", "writers TYPE.MEMBER [MODULE] [SECONDS]", "Which functions store to this member: their code is followed with the types of pointers. Everywhere, modules first, for at most 20 seconds.\n  writers xa_node.count\n  writers list_head.next nfsd 60", c::writers},
    {"users", "users TYPE.MEMBER [MODULE] [SECONDS]", "The same with those that read it.", c::users},
    {"references", "references [-e] [-a] ADDRESS [SIZE] | LOW-HIGH", "What points there: registers, stacks (in whose frame), globals, slab objects, in one scan of the dump. An address in a slab object means\nthe whole object; -e: that very address. -a: all, left-over words below stack pointers too.\n  references ffff8c2002647010\n  references ffff8c2002647000 40", c::references},
    {"locks", "locks [-a] [ADDRESS]", "Who waits for which lock (mutex, rw_semaphore, semaphore, rt_mutex, spinlock, folio) or event (completion, wait queue), who holds it, and which of them\nwait for each other. -a: whole stacks. With an address: that lock, or the object it is in.\n  locks\n  locks -a", c::locks},
    {"paths", "paths FUNCTION", "How control gets there: callers upwards, the tables that hold it, the code that hands it over.\n  paths delete_node", c::paths},
    {"callbacks", "callbacks FUNCTION | TYPE.MEMBER", "Who hands a function over (to timer_setup(), kthread_create(), call_rcu() …); who hands this member over to RCU, and with which callback.\n  callbacks radix_tree_node_rcu_free\n  callbacks xa_node.callback_head", c::callbacks},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

Words split_words(const std::string& rest) {
  Words words;
  words.text = rest;
  size_t at = 0;
  while (at < rest.size()) {
    while (at < rest.size() && (rest[at] == ' ' || rest[at] == '\t')) at++;
    size_t end = std::min(rest.find_first_of(" \t", at), rest.size());
    if (end == at) break;
    std::string word = rest.substr(at, end - at);
    if (word.size() > 1 && word[0] == '-') {
      if (std::isdigit(static_cast<unsigned char>(word[1]))) words.words.push_back(word);
      else words.options += word.substr(1);
    } else {
      words.words.push_back(word);
    }
    at = end;
  }
  return words;
}

std::optional<uint64_t> parse_hex(std::string_view word) {
  if (word.starts_with("0x")) word.remove_prefix(2);
  uint64_t v = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), v, 16);
  if (error != std::errc() || end != word.data() + word.size() || word.empty()) return std::nullopt;
  return v;
}

// A function of the source whose symbol has a suffix of the compiler's: the only one of that name is taken.
static Result<Place> place_of_clone(const Context& context, const std::string& name, uint64_t offset) {
  auto clones = object::clones_of(context.program(), name);
  if (clones.size() == 1)
    return Place{clones[0].address.value + offset, fmt::format("{}: the compiler made {} of it\n", name, clones[0].name)};
  if (clones.empty()) return Error(ErrorCode::kNotFound, name + ": neither an address nor a symbol of this kernel");
  std::string all;
  for (size_t i = 0; i < clones.size() && i < 16; i++)
    all += fmt::format("{}{:x} {}{}", i ? ", " : "", clones[i].address.value, clones[i].name, clones[i].file->name.empty() ? "" : " [" + clones[i].file->name + "]");
  return Error(ErrorCode::kUsage, fmt::format("{}: the compiler made several of it: {}{}", name, all, clones.size() > 16 ? " …" : ""));
}

Result<uint64_t> parse_address(const Context& context, const std::string& word) {
  TRY(Place place, parse_place(context, word));
  return place.address;
}

Result<Place> parse_place(const Context& context, const std::string& word) {
  if (!word.empty() && std::string_view("&*(").find(word[0]) != std::string_view::npos) {
    TRY(CValue value, evaluate(context.program(), context.kernel ? &context.kernel->per_cpu() : nullptr, word));
    TRY(uint64_t address, address_of(value));
    return Place{address, ""};
  }
  std::string name = word;
  uint64_t offset = 0;
  if (size_t plus = word.find('+'); plus != std::string::npos) {
    name = word.substr(0, plus);
    std::string tail = word.substr(plus + 1);
    auto o = parse_hex(tail.substr(0, tail.find('/')));
    if (!o) return Error(ErrorCode::kUsage, word + ": what stands behind + is no number");
    offset = *o;
  }
  // A name that is hexadecimal too ("dead") is a symbol if the kernel has it and it is short.
  if (auto symbol = name.starts_with("0x") || name.size() >= 12 ? std::nullopt : context.program().symbol(name)) return Place{symbol->address.value + offset, ""};
  if (auto v = parse_hex(name)) return Place{*v + offset, ""};
  if (auto symbol = context.program().symbol(name)) return Place{symbol->address.value + offset, ""};
  return place_of_clone(context, name, offset);
}

std::string help_text(const std::string& about) {
  std::string text;
  for (const Command& command : kCommands) {
    if (about.empty()) text += fmt::format("  {:<10} {}\n", command.name, command.help.substr(0, command.help.find('\n')));
    else if (command.name == about) return fmt::format("usage: {}\n\n{}\n", command.usage, command.help);
  }
  if (!about.empty()) return fmt::format("no command {}; `help` lists them\n", about);
  return text + "  help       this list; help COMMAND tells more\n  quit       leave\n";
}

Result<std::string> run_line(const Context& context, const std::string& line) {
  size_t start = line.find_first_not_of(" \t");
  if (start == std::string::npos || line[start] == '#') return std::string();
  size_t end = std::min(line.find_first_of(" \t", start), line.size());
  std::string name = line.substr(start, end - start);
  std::string rest = line.substr(end);
  if (name == "help") {
    Words words = split_words(rest);
    return help_text(words.words.empty() ? "" : words.words.front());
  }
  // p/x is p -x.
  if (name.starts_with("p/")) {
    rest = " -" + name.substr(2) + rest;
    name = "p";
  }
  for (const Command& command : kCommands)
    if (command.name == name) {
      if (!context.kernel && !command.on_log) return Error(ErrorCode::kUnsupported, name + ": this is a log; it holds no memory, only what `events` and `event` show");
      return command.run(context, split_words(rest)).in(name);
    }
  if (!context.kernel) return Error(ErrorCode::kUsage, fmt::format("{}: no such command; `help` lists them", name));
  // crash prints a type when its name is typed alone.
  if (context.program().type(object::TypeKind::kStruct, name) || context.program().type(object::TypeKind::kUnion, name))
    return c::structure(context, split_words(name + rest)).in("struct");
  return Error(ErrorCode::kUsage, fmt::format("{}: no such command; `help` lists them", name));
}

}  // namespace inquest::shell
