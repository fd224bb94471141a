// spell_value(): numbers that say by themselves what they are: error pointers, list and slab poison, text.
//
// Pure; 64-bit values unless told otherwise. "" where a value says nothing.
#pragma once

#include <cstdint>
#include <string>

namespace inquest::oops {

// `wide`: of a 64-bit kernel (POISON_POINTER_DELTA is 0 on 32-bit ones, so list poison is no telling value there).
std::string spell_value(uint64_t value, bool wide = true);

// Neither all clear nor all set above bit 55: no pointer of any 64-bit kernel (5-level x86_64: 57 bits; arm64: at most 52, top byte ignored for user space only).
bool is_non_canonical(uint64_t value);

// "EINVAL" of 22; "" if it is none of include/uapi/asm-generic/errno*.h or include/linux/errno.h.
const char* errno_name(uint64_t number);

}  // namespace inquest::oops
