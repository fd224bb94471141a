#include "records/kernel_dates.h"

#include <algorithm>

#include "records/mime.h"
#include "records/text.h"

namespace inquest::records {
namespace {

struct Series { int major, minor; int year; unsigned month, day; };
constexpr Series kSeries[] = {
    {2, 6, 2003, 12, 18}, {3, 0, 2011, 7, 22},  {3, 2, 2012, 1, 4},   {3, 4, 2012, 5, 20},  {3, 6, 2012, 9, 30},  {3, 8, 2013, 2, 18},  {3, 10, 2013, 6, 30},
    {3, 12, 2013, 11, 3}, {3, 14, 2014, 3, 30}, {3, 16, 2014, 8, 3},  {3, 18, 2014, 12, 7}, {4, 0, 2015, 4, 12},  {4, 1, 2015, 6, 21},  {4, 2, 2015, 8, 30},
    {4, 3, 2015, 11, 1},  {4, 4, 2016, 1, 10},  {4, 5, 2016, 3, 13},  {4, 6, 2016, 5, 15},  {4, 7, 2016, 7, 24},  {4, 8, 2016, 10, 2},  {4, 9, 2016, 12, 11},
    {4, 10, 2017, 2, 19}, {4, 11, 2017, 4, 30}, {4, 12, 2017, 7, 2},  {4, 13, 2017, 9, 3},  {4, 14, 2017, 11, 12}, {4, 15, 2018, 1, 28}, {4, 16, 2018, 4, 1},
    {4, 17, 2018, 6, 3},  {4, 18, 2018, 8, 12}, {4, 19, 2018, 10, 22}, {4, 20, 2018, 12, 23}, {5, 0, 2019, 3, 3},   {5, 1, 2019, 5, 5},   {5, 2, 2019, 7, 7},
    {5, 3, 2019, 9, 15},  {5, 4, 2019, 11, 24}, {5, 5, 2020, 1, 26},  {5, 6, 2020, 3, 29},  {5, 7, 2020, 5, 31},  {5, 8, 2020, 8, 2},   {5, 9, 2020, 10, 11},
    {5, 10, 2020, 12, 13}, {5, 11, 2021, 2, 14}, {5, 12, 2021, 4, 25}, {5, 13, 2021, 6, 27}, {5, 14, 2021, 8, 29}, {5, 15, 2021, 10, 31}, {5, 16, 2022, 1, 9},
    {5, 17, 2022, 3, 20}, {5, 18, 2022, 5, 22}, {5, 19, 2022, 7, 31}, {6, 0, 2022, 10, 2},  {6, 1, 2022, 12, 11}, {6, 2, 2023, 2, 19},  {6, 3, 2023, 4, 23},
    {6, 4, 2023, 6, 25},  {6, 5, 2023, 8, 27},  {6, 6, 2023, 10, 29}, {6, 7, 2024, 1, 7},   {6, 8, 2024, 3, 10},  {6, 9, 2024, 5, 12},  {6, 10, 2024, 7, 14},
    {6, 11, 2024, 9, 15}, {6, 12, 2024, 11, 17}, {6, 13, 2025, 1, 19}, {6, 14, 2025, 3, 24}, {6, 15, 2025, 5, 25}, {6, 16, 2025, 7, 27}, {6, 17, 2025, 9, 28},
    {6, 18, 2025, 11, 30}};
constexpr int64_t kDay = 86400;

}  // namespace

std::optional<int64_t> series_date(std::string_view release) {
  if (!release.empty() && release[0] == 'v') release.remove_prefix(1);
  size_t dot = release.find('.');
  if (dot == std::string_view::npos || dot == 0 || !is_digit(release[0]) || dot + 1 >= release.size() || !is_digit(release[dot + 1])) return std::nullopt;
  int major = int(leading_number(release)), minor = int(leading_number(release.substr(dot + 1)));
  const Series* last = nullptr;
  for (const Series& s : kSeries) {
    if (s.major < major || (s.major == major && s.minor <= minor)) last = &s;
  }
  if (last == nullptr || major > 20 || minor > 99) return std::nullopt;
  int64_t date = days_from_civil(last->year, last->month, last->day) * kDay;
  if (last == &kSeries[std::size(kSeries) - 1]) {
    int steps = last->major == major ? minor - last->minor : 2 + minor + (major - last->major - 1) * 20;  // 7.0 follows 6.19
    date += int64_t(steps) * 63 * kDay;
  }
  return date;
}

std::optional<int64_t> build_date(std::string_view release) {
  std::optional<int64_t> series = series_date(release);
  if (!series) return series;
  size_t dot = release.find('.', release.find('.') + 1);
  uint64_t sublevel = dot == std::string_view::npos ? 0 : leading_number(release.substr(dot + 1));
  return *series + int64_t(std::min<uint64_t>(sublevel, 400)) * kDay * 24 / 5;
}

bool is_fresh(std::string_view release, int64_t crash_date) {
  if (release.find("-rc") != std::string_view::npos || release.find("next") != std::string_view::npos) return true;
  std::optional<int64_t> date = series_date(release);
  return date && crash_date != 0 && crash_date - *date < 150 * kDay;
}

}  // namespace inquest::records
