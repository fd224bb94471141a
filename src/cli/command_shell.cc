// `inquest shell`: commands given with -c, or a prompt.
#include <fmt/format.h>
#include <histedit.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <signal.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "cli/session.h"
#include "cli/text_scene.h"
#include "scene/live_scene.h"
#include "shell/shell.h"

namespace inquest::cli {

namespace {

std::string json_answer(const std::string& line, const Result<std::string>& answer) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> w(buffer);
  auto put = [&](const char* key, const std::string& value) {
    w.Key(key);
    w.String(value.c_str(), rapidjson::SizeType(value.size()));
  };
  w.StartObject();
  put("command", line);
  w.Key("ok");
  w.Bool(answer.ok());
  if (answer.ok()) put("text", *answer);
  else put("error", answer.error().message());
  w.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

// Whether it worked. In JSON an error is an answer; in text it goes to standard error.
bool run_one(const Options& options, const shell::Context& context, const std::string& line) {
  auto answer = shell::run_line(context, line);
  std::string out = options.json ? json_answer(line, answer) : answer.ok() ? *answer : "";
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
  if (!answer.ok() && !options.json) fail(answer.error());
  return answer.ok();
}

const char* prompt(EditLine*) { return "inquest> "; }

volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) { interrupted = 1; }

// The first word of the line: completed among the commands; more than one fits: they are listed.
unsigned char complete(EditLine* edit, int) {
  const LineInfo* line = el_line(edit);
  std::string_view word(line->buffer, size_t(line->cursor - line->buffer));
  if (word.find(' ') != std::string_view::npos) return CC_ERROR;
  std::vector<std::string_view> fitting;
  for (const auto& command : shell::commands())
    if (command.name.starts_with(word)) fitting.push_back(command.name);
  if (std::string_view("help").starts_with(word)) fitting.push_back("help");
  if (fitting.empty()) return CC_ERROR;
  if (fitting.size() == 1) {
    std::string rest = std::string(fitting.front().substr(word.size())) + " ";
    return el_insertstr(edit, rest.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }
  std::putchar('\n');
  for (auto name : fitting) std::printf("%.*s  ", int(name.size()), name.data());
  std::putchar('\n');
  return CC_REDISPLAY;
}

// What was typed, without its line end; nothing at the end of the input. Ctrl-C gives up the line, as in any shell; while a command runs it ends the program.
std::optional<std::string> read_line(EditLine* edit) {
  struct sigaction own {}, before {};
  own.sa_handler = on_interrupt;  // without SA_RESTART, so that el_gets() comes back
  for (;;) {
    interrupted = 0;
    ::sigaction(SIGINT, &own, &before);
    int count = 0;
    const char* text = el_gets(edit, &count);
    ::sigaction(SIGINT, &before, nullptr);
    if (interrupted) {
      std::putchar('\n');
      el_reset(edit);
      continue;
    }
    if (!text || count <= 0) return std::nullopt;
    std::string line(text, size_t(count));
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
    return line;
  }
}

void run_prompt(const Options& options, const shell::Context& context) {
  EditLine* edit = el_init("inquest", stdin, stdout, stderr);
  History* past = history_init();
  HistEvent event;
  history(past, &event, H_SETSIZE, 1000);
  const char* home = std::getenv("HOME");
  std::string file = home && *home ? std::string(home) + "/.inquest_history" : "";
  if (!file.empty()) history(past, &event, H_LOAD, file.c_str());
  el_set(edit, EL_PROMPT, prompt);
  el_set(edit, EL_HIST, history, past);
  el_set(edit, EL_EDITOR, "emacs");
  el_set(edit, EL_ADDFN, "inquest-complete", "complete a command's name", complete);
  el_set(edit, EL_BIND, "^I", "inquest-complete", nullptr);
  std::puts("inquest shell: `help` lists the commands, `quit` leaves");
  while (auto line = read_line(edit)) {
    if (line->empty()) continue;
    history(past, &event, H_ENTER, line->c_str());
    if (*line == "quit" || *line == "q" || *line == "exit") break;
    run_one(options, context, *line);
  }
  if (!file.empty()) history(past, &event, H_SAVE, file.c_str());
  history_end(past);
  el_end(edit);
}

void run_lines(const Options& options, const shell::Context& context) {
  char* line = nullptr;
  size_t room = 0;
  for (ssize_t n; (n = ::getline(&line, &room, stdin)) > 0;) {
    std::string text(line, size_t(n));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text == "quit" || text == "q" || text == "exit") break;
    run_one(options, context, text);
  }
  std::free(line);
}

}  // namespace

int run_shell(const Options& options) {
  Session session(options);
  auto opened = session.open_input();
  if (!opened.ok()) return fail(opened.error());
  LogScene log;
  std::unique_ptr<scene::CrashScene> scene;
  session.stage("set the scene");
  if (opened->is_dump) {
    if (auto kernel = session.open_kernel(); !kernel.ok()) return fail(kernel.error());
    scene = std::make_unique<scene::LiveScene>(session.kernel(), false);
  } else {
    log = scene_of_log(session, std::move(opened->log));
    scene = std::move(log.scene);
  }
  session.stage("commands");
  shell::Context context{opened->is_dump ? &session.kernel() : log.kernel ? log.kernel->kernel.get() : nullptr, scene.get()};
  if (options.commands.empty()) {
    if (::isatty(STDIN_FILENO) == 1) run_prompt(options, context);
    else run_lines(options, context);
    return 0;
  }
  bool all = true;
  for (const auto& line : options.commands) all = run_one(options, context, line) && all;
  session.leave(all ? 0 : 1);
}

}  // namespace inquest::cli
