// Direct callers of a function, found by scanning code bytes: on x86_64 every e8/e9 whose displacement leads there (Intel SDM vol. 2:
// CALL rel32, JMP rel32), on aarch64 every bl/b word (Arm ARM C6.2.26, C6.2.33). A hit inside another instruction is weeded out by who decodes
// the function afterwards.
#include <algorithm>
#include <map>
#include <mutex>

#include "base/worker_pool.h"
#include "code/questions.h"
#include "unwind/code.h"

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

// A module's calls that reach too far go through veneers in its own memory (arch/arm64/kernel/module-plts.c).
class Veneers {
 public:
  Veneers(const object::Program& program, const object::LoadedFile& file, VirtualAddress target) : program_(&program), file_(&file), target_(target) {}
  bool leads_there(VirtualAddress to) {
    if (file_->name.empty() || !file_->contains(to)) return false;
    auto [it, fresh] = known_.try_emplace(to.value, false);
    if (fresh) {
      auto far = unwind::veneer_target(*program_, to);
      it->second = far && *far == target_;
    }
    return it->second;
  }

 private:
  const object::Program* program_;
  const object::LoadedFile* file_;
  VirtualAddress target_;
  std::map<uint64_t, bool> known_;
};

void scan_a64(Bytes bytes, VirtualAddress start, VirtualAddress target, Veneers& veneers, std::vector<VirtualAddress>& hits) {
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    uint32_t word = load_unchecked<uint32_t>(bytes.data() + i);
    if ((word & 0x7c000000) != 0x14000000) continue;
    int64_t displacement = (int64_t(uint64_t(word & 0x03ffffff) << 38) >> 38) * 4;
    VirtualAddress to(start.value + i + uint64_t(displacement));
    if (to == target || veneers.leads_there(to)) hits.push_back(start + i);
  }
}

}  // namespace

std::vector<VirtualAddress> callers_of(const object::Program& program, VirtualAddress target) {
  struct Piece {
    const object::LoadedFile* file;
    VirtualAddress start;
    uint64_t size;
  };
  std::vector<Piece> pieces;
  for (const auto& file : program.files()) {
    if (file->text_size > kMaxText) continue;
    for (uint64_t at = 0; at < file->text_size; at += kPiece) pieces.push_back({file.get(), file->text_start + at, std::min(kPiece + 4, file->text_size - at)});
  }
  std::vector<VirtualAddress> hits;
  std::mutex mutex;
  parallel_for(pieces.size(), [&](size_t i, unsigned) {
    auto bytes = program.code_bytes(pieces[i].start, pieces[i].size);
    std::vector<VirtualAddress> mine;
    if (program.arch().id == arch::ArchId::kX86_64) scan_x86(bytes, pieces[i].start, target, mine);
    else {
      Veneers veneers(program, *pieces[i].file, target);
      scan_a64(bytes, pieces[i].start, target, veneers, mine);
    }
    std::lock_guard lock(mutex);
    hits.insert(hits.end(), mine.begin(), mine.end());
  });
  std::sort(hits.begin(), hits.end());
  hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
  return hits;
}

}  // namespace inquest::code
