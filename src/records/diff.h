// Diff: what a unified diff touches, read from text (a mail's body or a commit's patch).
//
// Finds hunks anywhere in the text, of any `diff -u` flavour (git, quilt, svn), and works out for each changed
// line which function or type it belongs to: from the hunk's header, corrected by definitions seen inside the
// hunk. Quoted diffs ("> +foo") are not read. Pure; total: damaged hunks give what could be read. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::records {

struct DiffLine {
  char kind = ' ';        // '+', '-' or ' '
  std::string_view text;  // without the kind; into the text that was read
  uint32_t scope = 0;     // index in Diff::scopes
  uint32_t number = 0;    // in the old file, from 1; of an added line: of the old line that it stands before
};

// Where a changed line lives: a function, a type ("struct nfs4_client"), or neither (empty name).
struct DiffScope {
  std::string name;
  bool is_type = false;
  uint32_t file = 0;  // index in Diff::files
};

struct DiffFile {
  std::string path;  // without a/ b/ and foreign tree names in front: "fs/nfsd/state.h"
  uint32_t added = 0, removed = 0;
};

struct Diff {
  std::vector<DiffFile> files;
  std::vector<DiffScope> scopes;
  std::vector<DiffLine> lines;  // of all hunks; views into the text given
  bool truncated = false;       // a hunk ended before its header says, or a limit was reached

  bool empty() const { return files.empty(); }
};

// `text` must outlive the result.
Diff read_diff(std::string_view text);

// Position in `text` where the diff starts (its first header line), or npos.
size_t diff_start(std::string_view text);

// The function or type that a definition or hunk-header line names; an empty name if none.
// "static int nfsd4_cb_done(struct …" -> nfsd4_cb_done; "struct nfs4_client {" -> type nfs4_client;
// "SYSCALL_DEFINE2(openat, …" -> __do_sys_openat.
DiffScope scope_named_by(std::string_view line);

bool is_c_keyword(std::string_view word);

}  // namespace inquest::records
