#include "oops/line.h"

#include <cstdlib>

#include "oops/text.h"

namespace inquest::oops {
namespace {

constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view kDays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

// CR comes with serial captures, colours with `dmesg --color`, U+00A0 with web mailers and trackers.
std::string clean(std::string_view raw) {
  raw = raw.substr(0, kMaxLineBytes);
  std::string out;
  out.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); i++) {
    unsigned char c = static_cast<unsigned char>(raw[i]);
    if (c == '\r') continue;
    if (c == 0xc2 && i + 1 < raw.size() && static_cast<unsigned char>(raw[i + 1]) == 0xa0) {
      out += ' ';
      i++;
    } else if (c == 0x1b && i + 1 < raw.size() && raw[i + 1] == '[') {
      size_t end = i + 2;
      while (end < raw.size() && end < i + 16 && (is_digit(raw[end]) || raw[end] == ';')) end++;
      i = end < raw.size() ? end : raw.size();
    } else {
      out += c == 0 ? ' ' : raw[i];
    }
  }
  return out;
}

template <size_t N>
bool eat_any(Scan& s, const std::string_view (&names)[N]) {
  for (std::string_view name : names)
    if (s.eat(name)) return true;
  return false;
}

// "[   12.345678]", also with the blanks a mailer collapsed; the position after it, 0 if it is not one.
size_t printk_time(std::string_view text, size_t at, double& time) {
  Scan s(text);
  s.seek(at);
  if (!s.eat('[')) return 0;
  s.blanks();
  size_t digits = s.at();
  if (!s.take_dec() || !s.eat('.') || !is_digit(s.peek())) return 0;
  while (is_digit(s.peek())) s.eat(s.peek());
  std::string number(text.substr(digits, s.at() - digits));
  s.blanks();
  if (s.eat('<')) {  // `dmesg -d`: "[   12.345678 <    0.000010>]"
    s.take_until('>');
    s.blanks();
  }
  if (!s.eat(']')) return 0;
  time = std::strtod(number.c_str(), nullptr);
  return s.at();
}

// " T123]" after a '[': printk/printk.c:print_caller() of 5.1 and later. A bare number is an old vendor form.
bool caller_id(Scan& s, std::string& caller) {
  size_t start = s.at();
  s.blanks();
  if (s.eat('[')) {
    s.blanks();
    size_t from = s.at();
    bool lettered = s.peek() == 'T' || s.peek() == 'C';
    if (lettered) s.eat(s.peek());
    auto number = s.take_dec();
    size_t to = s.at();
    s.blanks();
    if (number && s.eat(']')) {
      size_t end = s.at();
      // A row of the out-of-memory killer's task table begins with "[  pid  ]" too; its columns are numbers.
      s.blanks();
      bool row = !lettered && is_digit(s.peek()) && s.take_dec() && is_blank(s.peek());
      if (row) {
        s.seek(start);
        return false;
      }
      s.seek(from);
      caller = std::string(s.rest().substr(0, to - from));
      s.seek(end);
      return true;
    }
  }
  s.seek(start);
  return false;
}

// "[Wed Jan 29 10:11:17 2025]": `dmesg -T`.
bool human_time(Scan& s, Line& line) {
  size_t start = s.at();
  if (s.eat('[') && eat_any(s, kDays) && s.eat(' ') && eat_any(s, kMonths)) {
    s.seek(start + 1);
    std::string_view when = s.take_until(']');
    if (when.size() <= 32) {
      line.wall_time = std::string(when);
      return true;
    }
  }
  s.seek(start);
  return false;
}

bool syslog_date(Scan& s) {
  size_t start = s.at();
  if (is_digit(s.peek()) && is_digit(s.peek(3)) && s.peek(4) == ' ' && is_upper(s.peek(5))) s.seek(start + 5);  // "2025 Jan 21 …"
  if (eat_any(s, kMonths)) {
    s.blanks();
    if (s.take_dec()) {
      s.blanks();
      size_t clock = s.at();
      if (s.take_dec() && s.eat(':') && s.take_dec()) {
        s.take_word();
        return true;
      }
      s.seek(clock);
      return s.peek() != ':';
    }
  } else if (is_digit(s.peek()) && is_digit(s.peek(3)) && s.peek(4) == '-' && s.peek(7) == '-' &&
             (s.peek(10) == 'T' || s.peek(10) == ' ') && is_digit(s.peek(11)) && s.peek(13) == ':') {
    s.seek(s.at() + 11);
    s.take_word();
    return true;
  }
  s.seek(start);
  return false;
}

// "date host kernel: ", host or time optional. Another program's name there makes the line foreign.
bool syslog(Scan& s, Line& line) {
  size_t start = s.at();
  if (!syslog_date(s)) return false;
  size_t date_end = s.at();
  // A date alone: `dmesg --time-format iso` (a comma before the microseconds), what tests and terminals put before each line of a console
  // ("2025-01-21T12:07:18.015541Z 01O [   12.345678]": GitLab).
  std::string_view date = std::string_view(line.raw).substr(start, date_end - start);
  s.blanks();
  size_t bare = s.at();
  if (is_digit(s.peek()) && is_digit(s.peek(1)) && (s.peek(2) == 'O' || s.peek(2) == 'E') && (s.peek(3) == ' ' || s.peek(3) == '+')) bare += 4;
  s.seek(bare);
  s.blanks();
  if (s.peek() == '[' || (s.peek() == '<' && is_digit(s.peek(1))) || (date.size() > 19 && date[10] == 'T' && date[19] == ',')) {
    line.wall_time = std::string(date);
    if (s.peek() != '[' && s.peek() != '<') s.seek(date_end);
    return true;
  }
  s.seek(date_end);
  for (int word = 0; word < 4; word++) {
    s.blanks();
    std::string_view token = s.take_word();
    if (!token.ends_with(':')) continue;
    std::string_view name = token.substr(0, token.find('['));
    if (name.ends_with(':')) name.remove_suffix(1);
    line.foreign = lower(name) != "kernel" && lower(name) != "unknown";
    line.wall_time = std::string(std::string_view(line.raw).substr(start, date_end - start));
    s.eat(' ');
    return true;
  }
  s.seek(start);
  return false;
}

