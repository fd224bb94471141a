#include "base/result.h"

namespace inquest {

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kNotMine: return "another format";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kTruncated: return "truncated";
    case ErrorCode::kMismatch: return "mismatch";
    case ErrorCode::kUnreadable: return "unreadable";
    case ErrorCode::kIo: return "input/output";
    case ErrorCode::kLimit: return "limit";
    case ErrorCode::kUsage: return "usage";
  }
  return "unknown";
}

}  // namespace inquest
