// The encodings mail wraps text in: base64, quoted-printable, RFC 2047 words, character sets.
//
// All are total: damaged input gives what could be decoded. Output is valid UTF-8 (what cannot be converted
// becomes U+FFFD) and never much larger than the input. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

namespace inquest::records {

std::string decode_base64(std::string_view text);
// `header`: the RFC 2047 "Q" dialect, in which '_' is a space.
std::string decode_quoted_printable(std::string_view text, bool header = false);
// To UTF-8 from the named charset; an unknown or lying one falls back to UTF-8, then Windows-1252.
std::string to_utf8(std::string bytes, std::string_view charset);
bool is_valid_utf8(std::string_view text);
// "=?utf-8?q?Caf=C3=A9?=" and neighbours to UTF-8.
std::string decode_header_words(std::string_view text);
// format=flowed (RFC 3676): soft line breaks joined, space-stuffing undone; diffs are left unjoined.
std::string unflow(std::string_view text, bool delete_space);
// Tags out, the common entities back, block elements as line ends.
std::string strip_html(std::string_view html);

}  // namespace inquest::records