// "> > " and "| " of quoted mail. A single '>' glued to text is not a quote.
void quoting(Scan& s) {
  while (true) {
    size_t start = s.at();
    s.blanks();
    if ((s.peek() == '>' || s.peek() == '|') && (is_blank(s.peek(1)) || s.peek(1) == '>' || s.peek(1) == '[')) {
      s.eat(s.peek());
      continue;
    }
    s.seek(start);
    return;
  }
}

// "<4>", or "kern  :warn  : " of `dmesg -x`.
bool level(Scan& s) {
  size_t start = s.at();
  if (s.eat("kern")) {
    s.blanks();
    if (s.eat(':')) {
      std::string_view name = trim(s.take_until(':'));
      s.eat(' ');
      if (!name.empty() && name.size() < 8) return true;
    }
    s.seek(start);
  }
  if (s.eat('<') && s.take_dec() && s.eat('>')) return true;
  s.seek(start);
  return false;
}

// The RT tree printed the CPU of each line: "[    6.123456] 000: text".
void rt_column(Scan& s, Line& line) {
  if (is_digit(s.peek()) && is_digit(s.peek(1)) && is_digit(s.peek(2)) && s.peek(3) == ':' && s.peek(4) == ' ') {
    line.caller = std::string(s.rest().substr(0, 3));
    s.seek(s.at() + 5);
  }
}

// Android's vendors print CPU and task: "[   12.345678] (3)[77:poller]text".
void vendor_task(Scan& s, Line& line) {
  size_t start = s.at();
  if (s.eat('(') && s.take_dec() && s.eat(")[")) {
    if (auto pid = s.take_dec(); pid && s.eat(':')) {
      std::string_view comm = s.take_until(']');
      if (comm.size() <= 24) {
        line.caller = "T" + std::to_string(*pid);
        line.stream = Stream::kCaller;
        return;
      }
    }
  }
  s.seek(start);
}

bool printk_prefix(Scan& s, Line& line) {
  size_t end = printk_time(line.raw, s.at(), line.time);
  if (end == 0) return false;
  s.seek(end);
  line.stream = Stream::kStamped;
  line.prefixed = true;
  if (caller_id(s, line.caller)) line.stream = Stream::kCaller;
  s.eat(' ');
  rt_column(s, line);
  vendor_task(s, line);
  return true;
}

// `journalctl -o short-monotonic`: "[   12.345678] host kernel: text".
void monotonic_host(Scan& s) {
  size_t start = s.at();
  std::string_view host = s.take_word();
  s.blanks();
  if (!host.empty() && host.size() < 64 && s.eat("kernel: ")) return;
  s.seek(start);
}

}  // namespace

size_t find_time(std::string_view text, size_t from, size_t& end, double& time) {
  for (size_t at = text.find('[', from); at != text.npos; at = text.find('[', at + 1)) {
    size_t after = printk_time(text, at, time);
    // printk always prints six decimals; fewer are somebody's table or version.
    size_t dot = after ? text.find('.', at) : 0;
    if (after && after - dot == 8 && (after == text.size() || text[after] == ' ' || text[after] == '[')) {
      end = after;
      return at;
    }
  }
  return text.npos;
}

Line read_line(std::string_view raw, uint64_t number) {
  Line line;
  line.number = line.last = number;
  line.raw = clean(raw);
  Scan s(line.raw);
  quoting(s);
  size_t unquoted = s.at();
  s.blanks();
  bool any = level(s);
  any |= syslog(s, line);
  any |= level(s);
  any = any || s.eat("kernel: ");
  any |= human_time(s, line);
  if (any && !line.foreign) caller_id(s, line.caller);
  if (!line.caller.empty()) line.stream = Stream::kCaller;
  if (any) s.eat(' ');
  size_t mark = s.at();
  s.blanks();
  if (printk_prefix(s, line)) {
    any = true;
    monotonic_host(s);
  } else if (any) {
    s.seek(mark);
    rt_column(s, line);
  }
  line.prefixed = any;
  if (any && line.stream == Stream::kBare) line.stream = Stream::kStamped;
  if (!any) {
    // Console output of user space has no newline of its own: "login: [   12.345678] text".
    size_t end = 0;
    size_t at = find_time(line.raw, 0, end, line.time);
    if (at != line.raw.npos) {
      s.seek(at);
      printk_prefix(s, line);
      std::string_view before = std::string_view(line.raw).substr(0, at);
      line.fused = !before.ends_with(" login: ") && !before.starts_with("** ");
      line.prefixed = true;
    } else {
      s.seek(unquoted);
    }
  }
  line.body = uint32_t(s.at());
  return line;
}

}  // namespace inquest::oops
