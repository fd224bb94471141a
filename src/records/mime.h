// Mail: one RFC 822 message decoded to what this room needs: who, when, in reply to what, and its text.
//
// parse_mail() is total: any bytes give a Mail, with `damage` saying what was wrong. Quoted-printable, base64,
// nested multiparts, charsets and format=flowed are undone; text attachments (patches, logs) are appended after
// the body. Limits: 8 levels, 200 parts, 4 MiB of text. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::records {

struct MailDate {
  int64_t seconds = 0;       // since 1970, UTC
  int32_t zone_minutes = 0;  // east of UTC, as written; may be nonsense such as 20 hours
};

struct Mail {
  std::string message_id;               // without <>; empty if the message has none
  std::vector<std::string> references;  // oldest first, In-Reply-To last; without <>
  std::string subject;                  // one line
  std::string from_name, from_address;
  std::optional<MailDate> date;
  std::string text;                 // UTF-8, LF line ends
  std::vector<std::string> damage;  // sentences; empty for a sound message
};

Mail parse_mail(std::string_view raw);

// "Thu, 31 Dec 2020 12:03:58 +0200 (EET)" and its many variants; nothing if there is no plausible date.
std::optional<MailDate> parse_mail_date(std::string_view text);
// Days from 1970-01-01 of a date of the Gregorian calendar; month from 1.
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);
// "2020-12-31" of seconds since 1970, UTC.
std::string date_text(int64_t seconds);
// 1 to 12 for "Jan" … "Dec" (any case), 0 otherwise.
unsigned month_number(std::string_view name);

}  // namespace inquest::records
