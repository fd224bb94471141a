// Help: what `inquest COMMAND --help` teaches below its options: by example.
#pragma once

#include <string>

namespace inquest::cli {

// "" for the program itself; "archive add" for a command of a command.
std::string examples_of(const std::string& command);

}  // namespace inquest::cli
