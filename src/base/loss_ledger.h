// LossLedger: every answer given with less than the whole truth.
//
// An *error* means "cannot give this answer"; a *loss* means "answered with less". Every kind of loss is a
// row of losses.def (name, sentence for the user); docs/losses.md is checked against it. The ledger counts
// and keeps the first few details of each, and becomes the report's `unread` list.
// Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace inquest {

enum class Loss {
#define INQUEST_LOSS(name, sentence) name,
#include "base/losses.def"
#undef INQUEST_LOSS
  kCount
};

const char* name_of(Loss loss);
const char* sentence_of(Loss loss);

class LossLedger {
 public:
  struct Entry {
    Loss loss;
    uint64_t count;
    std::vector<std::string> details;  // the first kMaxDetails distinct ones
  };
  static constexpr size_t kMaxDetails = 8;

  void add(Loss loss, std::string detail);
  std::vector<Entry> entries() const;

 private:
  struct Row {
    uint64_t count = 0;
    std::vector<std::string> details;
  };
  mutable std::mutex mutex_;
  std::vector<Row> rows_ = std::vector<Row>(size_t(Loss::kCount));
};

}  // namespace inquest
