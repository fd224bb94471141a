#include "base/loss_ledger.h"

#include <algorithm>

namespace inquest {

namespace {
struct Text {
  const char* name;
  const char* sentence;
};
constexpr Text kTexts[] = {
#define INQUEST_LOSS(name, sentence) {#name, sentence},
#include "base/losses.def"
#undef INQUEST_LOSS
};
}  // namespace

const char* name_of(Loss loss) { return kTexts[size_t(loss)].name + 1; }
const char* sentence_of(Loss loss) { return kTexts[size_t(loss)].sentence; }

void LossLedger::add(Loss loss, std::string detail) {
  std::lock_guard lock(mutex_);
  Row& row = rows_[size_t(loss)];
  row.count++;
  if (row.details.size() < kMaxDetails && std::find(row.details.begin(), row.details.end(), detail) == row.details.end())
    row.details.push_back(std::move(detail));
}

std::vector<LossLedger::Entry> LossLedger::entries() const {
  std::lock_guard lock(mutex_);
  std::vector<Entry> all;
  for (size_t i = 0; i < rows_.size(); i++)
    if (rows_[i].count) all.push_back({Loss(i), rows_[i].count, rows_[i].details});
  return all;
}

}  // namespace inquest
