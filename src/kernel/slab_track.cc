#include "kernel/slab_track.h"

#include "kernel/kernel_view.h"

namespace inquest::kernel {

namespace {

// SLAB_STORE_USER: 0x10000, until slab flags became an enum in 6.9 (cc61eb851461), whose values are bit numbers.
uint64_t store_user_flag(const KernelView& view) {
  auto bit = view.enumerator("_SLAB_STORE_USER");
  return bit && *bit >= 0 && *bit < 64 ? uint64_t{1} << *bit : 0x10000;
}

}  // namespace

std::optional<SlabTracks> tracks_of(const object::Program& program, const SlabObject& object) {
  KernelView view(program);
  if (!(object.cache.flags & store_user_flag(view))) return std::nullopt;
  auto size = view.size_of("track");
  auto addr = view.field("track", "addr"), pid = view.field("track", "pid"), cpu = view.field("track", "cpu");
  auto inuse_field = view.field("kmem_cache", "inuse");
  if (!size || !addr || !view.field("track", "when") || !inuse_field) return std::nullopt;
  auto inuse = view.read(object.cache.address, *inuse_field).maybe();
  if (!inuse) return std::nullopt;
  // get_info_end(): behind the object, and behind its free pointer where that lies outside of it.
  uint64_t end = *inuse + (object.cache.free_pointer_offset >= *inuse ? 8 : 0);
  if (end + 2 * *size > object.cache.size) return std::nullopt;
  SlabTracks tracks;
  for (unsigned which : {0u, 1u}) {  // TRACK_ALLOC, TRACK_FREE
    VirtualAddress at = object.start + (end + which * *size);
    auto caller = view.read(at, *addr).maybe();
    if (!caller || !program.is_text(VirtualAddress(*caller))) continue;
    SlabTrack track;
    track.caller = VirtualAddress(*caller);
    if (auto v = pid ? view.read(at, *pid).maybe() : std::nullopt) track.pid = int(*v);
    if (auto v = cpu ? view.read(at, *cpu).maybe() : std::nullopt) track.cpu = int(*v);
    (which ? tracks.freed : tracks.allocated) = track;
  }
  return tracks;
}

}  // namespace inquest::kernel
