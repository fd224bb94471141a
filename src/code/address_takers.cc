// Code that makes the address of a function without calling it: what is handed to kthread_create(), timer_setup(), call_rcu() and the like.
// x86_64: a 32-bit rip-relative displacement (lea, Intel SDM vol. 2A 2.2.1.6) or a sign-extended 32-bit immediate (mov). aarch64: adrp and add (Arm ARM
// C6.2.12, C6.2.4) of one register within a few instructions. A match inside other bytes is possible on x86_64: hits are places to look at.
#include <algorithm>
#include <array>
#include <mutex>

#include "base/worker_pool.h"
#include "code/questions.h"

namespace inquest::code {

namespace {

constexpr uint64_t kPiece = 1 << 20, kMaxText = 512u << 20;
constexpr size_t kNear = 24;  // instructions between an adrp and its add

void scan_x86(Bytes bytes, VirtualAddress start, VirtualAddress target, std::vector<VirtualAddress>& hits) {
  const std::byte* p = bytes.data();
  auto low = uint32_t(target.value);
  bool high = target.value >= 0xffffffff80000000;
  for (size_t i = 1; i + 4 <= bytes.size(); i++) {
    auto word = load_unchecked<uint32_t>(p + i);
    bool relative = start.value + i + 4 + uint64_t(int64_t(int32_t(word))) == target.value;
    // A displacement from rip follows a ModRM byte of mod 0 and r/m 5; those of calls and jumps do not, nor the zeroes that end a long nop before a function.
    bool from_rip = (std::to_integer<unsigned>(p[i - 1]) & 0xc7) == 0x05;
    if ((relative && from_rip) || (high && word == low)) hits.push_back(start + i);
  }
}

void scan_a64(Bytes bytes, VirtualAddress start, VirtualAddress target, std::vector<VirtualAddress>& hits) {
  std::array<size_t, 32> seen{};  // where an adrp of the target's page into this register was, plus 1
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    auto word = load_unchecked<uint32_t>(bytes.data() + i);
    unsigned rd = word & 31, rn = word >> 5 & 31;
    if ((word & 0x9f000000) == 0x90000000) {
      uint64_t pages = uint64_t(word >> 5 & 0x7ffff) << 2 | (word >> 29 & 3);
      uint64_t page = ((start.value + i) & ~uint64_t{0xfff}) + uint64_t(int64_t(pages << 43) >> 31);
      seen[rd] = page == (target.value & ~uint64_t{0xfff}) ? i / 4 + 1 : 0;
    } else if ((word & 0xffc00000) == 0x91000000 && seen[rn] && i / 4 + 1 - seen[rn] <= kNear && (word >> 10 & 0xfff) == (target.value & 0xfff)) {
      hits.push_back(start + i);
    }
  }
}

}  // namespace

std::vector<VirtualAddress> takers_of(const object::Program& program, VirtualAddress target) {
  struct Piece {
    VirtualAddress start;
    uint64_t size;
  };
  std::vector<Piece> pieces;
  for (const auto& file : program.files()) {
    if (file->text_size > kMaxText) continue;
    for (uint64_t at = 0; at < file->text_size; at += kPiece) pieces.push_back({file->text_start + at, std::min(kPiece + 4 * kNear, file->text_size - at)});
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
