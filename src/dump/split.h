// Split sets: makedumpfile --split writes one dump as several kdump files, each with all bitmaps and the pages from
// start_pfn to end_pfn of its own sub header. A part may be empty: makedumpfile shares out by the pages of its first
// pass, and on small machines the first part gets all.
#pragma once

#include <string>
#include <vector>

#include "dump/kdump_header.h"

namespace inquest::dump {

// Whether two headers were written by one run for one machine: all but the part's own range is the same.
bool same_dump(const KdumpHeader& a, const KdumpHeader& b);

struct SplitPart {
  std::string path;
  std::shared_ptr<const FileView> file;
  KdumpHeader header;
};

// The other parts in `path`'s folder: files of another range with the same headers. Files that cannot be opened are
// passed over.
std::vector<SplitPart> find_parts_beside(const std::string& path, const KdumpHeader& header);

// Sorted by range. A part whose range another has already is dropped (a copy lies beside it).
std::vector<SplitPart> in_order(std::vector<SplitPart> parts);

}  // namespace inquest::dump
