#include "dump/formats.h"

#include <array>

#include "dump/flattened.h"

namespace inquest::dump {

std::span<const Format> formats() {
  static constexpr std::array<Format, 3> kFormats{{
      {"ELF core", probe_elf_core, open_elf_core},
      {"kdump-compressed", probe_kdump, open_kdump},
      {"known but not read", probe_unread, open_unread},
  }};
  return kFormats;
}

Result<Source> open_source(std::string path, std::shared_ptr<const FileView> file) {
  Source source{std::move(path), std::move(file)};
  if (!is_flattened(*source.view)) return source;
  TRY(Flattened flattened, open_flattened(source.view));
  source.view = std::move(flattened.view);
  source.flattened = true;
  source.complete = flattened.complete;
  return source;
}

}  // namespace inquest::dump
