// Flattened files: makedumpfile -F and QEMU write a dump to a pipe as records "these bytes belong at that offset".
//
// Layout (big-endian): a header of 4096 bytes {char[16] "makedumpfile", i64 type = 1, i64 version = 1}, then
// {i64 offset, i64 size} and `size` bytes, again and again, until a record of offset -1, size -1.
// The file is not rewritten: its records are indexed (one look at each record header), and reads go through the index.
// With the end mark seen, what no record covers is zeroes, as it would be after `makedumpfile -R`; without it, absent.
#pragma once

#include "dump/file_view.h"

namespace inquest::dump {

bool is_flattened(const FileView& file);

struct Flattened {
  std::shared_ptr<const FileView> view;
  bool complete = false;  // its end mark was seen
  uint64_t records = 0;
};
// Errors: kNotMine, kUnsupported (another type or version), kTruncated (no record at all).
Result<Flattened> open_flattened(std::shared_ptr<const FileView> file);

}  // namespace inquest::dump
