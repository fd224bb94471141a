#include "shell/symbolizer.h"

#include <fmt/format.h>

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
  auto scopes = file.scopes_at(address);
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

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$'; }
bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)); }

// One "name+0xoff/0xsize" in a line, from `from` on; with the "[module]" behind it, if any.
struct Token {
  size_t start = 0, end = 0;
  std::string module;
};
std::optional<Token> next_token(std::string_view line, size_t from) {
  for (size_t plus = line.find("+0x", from); plus != std::string_view::npos; plus = line.find("+0x", plus + 1)) {
    size_t start = plus;
    while (start > from && is_name(line[start - 1])) start--;
    size_t end = plus + 3;
    while (end < line.size() && is_hex(line[end])) end++;
    if (start == plus || end == plus + 3 || !line.substr(end).starts_with("/0x")) continue;
    end += 3;
    while (end < line.size() && is_hex(line[end])) end++;
    Token token{start, end, ""};
    std::string_view rest = line.substr(end);
    if (rest.starts_with(" [") && rest.find(']') != std::string_view::npos) {
      std::string_view inside = rest.substr(2, rest.find(']') - 2);
      token.module = std::string(inside.substr(0, inside.find(' ')));
    }
    return token;
  }
  return std::nullopt;
}

}  // namespace

Symbolizer::Symbolizer(debuginfo::Finder finder, debuginfo::OpenOptions options, std::string release, LossLedger& ledger)
    : finder_(std::move(finder)), options_(options), release_(std::move(release)), ledger_(&ledger) {}

Result<std::shared_ptr<const debuginfo::DebugFile>> Symbolizer::file(const std::string& module) {
  auto [it, fresh] = files_.try_emplace(module);
  if (fresh) {
    Result<debuginfo::FoundFile> found = Error(ErrorCode::kNotFound, "");
    if (module.empty() && release_.empty()) {
      auto kernels = finder_.kernels();
      if (kernels.empty()) return Error(ErrorCode::kNotFound, "no vmlinux found: give one with -d");
      found = kernels.front();
      release_ = kernels.front().release;
    } else {
      found = finder_.find({module.empty() ? "vmlinux" : module, release_, ""});
    }
    if (!found.ok()) return std::move(found).error();
    TRY(it->second, debuginfo::DebugFile::open(found->file, options_, *ledger_));
  }
  if (!it->second) return Error(ErrorCode::kNotFound, fmt::format("no debuginfo for {}", module.empty() ? "the kernel" : module));
  return it->second;
}

Result<Symbolized> Symbolizer::resolve(std::string_view what, const std::string& module, bool exact) {
  auto parts = parts_of(what);
  if (!parts) return Error(ErrorCode::kUsage, fmt::format("{}: neither 0xADDRESS nor SYMBOL+OFFSET[/SIZE]", what));
  TRY(auto debug, file(module));
  Symbolized result;
  result.name = std::string(what);
  uint64_t address = parts->offset;
  if (!parts->is_address) {
    std::optional<debuginfo::FileSymbol> best;
    for (const auto& s : debug->find_symbols(parts->name))
      if (!best || (parts->size && object::size_agrees(parts->size, s.size) && !object::size_agrees(parts->size, best->size))) best = s;
    if (!best) return Error(ErrorCode::kNotFound, fmt::format("{}: no such symbol in {}", parts->name, debug->path()));
    if (best->size && parts->offset >= std::max(best->size, parts->size))
      return Error(ErrorCode::kNotFound, fmt::format("{}: {} is only {:#x} bytes long", what, parts->name, best->size));
    if (parts->size && best->size && !object::size_agrees(parts->size, best->size))
      return Error(ErrorCode::kMismatch, fmt::format("{}: {} has {:#x} bytes here: another build", what, parts->name, best->size));
    address = best->address + parts->offset;
  }
  result.at_call = !exact && (parts->is_address || parts->offset) && follows_call(*debug, address);
  result.source = source_of(*debug, result.at_call ? address - 1 : address);
  if (result.source.empty()) return Error(ErrorCode::kNotFound, fmt::format("{}: no source line is known for it", what));
  return result;
}

std::string Symbolizer::text(const Symbolized& s) {
  std::string out = s.name + (s.at_call ? ": (at the call before it)\n" : ":\n");
  for (size_t i = 0; i < s.source.size(); i++)
    out += fmt::format("{}{} at {}:{}\n", i ? "(inlined by) " : "", s.source[i].function, s.source[i].file, s.source[i].line);
  return out;
}

std::string Symbolizer::annotate(std::string_view line) {
  std::string out;
  size_t done = 0;
  bool exact = line.find("RIP: ") != std::string_view::npos || line.find("pc : ") != std::string_view::npos || line.find("PC is at") != std::string_view::npos ||
               line.find("WARNING: ") != std::string_view::npos;
  while (auto token = next_token(line, done)) {
    out += line.substr(done, token->end - done);
    done = token->end;
    auto resolved = resolve(line.substr(token->start, token->end - token->start), token->module, exact);
    if (!resolved.ok()) continue;
    out += " (";
    for (size_t i = 0; i < resolved->source.size(); i++) {
      const auto& s = resolved->source[i];
      out += fmt::format("{}{}:{}{}", i ? " <- " : "", s.file, s.line, resolved->source.size() > 1 ? " " + s.function : "");
    }
    out += ")";
  }
  out += line.substr(done);
  return out;
}

}  // namespace inquest::shell
