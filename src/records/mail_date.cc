#include <cstdlib>

#include "records/mime.h"
#include "records/text.h"

namespace inquest::records {

int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  unsigned year_of_era = unsigned(year - era * 400);
  unsigned day_of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
  unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + int64_t(day_of_era) - 719468;
}

std::string date_text(int64_t seconds) {
  int64_t days = seconds >= 0 ? seconds / 86400 : -((86399 - seconds) / 86400);
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  unsigned day_of_era = unsigned(days - era * 146097);
  unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  unsigned mp = (5 * day_of_year + 2) / 153;
  unsigned day = day_of_year - (153 * mp + 2) / 5 + 1;
  unsigned month = mp < 10 ? mp + 3 : mp - 9;
  int64_t year = int64_t(year_of_era) + era * 400 + (month <= 2);
  auto two = [](unsigned n) { return std::string(n < 10 ? "0" : "") + std::to_string(n); };
  return std::to_string(year) + "-" + two(month) + "-" + two(day);
}

unsigned month_number(std::string_view name) {
  static constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
  if (name.size() < 3) return 0;
  std::string three = lower(name.substr(0, 3));
  size_t at = kMonths.find(three);
  return at == std::string_view::npos || at % 3 != 0 ? 0 : unsigned(at / 3 + 1);
}

namespace {

std::optional<int32_t> zone_of(std::string_view token) {
  if (token.size() == 5 && (token[0] == '+' || token[0] == '-')) {
    for (char c : token.substr(1)) {
      if (!is_digit(c)) return std::nullopt;
    }
    int32_t value = int32_t(leading_number(token.substr(1)));
    int32_t minutes = value / 100 * 60 + value % 100;
    return token[0] == '-' ? -minutes : minutes;
  }
  struct Zone { std::string_view name; int hours; };
  static constexpr Zone kZones[] = {{"gmt", 0},  {"ut", 0},   {"utc", 0},  {"z", 0},    {"est", -5}, {"edt", -4}, {"cst", -6}, {"cdt", -5},
                                    {"mst", -7}, {"mdt", -6}, {"pst", -8}, {"pdt", -7}, {"cet", 1},  {"cest", 2}, {"bst", 1},  {"jst", 9}};
  for (const Zone& z : kZones) {
    if (equal_ignoring_case(token, z.name)) return z.hours * 60;
  }
  return std::nullopt;
}

struct Clock { unsigned hour = 0, minute = 0, second = 0; };

bool read_clock(std::string_view token, Clock& clock) {
  size_t colon = token.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_digit(token[0])) return false;
  clock.hour = unsigned(leading_number(token));
  clock.minute = unsigned(leading_number(token.substr(colon + 1)));
  size_t second = token.find(':', colon + 1);
  clock.second = second == std::string_view::npos ? 0 : unsigned(leading_number(token.substr(second + 1)));
  return clock.hour < 25 && clock.minute < 60 && clock.second < 62;
}

}  // namespace

std::optional<MailDate> parse_mail_date(std::string_view text) {
  unsigned day = 0, month = 0;
  int64_t year = -1;
  bool timed = false;
  Clock clock;
  int32_t zone = 0;
  for (int steps = 0; steps < 16; steps++) {
    std::string_view token = cut_token(text);
    if (token.empty()) break;
    while (!token.empty() && token.back() == ',') token.remove_suffix(1);
    if (token.empty()) continue;
    if (month == 0 && month_number(token) != 0) {
      month = month_number(token);
    } else if (!timed && token.find(':') != std::string_view::npos) {
      timed = read_clock(token, clock);
    } else if (is_digit(token[0])) {
      uint64_t n = leading_number(token);
      if (day == 0 && n >= 1 && n <= 31 && token.size() <= 2) {
        day = unsigned(n);
      } else if (year < 0) {
        year = n < 70 ? int64_t(n) + 2000 : n < 200 ? int64_t(n) + 1900 : int64_t(n);
      }
    } else if (timed) {
      std::optional<int32_t> z = zone_of(token);
      if (z) zone = *z;
    }
  }
  if (day == 0 || month == 0 || year < 1970 || year > 2200) return std::nullopt;
  int64_t seconds = days_from_civil(year, month, day) * 86400 + clock.hour * 3600 + clock.minute * 60 + clock.second;
  return MailDate{seconds - int64_t(zone) * 60, zone};
}

}  // namespace inquest::records
