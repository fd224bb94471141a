#include "records/postings.h"

#include <algorithm>

#include "records/digest.h"
#include "records/text.h"

namespace inquest::records {
namespace {

uint8_t column_bit(std::string_view name) {
  if (name.size() < 2) return 0;
  switch (name[0]) {
    case 's': return 1u << kSubject;
    case 't': return name[1] == 'o' ? 1u << kTouched : 1u << kTraced;
    case 'c': return name[1] == 'h' ? 1u << kChanged : 1u << kContext;
    case 'b': return 1u << kBody;
    case 'f': return 1u << kFiled;
    default: return 0;
  }
}

}  // namespace

Result<Postings> Postings::open(Database& database) {
  Postings out;
  TRY(out.find_, database.prepare("SELECT doc, col FROM postings WHERE term = ?1 LIMIT ?2"));
  return out;
}

Result<const WordPostings*> Postings::of(std::string_view word, size_t limit) {
  std::string key = lower(word);
  auto at = kept_.find(key);
  if (at != kept_.end()) return &at->second;
  WordPostings found;
  find_.bind(1, key).bind(2, int64_t(limit));
  size_t rows = 0;
  while (true) {
    TRY(bool more, find_.step());
    if (!more) break;
    rows++;
    int64_t document = find_.integer(0);
    uint8_t bit = column_bit(find_.view(1));
    if (!found.list.empty() && found.list.back().document == document) {
      found.list.back().columns |= bit;
    } else {
      found.list.push_back({document, bit});
    }
  }
  find_.reset();
  found.cut = rows >= limit;
  return &(kept_[std::move(key)] = std::move(found));
}

}  // namespace inquest::records
