#include "shell/symbolizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "arch/instruction.h"

namespace inquest::shell {

namespace {

struct Parts {
  std::string name;
  uint64_t offset = 0, size = 0;
  bool is_address = false;
};

std::optional<uint64_t> hex_of(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint64_t v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return v;
}

std::optional<Parts> parts_of(std::string_view what) {
  Parts parts;
  size_t plus = what.find('+');
  if (plus == std::string_view::npos) {
    auto address = hex_of(what);
    bool looks = address && (what.starts_with("0x") || what.size() >= 12);
    if (looks) return Parts{"", *address, 0, true};
    parts.name = std::string(what);
    return parts;
  }
  parts.name = std::string(what.substr(0, plus));
  std::string_view rest = what.substr(plus + 1);
  size_t slash = rest.find('/');
  auto offset = hex_of(rest.substr(0, slash));
  if (!offset || parts.name.empty()) return std::nullopt;
  parts.offset = *offset;
  if (slash != std::string_view::npos) {
    auto size = hex_of(rest.substr(slash + 1));
    if (!size) return std::nullopt;
    parts.size = *size;
  }
  return parts;
}

// By the call sites the compiler recorded, else by the instructions: modules' debug files have no code.
bool follows_call(const debuginfo::DebugFile& file, uint64_t address) {
  auto function = file.function_at(address - 1);
  if (function)
    for (const auto& site : file.call_sites(function->die))
      if (site.return_address == address) return true;
  auto symbol = file.symbol_at(address - 1);
  if (!symbol || !file.arch()) return false;
  Bytes code = file.file_bytes(symbol->address, address - symbol->address);
  if (code.size() < address - symbol->address) return false;
  arch::Decoder decoder(file.arch()->id);
  auto all = decoder.decode_all(code, VirtualAddress(symbol->address));
  return !all.empty() && all.back().operation == arch::Operation::kCall && all.back().address.value + all.back().size == address;
}

std::vector<object::SourceFrame> source_of(const debuginfo::DebugFile& file, uint64_t address) {
  std::vector<object::SourceFrame> frames;
  auto line = file.line_at(address).value_or(debuginfo::SourceLine{});
  auto scopes = file.frames_at(address);
  if (!scopes.ok()) {
    auto symbol = file.symbol_at(address);
    if (line.line) frames.push_back({symbol ? std::string(symbol->name) : "", line.file, line.line, false});
    return frames;
  }
  for (const auto& f : scopes->functions) {
    frames.push_back({std::string(f.name), line.file, line.line, f.inlined});
    line = f.call;
  }
  return frames;
}

// The kernel prints the distance to the next symbol (kernel/kallsyms.c); behind the last function of a module that is the end of its pages.
bool size_fits(const debuginfo::DebugFile& file, const debuginfo::FileSymbol& symbol, uint64_t printed) {
  if (!printed || !symbol.size || object::size_agrees(printed, symbol.size)) return true;
  if (printed < symbol.size) return false;
  const auto& all = file.symbols();
  auto next = std::upper_bound(all.begin(), all.end(), symbol.address, [](uint64_t at, const debuginfo::FileSymbol& s) { return at < s.address; });
  if (next != all.end() && object::size_agrees(printed, next->address - symbol.address)) return true;
  for (const debuginfo::SectionPlace& place : file.section_places()) {
    if (symbol.address < place.address || symbol.address - place.address >= place.size) continue;
    return file.is_module() && (next == all.end() || next->address - place.address >= place.size);
  }
  return false;
}

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace

Symbolizer::Symbolizer(debuginfo::Finder finder, debuginfo::OpenOptions options, std::string release, LossLedger& ledger)
    : finder_(std::move(finder)), options_(options), release_(std::move(release)), release_given_(!release_.empty()), ledger_(&ledger) {}

bool Symbolizer::expect(const std::string& release, const std::string& build_id) {
  if (release_given_ || (release == release_ && (build_id.empty() || build_id == build_id_))) return false;
  release_ = release;
  build_id_ = build_id;
  files_.clear();
  return true;
}

Result<debuginfo::FoundFile> Symbolizer::find(const ModuleName& module) {
  if (!module.name.empty()) return finder_.find({module.name, release_, module.build_id});
  if (!release_.empty() || !build_id_.empty()) return finder_.find({"vmlinux", release_, build_id_});
  // Nothing says which kernel: the only one on offer, but not one of several.
  auto kernels = finder_.kernels();
  if (kernels.empty()) return Error(ErrorCode::kNotFound, "no vmlinux found: give one with -d");
  if (kernels.size() > 1) return Error(ErrorCode::kNotFound, fmt::format("{} kernels on offer and nothing says which: give --release", kernels.size()));
  release_ = kernels.front().release;
  return kernels.front();
}

Result<Symbolizer::File> Symbolizer::file(const ModuleName& module) {
  std::string key = module.name + "\n" + module.build_id;
  auto known = files_.find(key);
  if (known != files_.end()) return known->second;
  auto found = find(module);
  Result<File> opened = found.ok() ? debuginfo::DebugFile::open(found->file, options_, *ledger_) : Result<File>(found.error());
  return files_.emplace(std::move(key), std::move(opened)).first->second;
}

bool Symbolizer::has_file(const ModuleName& module) { return file(module).ok(); }

Result<Symbolized> Symbolizer::resolve(std::string_view what, const ModuleName& module, bool exact) {
  auto parts = parts_of(what);
  if (!parts) return Error(ErrorCode::kUsage, fmt::format("{}: neither 0xADDRESS nor SYMBOL+OFFSET[/SIZE]", what));
  TRY(auto debug, file(module));
  Symbolized result;
  result.name = std::string(what);
  result.address = parts->offset;
  if (!parts->is_address) {
    std::optional<debuginfo::FileSymbol> best;
    for (const auto& s : debug->find_symbols(parts->name))
      if (!best || (parts->size && size_fits(*debug, s, parts->size) && !size_fits(*debug, *best, parts->size))) best = s;
    if (!best) return Error(ErrorCode::kNotFound, fmt::format("{}: no such symbol in {}", parts->name, debug->path()));
    if (!size_fits(*debug, *best, parts->size))
      return Error(ErrorCode::kMismatch, fmt::format("{}: {} has {:#x} bytes in {}: another build", what, parts->name, best->size, debug->path()));
    if (best->size && parts->offset >= std::max(best->size, parts->size))
      return Error(ErrorCode::kNotFound, fmt::format("{}: {} is only {:#x} bytes long", what, parts->name, best->size));
    result.address = best->address + parts->offset;
  }
  result.at_call = !exact && (parts->is_address || parts->offset) && follows_call(*debug, result.address);
  result.source = source_of(*debug, result.at_call ? result.address - 1 : result.address);
  if (result.source.empty()) return Error(ErrorCode::kNotFound, fmt::format("{}: no source line is known for it", what));
  for (auto& frame : result.source)
    if (!strip_.empty() && frame.file.starts_with(strip_)) frame.file.erase(0, strip_.size());
  return result;
}

namespace {

// binutils/addr2line.c: with -p one line an address, "(inlined by)" before each caller; without -i the innermost function only.
std::string addr2line_text(const Symbolized& s, const AnswerStyle& style) {
  std::string out = style.addresses ? fmt::format("0x{:016x}{}", s.address, style.pretty ? ": " : "\n") : "";
  for (size_t i = 0; i < s.source.size() && (i == 0 || style.inlines); i++) {
    const auto& f = s.source[i];
    std::string file = style.base_names ? base_name(f.file) : f.file;
    std::string where = fmt::format("{}:{}", file.empty() ? "??" : file, f.line);
    if (style.pretty) out += fmt::format("{}{}{}\n", i ? " (inlined by) " : "", style.functions ? f.function + " at " : "", where);
    else out += (style.functions ? f.function + "\n" : "") + where + "\n";
  }
  return out;
}

}  // namespace

std::string Symbolizer::text(const Symbolized& s, const AnswerStyle& style) {
  if (style.addr2line) return addr2line_text(s, style);
  std::string out = s.name + (s.at_call ? ": (at the call before it)\n" : ":\n");
  for (size_t i = 0; i < s.source.size(); i++)
    out += fmt::format("{}{} at {}:{}\n", i ? "(inlined by) " : "", s.source[i].function, style.base_names ? base_name(s.source[i].file) : s.source[i].file, s.source[i].line);
  return out;
}

}  // namespace inquest::shell
