// kallsyms by its shape. What scripts/kallsyms.c writes, each table aligned to 8 bytes on 64-bit kernels:
//   4.6  .. 6.3   offsets, relative_base, num_syms, names, markers, [seqs_of_names,] token_table, token_index
//   6.4  ..       num_syms, names, markers, token_table, token_index, offsets, relative_base, seqs_of_names
// (kernel commit 404bad70fcf7; seqs_of_names: 60443c88f3a8, 6.2, and Debian's 6.1). Without
// CONFIG_KALLSYMS_BASE_RELATIVE (before 6.5 or so), 8-byte addresses take the place of offsets and relative_base.
// markers and num_syms were 8 bytes wide before 4.20 (80ffbaa5b1bd). So: token_index is found first, for it is the most
// peculiar; all else from there.
#include "debuginfo/kallsyms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace inquest::debuginfo {

namespace {

constexpr size_t kTokens = 256, kIndexSize = kTokens * 2;
constexpr uint32_t kMaxSymbols = 8 << 20;
constexpr size_t kNamesPerMarker = 256;
// Names are at most KSYM_NAME_LEN (128, 512 since 6.1) characters, each token one byte, with two of length.
constexpr size_t kMaxNameBytes = 514;

uint64_t aligned(uint64_t value) { return (value + 7) & ~uint64_t{7}; }

class Finder {
 public:
  Finder(Bytes image, uint64_t address) : image_(image), skew_((0 - address) & 7) {}
  Result<KallsymsTables> find();

 private:
  template <typename T>
  T at(size_t offset) const {
    return load_unchecked<T>(image_.data() + offset);
  }
  uint8_t byte(size_t offset) const { return std::to_integer<uint8_t>(image_[offset]); }
  bool looks_like_index(size_t offset) const;
  bool find_token_table(size_t index);
  bool tokens_match(size_t table, size_t index, uint16_t last) const;
  bool find_names();
  bool names_end_at(size_t markers, size_t width);
  bool names_between(size_t start, size_t markers, size_t width, uint32_t count) const;
  bool find_addresses();
  bool base_and_offsets(size_t offsets, size_t base);
  uint64_t marker(size_t markers, size_t width, size_t i) const {
    return width == 8 ? at<uint64_t>(markers + 8 * i) : at<uint32_t>(markers + 4 * i);
  }

