// Inputs: files and folders as given, sorted out into crashes to examine, each with an id by which it is known again.
//
// A folder is walked. kdump leaves vmcore and vmcore-dmesg.txt of one crash side by side: the dump is taken, the text is
// what is fallen back on. The parts of a split dump are one input. The id of a dump is a hash of its bytes (of a large one: of its
// size, its ends and samples between); that of a text, of all its bytes and of the date its path tells, for short logs that people
// typed in differ in nothing else. Errors: kNotFound for what is not there; what cannot be read in a folder is listed.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace inquest::triage {

struct Input {
  std::vector<std::string> paths;  // several: the parts of a split dump
  std::string fallback;            // the text beside a dump; "" = none
  bool given = false;              // named by the user, not met in a folder: he wants to hear why it cannot be read
};

struct Inputs {
  std::vector<Input> list;               // in the order given; folders in the order of their names
  std::vector<std::string> unreadable;   // folders and files that the system refuses, with the reason
};

// `keep_out`: files that are no inputs wherever they lie (the catalogue itself).
Inputs find_inputs(const std::vector<std::string>& given, const std::vector<std::string>& keep_out);

// 32 hex digits; kIo if the file cannot be read.
Result<std::string> id_of(const Input& input, bool is_dump);

}  // namespace inquest::triage
