// Emit: an answer to where it was asked for: standard output, or the file of -o.
#pragma once

#include <string>

#include "base/result.h"

namespace inquest::cli {

// "" and "-" are standard output. A file appears whole or not at all: it is written beside its place and renamed, so that a reader never sees half
// a report and a failure leaves the old one. What is no regular file (a pipe, /dev/null) is written into. kIo: a full disk, a missing folder.
Result<void> emit(const std::string& output, const std::string& text);

}  // namespace inquest::cli
