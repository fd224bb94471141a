// When kernels were released, for weighing the date of a patch against a dead kernel. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace inquest::records {

// Seconds since 1970 of the final release of the series that "4.19.90-24.4.v2101.ky10" or "6.13-rc4" names;
// an estimate from the pace of nine weeks a release for series newer than the table.
std::optional<int64_t> series_date(std::string_view release);
// About when the very kernel was made: a stable series counts on every five days or so.
std::optional<int64_t> build_date(std::string_view release);
// True for what its users run soon after it was made: "-rc", "-next", a mainline build, a recent stable one.
bool is_fresh(std::string_view release, int64_t crash_date);

}  // namespace inquest::records