  Bytes image_;
  size_t skew_;  // of the first offset whose address is a multiple of 8
  size_t token_table_ = 0, token_index_ = 0, names_ = 0, markers_ = 0;
  KallsymsTables tables_;
};

// 256 ascending u16, the first 0, each token at least one character and its NUL.
bool Finder::looks_like_index(size_t offset) const {
  uint64_t first = at<uint64_t>(offset);
  if (first & 0xffff || !(first >> 16 & 0xffff)) return false;
  uint16_t before = 0;
  for (size_t i = 1; i < kTokens; i++) {
    uint16_t now = at<uint16_t>(offset + 2 * i);
    if (now < before + 2 || now > before + 64) return false;
    before = now;
  }
  return true;
}

bool Finder::tokens_match(size_t table, size_t index, uint16_t last) const {
  for (size_t i = 1; i < kTokens; i++) {
    if (byte(table + at<uint16_t>(index + 2 * i) - 1) != 0) return false;
  }
  size_t p = table + last;  // the last token, its NUL, then padding
  while (p < index && byte(p)) p++;
  if (p == index || p == table + last) return false;
  for (size_t i = table; i < p; i++) {
    if (byte(i) >= 0x7f || (byte(i) && byte(i) < 0x20)) return false;
  }
  for (; p < index; p++) {
    if (byte(p)) return false;
  }
  return true;
}

// The table ends where the index starts, but for padding; only the last token's length is unknown.
bool Finder::find_token_table(size_t index) {
  uint16_t last = at<uint16_t>(index + 2 * (kTokens - 1));
  for (size_t size = aligned(last + 2u); size <= last + 128u && size <= index; size += 8) {
    if (!tokens_match(index - size, index, last)) continue;
    token_table_ = index - size;
    token_index_ = index;
    return true;
  }
  return false;
}

// Whether `count` names fill [start, markers), and every 256th is where its marker says.
bool Finder::names_between(size_t start, size_t markers, size_t width, uint32_t count) const {
  size_t p = start;
  for (uint32_t i = 0; i < count; i++) {
    if (i % kNamesPerMarker == 0 && marker(markers, width, i / kNamesPerMarker) != p - start) return false;
    if (p + 2 > markers) return false;
    size_t length = byte(p++);
    if (length & 0x80) length = (length & 0x7f) | size_t(byte(p++)) << 7;  // 6.1: kernel commit 73bbb94466fd
    if (length == 0 || length > kMaxNameBytes || length > markers - p) return false;
    p += length;
  }
  return aligned(p - skew_) == aligned(markers - skew_);
}

// Markers ascend from 0; names end where they start, and num_syms, 8 bytes before the names, says how many there are.
bool Finder::names_end_at(size_t markers, size_t width) {
  size_t count = 1;
  uint64_t before = 0;
  for (; markers + (count + 1) * width <= token_table_; count++) {
    uint64_t now = marker(markers, width, count);
    if (now < before + 2 * kNamesPerMarker || now > before + kNamesPerMarker * kMaxNameBytes) break;
    before = now;
  }
  if (count < 2 || before >= markers) return false;
  // The entries behind the last one may look like more: markers that fit fewer names are tried, too.
  size_t nearest = markers - before,
         farthest = nearest > kNamesPerMarker * kMaxNameBytes ? nearest - kNamesPerMarker * kMaxNameBytes : 0;
  for (size_t start = nearest - (nearest - skew_) % 8; start >= farthest + 8 && start >= 8; start -= 8) {
    uint32_t symbols = at<uint32_t>(start - 8);
    if (at<uint32_t>(start - 4) != 0 || symbols == 0 || (symbols + kNamesPerMarker - 1) / kNamesPerMarker != count)
      continue;
    if (symbols > kMaxSymbols || !names_between(start, markers, width, symbols)) continue;
    names_ = start;
    markers_ = markers;
    tables_.count = symbols;
    return true;
  }
  return false;
}

bool Finder::find_names() {
  // Backwards from the token table: between them lies at most seqs_of_names.
  for (size_t p = token_table_ >= 8 ? token_table_ - 8 : 0; p >= 8 && token_table_ - p < size_t{64} << 20; p -= 8) {
    if (at<uint32_t>(p) != 0) continue;
    bool wide = at<uint32_t>(p + 4) == 0;
    if (names_end_at(p, wide ? 8 : 4)) return true;
  }
  return false;
}

// Symbols are sorted by address: offsets ascend, or, with absolute per-CPU symbols (x86 SMP), those ascend from 0 and
// the others descend from -1 (CONFIG_KALLSYMS_ABSOLUTE_PERCPU).
bool Finder::base_and_offsets(size_t offsets, size_t base) {
  if (base > image_.size() || image_.size() - base < 8 || offsets > base) return false;
  uint64_t relative_base = at<uint64_t>(base);
  if (relative_base >> 48 < 0xff00) return false;
  bool negative = false;
  uint64_t before = 0;
  size_t disorder = 0;
  for (uint32_t i = 0; i < tables_.count; i++) {
    int32_t raw = at<int32_t>(offsets + 4 * size_t{i});
    negative |= raw < 0;
    uint64_t value = raw < 0 ? relative_base - 1 - uint64_t(int64_t(raw)) : uint64_t(raw);
    disorder += value < before;
    before = value;
  }
  if (disorder > tables_.count / 64) return false;
  tables_.offsets = image_.subspan(offsets, 4 * size_t{tables_.count});
  tables_.relative_base = relative_base;
  tables_.absolute_percpu = negative;
  return true;
}

bool Finder::find_addresses() {
  size_t size = aligned(4 * uint64_t{tables_.count}), behind = token_index_ + kIndexSize;
  if (base_and_offsets(behind, behind + size)) return true;
  if (names_ >= size + 16 && base_and_offsets(names_ - 16 - size, names_ - 16)) return true;
  size_t wide = 8 * size_t{tables_.count};
  if (names_ < wide + 8) return false;
  size_t addresses = names_ - 8 - wide, canonical = 0;
  for (uint32_t i = 0; i < tables_.count; i++) canonical += at<uint64_t>(addresses + 8 * size_t{i}) >> 48 >= 0xff00;
  if (canonical < tables_.count / 2) return false;
  tables_.offsets = image_.subspan(addresses, wide);
  return true;
}

Result<KallsymsTables> Finder::find() {
  bool tokens = false, names = false;
  for (size_t p = skew_; p + kIndexSize <= image_.size(); p += 8) {
    if (!looks_like_index(p) || !find_token_table(p)) continue;
    tokens = true;
    if (!find_names()) continue;
    names = true;
    if (!find_addresses()) continue;
    tables_.names = image_.subspan(names_, markers_ - names_);
    tables_.token_table = image_.subspan(token_table_, token_index_ - token_table_);
    tables_.token_index = image_.subspan(token_index_, kIndexSize);
    return tables_;
  }
  return Error(ErrorCode::kNotFound, fmt::format("no kallsyms in {:#x} bytes: {}", image_.size(),
                                                 names    ? "the addresses of its symbols are not there"
                                                 : tokens ? "a token table, but no names before it"
                                                          : "no token table"));
}

}  // namespace

