// The window of memory around a place: each word with what it looks like, the borders of the slab objects it crosses.
#include <fmt/format.h>

#include <algorithm>

#include "inquiry/pictures.h"

namespace inquest::inquiry {

namespace {

using Kind = scene::Identity::Kind;

constexpr uint64_t kWord = 8, kPage = 4096;

uint64_t word_at(const std::vector<std::byte>& bytes) {
  uint64_t v = 0;
  for (size_t i = std::min<size_t>(bytes.size(), kWord); i-- > 0;) v = v << 8 | std::to_integer<uint64_t>(bytes[i]);
  return v;
}

bool all_bytes(uint64_t value, uint8_t byte) { return value == byte * 0x0101010101010101u; }

// Six or more printable characters and nothing but NULs behind them.
bool is_text(uint64_t value) {
  unsigned printable = 0;
  bool ended = false;
  for (unsigned i = 0; i < 8; i++) {
    auto c = uint8_t(value >> (8 * i));
    if (c == 0) ended = true;
    else if (ended || c < 0x20 || c > 0x7e) return false;
    else printable++;
  }
  return printable >= 6;
}

// include/linux/poison.h: LIST_POISON1/2 are POISON_POINTER_DELTA + 0x100 and 0x122 (0x200 in older kernels); the delta is
// 0xdead000000000000 on both architectures. POISON_INUSE 0x5a, POISON_FREE 0x6b, POISON_END 0xa5, SLUB_RED_INACTIVE 0xbb, SLUB_RED_ACTIVE 0xcc.
const char* poison_name(uint64_t value) {
  switch (value) {
    case 0xdead000000000100: return "LIST_POISON1: taken off its list";
    case 0xdead000000000122: case 0xdead000000000200: return "LIST_POISON2: taken off its list";
    case 0xa56b6b6b6b6b6b6b: return "slab poison: the end of a freed object";
    default: break;
  }
  if (all_bytes(value, 0x6b)) return "slab poison: freed";
  if (all_bytes(value, 0x5a)) return "slab poison: not initialised";
  if (all_bytes(value, 0xbb)) return "red zone of a freed object";
  if (all_bytes(value, 0xcc)) return "red zone of an allocated object";
  return nullptr;
}

std::string ascii_of(uint64_t value) {
  std::string text;
  for (unsigned i = 0; i < 8; i++)
    if (auto c = char(value >> (8 * i)); c) text += c;
  return text;
}

std::string meaning_of(uint64_t value, uint64_t address, WordShape shape, const scene::Identity& id) {
  switch (shape) {
    case WordShape::kUnread: case WordShape::kZero: return "";
    case WordShape::kSelf: return value == address ? "points at itself" : "points at the word before it, as an empty list does";
    case WordShape::kPoison: return poison_name(value);
    case WordShape::kText: return fmt::format("text \"{}\"", ascii_of(value));
    case WordShape::kNumber: return value < 10 || (value >> 32) != 0 ? "" : fmt::format("{}", value);
    case WordShape::kObject: return fmt::format("in {}, object {:#x} + {:#x}{}", id.cache, id.object_start, id.offset, !id.free ? "" : *id.free ? ", free" : ", allocated");
    case WordShape::kUser: return "an address of user space";
    case WordShape::kStray: return id.kind == Kind::kUnmapped ? "an address where nothing is mapped" : "no address";
    default: return id.text;
  }
}

void add_objects(const scene::CrashScene& scene, MemoryWindow& window) {
  if (window.words.empty()) return;
  uint64_t at = window.words.front().address, end = window.words.back().address + kWord;
  while (at < end) {
    auto id = scene.identify(at);
    if (id.kind != Kind::kSlab || id.object_size == 0 || id.object_start > at || at - id.object_start >= id.object_size) {
      at += kWord;
      continue;
    }
    window.objects.push_back({id.object_start, id.object_size, id.cache, "", id.free, false});
    at = (id.object_start + id.object_size + kWord - 1) & ~(kWord - 1);
  }
}

}  // namespace

const char* name_of(WordShape shape) {
  switch (shape) {
    case WordShape::kUnread: return "unread";
    case WordShape::kZero: return "zero";
    case WordShape::kSelf: return "self";
    case WordShape::kNumber: return "number";
    case WordShape::kText: return "text";
    case WordShape::kCode: return "code";
    case WordShape::kData: return "data";
    case WordShape::kStack: return "stack";
    case WordShape::kObject: return "object";
    case WordShape::kMapped: return "mapped";
    case WordShape::kUser: return "user";
    case WordShape::kErrno: return "errno";
    case WordShape::kPoison: return "poison";
    case WordShape::kStray: return "stray";
  }
  return "unread";
}

WordShape shape_of(uint64_t value, uint64_t address, Kind kind) {
  if (value == 0) return WordShape::kZero;
  if (value == address || value + kWord == address) return WordShape::kSelf;
  if (poison_name(value)) return WordShape::kPoison;
  if (is_text(value)) return WordShape::kText;
  switch (kind) {
    case Kind::kText: return WordShape::kCode;
    case Kind::kSymbol: case Kind::kPerCpu: case Kind::kModule: return WordShape::kData;
    case Kind::kStack: return WordShape::kStack;
    case Kind::kSlab: return WordShape::kObject;
    case Kind::kVmalloc: case Kind::kMapped: return WordShape::kMapped;
    case Kind::kErrno: return WordShape::kErrno;
    // Programs, libraries and stacks lie high (0x55…, 0x7f…); a small half is rather one of two 32-bit numbers.
    case Kind::kUser: return (value >> 32) < 0x40 || uint32_t(value) < 0x1000 ? WordShape::kNumber : WordShape::kUser;
    case Kind::kNonCanonical: case Kind::kUnmapped: return WordShape::kStray;
    case Kind::kUnknown: case Kind::kNull: break;
  }
  return WordShape::kNumber;
}

MemoryWindow memory_window(const scene::CrashScene& scene, uint64_t start, size_t words) {
  MemoryWindow window;
  start &= ~(kWord - 1);
  window.command = fmt::format("rd {} {}", bare_hex(start), words);
  std::optional<uint64_t> bad_page;
  std::string why;
  for (size_t i = 0; i < words; i++) {
    uint64_t address = start + i * kWord;
    if (address < start) break;
    MemoryWord word;
    word.address = address;
    // A page that cannot be read is asked for once.
    if (bad_page != address / kPage) {
      auto reading = scene.read(address, kWord);
      if (reading.ok() && reading.bytes.size() == kWord) {
        word.value = word_at(reading.bytes);
      } else {
        bad_page = address / kPage;
        why = reading.ok() ? "fewer bytes than asked for" : reading.why_not;
      }
    }
    if (word.value) {
      auto id = *word.value < kPage ? scene::Identity{} : scene.identify(*word.value);
      word.shape = shape_of(*word.value, address, id.kind);
      word.meaning = meaning_of(*word.value, address, word.shape, id);
    } else {
      word.why_not = why;
    }
    window.words.push_back(std::move(word));
  }
  add_objects(scene, window);
  return window;
}

}  // namespace inquest::inquiry
