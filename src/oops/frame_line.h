// One line of a backtrace to a Frame (two on old 32-bit arm), in every architecture's spelling.
//
//   x86, generic  " [<ffffffff81a0>] ? func+0x1/0x2 [mod]"; addresses left out since 4.10 (bb5e5ce545f2)
//   arm64 6.12+   " func+0x1/0x2 (P)": how the frame was found
//   arm           " [<c001>] (func) from [<c002>] (caller+0x1/0x2)"; newer " func from caller+0x1/0x2"
//   powerpc       "[sp] [ip] func+0x1/0x2 [mod] (unreliable)", "--- interrupt: c00 at func+0x1/0x2"
//   s390          " ([<00000000>] func+0x1/0x2)"
//   decoded       "func+0x1/0x2 file.c:3", "func (file.c:3 (discriminator 2)) mod", "func file.c:3 [inline]"
// Pure functions; they keep nothing.
#pragma once

#include <optional>
#include <string_view>

#include "oops/event.h"
#include "oops/text.h"

namespace inquest::oops {

struct FrameLine {
  Frame frame;
  std::optional<Frame> caller;  // of an arm "f from g" line
  bool certain = false;         // "name+0x1/0x2" or a bracketed address: a frame wherever it stands
};

std::optional<FrameLine> read_frame(std::string_view text);

// "func+0x1/0x2", "0xffff…" or, with `bare`, a lone name; then "[module hash]". Fills symbol, offset, size, module.
bool read_location(Scan& s, Frame& frame, bool bare);

}  // namespace inquest::oops
