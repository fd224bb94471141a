// An event's code and telling values in words, one line each: for the report and the shell.
#pragma once

#include <string>
#include <vector>

#include "scene/crash_scene.h"

namespace inquest::scene {

// "`mov 0x18(%rdi),%rax` reads 8 bytes at rdi 0xffff… + 0x18 = 0xffff…", "rsi 0xdead…0100: LIST_POISON1: …".
std::vector<std::string> event_words(const EventView& view);

// The "Code:" line disassembled, the faulting instruction marked.
std::vector<std::string> code_listing(const EventView& view);

}  // namespace inquest::scene
