// Fuzz target: any bytes as a message, all the way to a document and its marks.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "records/diff.h"
#include "records/digest.h"
#include "records/encoding.h"
#include "records/marks.h"
#include "records/mime.h"

using namespace inquest::records;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view raw(reinterpret_cast<const char*>(data), size);
  Document document = digest_mail(raw, 1'600'000'000, "fallback@inquest");
  if (document.name.empty()) std::abort();
  Mail mail = parse_mail(raw);
  if (!is_valid_utf8(mail.text) || !is_valid_utf8(mail.subject)) std::abort();
  marks_of_diff(raw);
  std::string_view message = raw.substr(0, size / 2);
  digest_commit("0123456789012345678901234567890123456789", "A <a@b>", 0, message, raw.substr(size / 2));
  return 0;
}
