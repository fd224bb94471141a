// Direct callers of a function, found by scanning code bytes: on x86_64 every e8/e9 whose displacement leads there (Intel SDM vol. 2:
// CALL rel32, JMP rel32), on aarch64 every bl/b word (Arm ARM C6.2.26, C6.2.33). A hit inside another instruction is weeded out by who decodes
// the function afterwards.
#include <algorithm>
#include <mutex>

#include "base/worker_pool.h"
#include "code/questions.h"

namespace inquest::code {

namespace {

constexpr uint64_t kPiece = 1 << 20, kMaxText = 512u << 20;

void scan_x86(Bytes bytes, VirtualAddress start, VirtualAddress target, std::vector<VirtualAddress>& hits) {
  if (bytes.size() < 5) return;
  const std::byte* p = bytes.data();
  for (size_t i = 0; i + 5 <= bytes.size(); i++) {
    auto opcode = std::to_integer<unsigned>(p[i]);
    if ((opcode & 0xfe) != 0xe8) continue;
    auto displacement = int32_t(load_unchecked<uint32_t>(p + i + 1));
    if (start.value + i + 5 + uint64_t(int64_t(displacement)) == target.value) hits.push_back(start + i);
  }
}

void scan_a64(Bytes bytes, VirtualAddress start, VirtualAddress target, std::vector<VirtualAddress>& hits) {
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    uint32_t word = load_unchecked<uint32_t>(bytes.data() + i);
    if ((word & 0x7c000000) != 0x14000000) continue;
    int64_t displacement = (int64_t(uint64_t(word & 0x03ffffff) << 38) >> 38) * 4;
    if (start.value + i + uint64_t(displacement) == target.value) hits.push_back(start + i);
  }
}

}  // namespace

std::vector<VirtualAddress> callers_of(const object::Program& program, VirtualAddress target) {
  struct Piece {
    VirtualAddress start;
    uint64_t size;
  };
  std::vector<Piece> pieces;
  for (const auto& file : program.files()) {
    if (file->text_size > kMaxText) continue;
    for (uint64_t at = 0; at < file->text_size; at += kPiece) pieces.push_back({file->text_start + at, std::min(kPiece + 4, file->text_size - at)});
  }
  std::vector<VirtualAddress> hits;
  std::mutex mutex;
  parallel_for(pieces.size(), [&](size_t i, unsigned) {
    auto bytes = program.code_bytes(pieces[i].start, pieces[i].size);
    std::vector<VirtualAddress> mine;
    if (program.arch().id == arch::ArchId::kX86_64) scan_x86(bytes, pieces[i].start, target, mine);
    else scan_a64(bytes, pieces[i].start, target, mine);
    std::lock_guard lock(mutex);
    hits.insert(hits.end(), mine.begin(), mine.end());
  });
  std::sort(hits.begin(), hits.end());
  hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
  return hits;
}

}  // namespace inquest::code