Result<KallsymsTables> find_kallsyms(Bytes image, uint64_t image_address) {
  if (image.size() < 4096) return Error(ErrorCode::kNotFound, "no kallsyms: too few bytes");
  return Finder(image, image_address).find();
}

Result<std::vector<KallsymsSymbol>> decode_kallsyms(const KallsymsTables& tables) {
  Cursor index(tables.token_index);
  std::array<std::string_view, kTokens> tokens;
  for (std::string_view& token : tokens) {
    Cursor in(tables.token_table, ByteOrder::kLittle, index.u16());
    token = in.cstring();
    if (!index.ok() || !in.ok()) return Error(ErrorCode::kCorrupt, "kallsyms: a token lies outside its table");
  }
  // A name takes two bytes at least, so the count cannot ask for more memory than the input justifies.
  if (tables.count > tables.names.size() / 2) {
    return Error(ErrorCode::kCorrupt, fmt::format("kallsyms: {} names in {} bytes", tables.count, tables.names.size()));
  }
  bool wide = tables.offsets.size() >= 8 * size_t{tables.count};
  Cursor names(tables.names), offsets(tables.offsets);
  std::vector<KallsymsSymbol> symbols(tables.count);
  std::string text;
  for (KallsymsSymbol& symbol : symbols) {
    size_t length = names.u8();
    if (length & 0x80) length = (length & 0x7f) | size_t{names.u8()} << 7;
    text.clear();
    for (std::byte b : names.take(length)) text += tokens[std::to_integer<uint8_t>(b)];
    if (!text.empty()) {
      symbol.type = text[0];
      symbol.name.assign(text, 1);
    }
    if (wide) {
      symbol.address = offsets.u64();
    } else {
      int32_t raw = int32_t(offsets.u32());
      symbol.address = !tables.absolute_percpu ? tables.relative_base + uint32_t(raw)
                       : raw >= 0              ? uint64_t(raw)
                                               : tables.relative_base - 1 - uint64_t(int64_t(raw));
    }
  }
  if (!names.ok()) return names.error().in("kallsyms names");
  if (!offsets.ok()) return offsets.error().in("kallsyms offsets");
  return symbols;
}

}  // namespace inquest::debuginfo
