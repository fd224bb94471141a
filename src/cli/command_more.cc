// Commands that are not made yet answer so, in one line.
#include "cli/session.h"

namespace inquest::cli {

static int not_yet(const char* what) { return fail(Error(ErrorCode::kUnsupported, std::string(what) + ": not made yet")); }

int run_triage(const Options&) { return not_yet("triage"); }

}  // namespace inquest::cli
