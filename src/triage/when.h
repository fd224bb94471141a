// When a crash was, as far as text tells: a wall-clock time in the log, or a date in the name of its file or folder, as kdump and
// people write them ("127.0.0.1-2024-01-05-09:05:11/vmcore-dmesg.txt", "20240712-104419.log"). Local times are taken as they are
// written. Seconds since 1970; 0 if nothing tells. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace inquest::triage {

// The last date in `name`; a time of day behind it is taken too.
int64_t date_in(std::string_view name);
// In the file's name, else in one of the two folders above it.
int64_t date_of_path(const std::string& path);
// "2024-01-05T09:03:20…" (ISO 8601) and "Fri Jan  5 09:03:20 2024" (dmesg -T).
int64_t date_of_wall_time(std::string_view text);
// "2024-01-05 09:05:11"; without the time of day when that is not known (midnight sharp); "" for 0.
std::string shown(int64_t seconds);

}  // namespace inquest::triage
