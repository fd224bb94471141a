// Clean: text from a dump made fit for where it is shown. A log, a comm or a symbol may hold any bytes, markup and control characters included.
#pragma once

#include <string>
#include <string_view>

namespace inquest::report {

// Bytes that are no UTF-8 (RFC 3629: overlong forms, surrogates, beyond U+10FFFF, cut sequences) become U+FFFD, one each.
std::string valid_utf8(std::string_view text);

// For element content and quoted attributes of HTML alike: valid UTF-8, & < > " ' as references. Control characters other than tab and newline, and those that
// turn the direction of the text around them (U+202A and friends could make a name read as another), become U+FFFD.
std::string escape_html(std::string_view text);

// Columns in a monospaced font: one a character, two for East Asian wide ones (roughly: from U+1100), none for combining marks U+0300 to U+036F.
size_t columns(std::string_view utf8);
// The first characters that fit, the last of them "…" if some had to go.
std::string fit(const std::string& utf8, size_t room);

}  // namespace inquest::report
