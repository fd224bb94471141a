// demangle(): the readable name of a Rust or C++ function, without parameters; other names as they are.
//
// Rust's v0 scheme (RFC 2603) is read here, as no library of Debian 12 does; its legacy scheme and C++ follow the
// Itanium ABI. Depth and length are bounded: a name is input like any other. Pure.
#pragma once

#include <string>
#include <string_view>

namespace inquest::oops {

std::string demangle(std::string_view name);

}  // namespace inquest::oops
