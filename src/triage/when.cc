#include "triage/when.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <optional>

#include "records/text.h"

namespace inquest::triage {

namespace {

using records::is_digit;

// Exactly `count` digits at `at`, no more.
std::optional<int> digits(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (size_t i = at; i < at + count; i++) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

bool ends_number(std::string_view text, size_t at) { return at >= text.size() || !is_digit(text[at]); }
bool one_of(std::string_view text, size_t at, std::string_view set) { return at < text.size() && set.find(text[at]) != std::string_view::npos; }

int64_t seconds_of(int year, int month, int day, int hour, int minute, int second) {
  std::tm tm{};
  tm.tm_year = year - 1900;
  tm.tm_mon = month - 1;
  tm.tm_mday = day;
  tm.tm_hour = hour;
  tm.tm_min = minute;
  tm.tm_sec = second;
  return int64_t(timegm(&tm));
}

// HH:MM[:SS], HH-MM[-SS], HHMM[SS] at `at`, in seconds of the day.
int time_of_day(std::string_view text, size_t at) {
  auto hour = digits(text, at, 2);
  if (!hour || *hour > 23) return 0;
  bool parted = one_of(text, at + 2, ":-_.h");
  size_t next = at + 2 + (parted ? 1 : 0);
  auto minute = digits(text, next, 2);
  if (!minute || *minute > 59) return 0;
  next += 2;
  if (!parted && ends_number(text, next)) return *hour * 3600 + *minute * 60;
  if (parted && !one_of(text, next, ":-_.")) return ends_number(text, next) ? *hour * 3600 + *minute * 60 : 0;
  auto second = digits(text, next + (parted ? 1 : 0), 2);
  return *hour * 3600 + *minute * 60 + (second && *second < 60 ? *second : 0);
}

// YYYY-MM-DD, YYYY_MM_DD, YYYY.MM.DD or YYYYMMDD at `at`, and the time of day behind it.
int64_t date_at(std::string_view text, size_t at) {
  auto year = digits(text, at, 4);
  if (!year || *year < 1995 || *year > 2100) return 0;
  bool parted = one_of(text, at + 4, "-_.");
  size_t month_at = at + 4 + (parted ? 1 : 0), day_at = month_at + 2 + (parted ? 1 : 0);
  auto month = digits(text, month_at, 2), day = digits(text, day_at, 2);
  if (!month || !day || *month < 1 || *month > 12 || *day < 1 || *day > 31) return 0;
  if (parted && text[at + 4] != text[month_at + 2]) return 0;
  size_t end = day_at + 2;
  if (!parted && !ends_number(text, end) && !digits(text, end, 4)) return 0;
  int64_t date = seconds_of(*year, *month, *day, 0, 0, 0);
  if (end >= text.size()) return date;
  if (is_digit(text[end])) return date + time_of_day(text, end);  // YYYYMMDDHHMMSS
  return one_of(text, end, "-_T :.") ? date + time_of_day(text, end + 1) : date;
}

}  // namespace

int64_t date_in(std::string_view name) {
  int64_t found = 0;
  for (size_t i = 0; i < name.size(); i++) {
    if (!is_digit(name[i]) || (i > 0 && is_digit(name[i - 1]))) continue;
    if (int64_t date = date_at(name, i)) found = date;
  }
  return found;
}

int64_t date_of_path(const std::string& path) {
  std::filesystem::path at = std::filesystem::path(path).lexically_normal();
  for (int level = 0; level < 3 && at.has_filename(); level++) {
    if (int64_t date = date_in(at.filename().string())) return date;
    at = at.parent_path();
  }
  return 0;
}

int64_t date_of_wall_time(std::string_view text) {
  for (size_t i = 0; i + 9 < text.size(); i++)
    if (is_digit(text[i]) && (i == 0 || !is_digit(text[i - 1])) && text[i + 4] == '-')
      if (int64_t date = date_at(text, i)) return date;
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::string_view rest = text;
  std::string_view token = records::cut_token(rest);
  while (!token.empty()) {
    size_t month = token.size() == 3 ? kMonths.find(token) : std::string_view::npos;
    std::string_view look = rest;
    if (month != std::string_view::npos && month % 3 == 0) {
      std::string_view day = records::cut_token(look), clock = records::cut_token(look), year = records::cut_token(look);
      uint64_t d = records::leading_number(day), y = records::leading_number(year);
      if (d >= 1 && d <= 31 && y >= 1995 && y <= 2100) return seconds_of(int(y), int(month / 3) + 1, int(d), 0, 0, 0) + time_of_day(clock, 0);
    }
    token = records::cut_token(rest);
  }
  return 0;
}

std::string shown(int64_t seconds) {
  if (seconds <= 0 || seconds > 253402300799) return "";
  auto tm = fmt::gmtime(std::time_t(seconds));
  return seconds % 86400 == 0 ? fmt::format("{:%F}", tm) : fmt::format("{:%F %T}", tm);
}

}  // namespace inquest::triage
