// FakeScene: a CrashScene of a few lines, for tests: every answer is a value somebody put in; what nobody put in is "unknown".
//
// With a dump (the default) text is kText up; `without_dump()` makes it a log. Addresses are numbers without meaning. Used by tests only.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scene/crash_scene.h"

namespace inquest::scene::testing {

class FakeScene : public CrashScene {
 public:
  static constexpr uint64_t kText = 0xffffffff81000000, kTextSize = 0x1000000;

  FakeScene() { facts_.has_dump = facts_.has_debuginfo = true; }
  void without_dump() { facts_.has_dump = facts_.has_debuginfo = false; }

  // The event is "E1", "E2", … in the order of adding; the reference holds until the next one is added.
  EventView& add_event(oops::EventKind kind, std::string header, std::vector<oops::Register> registers = {}) {
    EventView view;
    view.id = "E" + std::to_string(events_.size() + 1);
    view.event.kind = kind;
    view.event.header = std::move(header);
    view.event.registers = std::move(registers);
    events_.push_back(std::move(view));
    return events_.back();
  }
  EventView& event_at(size_t index) { return events_[index]; }
  void set_crashed(std::vector<FrameView> frames) {
    crashed_.emplace();
    crashed_->frames = std::move(frames);
  }
  void put_words(uint64_t address, const std::vector<uint64_t>& words) {
    for (size_t i = 0; i < words.size(); i++) words_[address + 8 * i] = words[i];
  }
  void put_slab(uint64_t start, uint64_t size, std::string cache, bool free) { slabs_.push_back({start, size, std::move(cache), free}); }

  std::map<std::pair<std::string, uint64_t>, std::vector<MemberView>> members;  // by type and offset
  std::map<uint64_t, CallView> calls;                                           // by return address
  std::map<std::string, std::vector<StoreView>> stores;                         // by function
  std::map<std::pair<std::string, uint64_t>, std::vector<Registration>> queued;  // by type and offset
  std::map<std::string, std::string> cache_types;

  std::map<std::pair<std::string, std::string>, std::vector<OriginView>> origins;  // by event and register
  std::map<std::pair<std::string, std::string>, CheckView> checks;               // the same
  std::map<std::pair<std::string, uint64_t>, std::vector<StoreSite>> clearers;    // by type and offset
  std::map<uint64_t, Identity> neighbours;                                       // the one before, by any address in the object
  std::vector<OriginView> origin_of(const std::string& event, const std::string& reg) const override { return find(origins, std::pair(event, reg)); }
  std::optional<CheckView> checked_before(const std::string& event, const std::string& reg) const override {
    auto it = checks.find({event, reg});
    return it == checks.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<StoreSite> clearers_of(const std::string& type, uint64_t offset) const override { return find(clearers, std::pair(type, offset)); }
  Identity neighbour(uint64_t address, int distance) const override { return distance == -1 ? find(neighbours, address) : Identity{}; }

  // What the makers' questions are answered (scene/makers.h), by type and offset, by address, or by the bit.
  std::map<std::pair<std::string, uint64_t>, std::vector<WriterView>> writers;
  std::map<std::pair<std::string, uint64_t>, std::vector<HelperSite>> helpers;
  std::map<std::pair<std::string, uint64_t>, std::vector<StoreSite>> leakers;
  std::map<std::string, std::vector<StoreSite>> locals;
  std::map<std::string, uint64_t> sizes;
  std::map<uint64_t, std::vector<OwnerView>> owners;
  std::map<uint64_t, StackPlace> stack_places;
  std::map<uint64_t, std::string> types_by_reference;
  std::map<unsigned, std::vector<StoreSite>> bit_users;
  std::optional<bool> user_memory;
  std::optional<std::pair<uint64_t, uint64_t>> freed_area;
  std::optional<uint64_t> size_of(const std::string& type) const override {
    auto it = sizes.find(type);
    return it == sizes.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<WriterView> writers_of(const std::string& type, uint64_t offset) const override { return find(writers, std::pair(type, offset)); }
  std::vector<HelperSite> helper_sites(const std::vector<std::string>&, const std::string& type, uint64_t offset) const override { return find(helpers, std::pair(type, offset)); }
  std::vector<StoreSite> leakers_of(const std::string& type, uint64_t offset) const override { return find(leakers, std::pair(type, offset)); }
  std::vector<StoreSite> locals_of(const std::string& type) const override { return find(locals, type); }
  std::vector<OwnerView> owners_of(uint64_t start) const override { return find(owners, start); }
  std::string type_by_references(uint64_t start) const override { return find(types_by_reference, start); }
  std::vector<StoreSite> users_of_bit(unsigned bit) const override { return find(bit_users, bit); }
  std::optional<bool> in_user_memory(uint64_t) const override { return user_memory; }
  std::optional<std::pair<uint64_t, uint64_t>> freed_vmalloc_area(uint64_t address) const override {
    return freed_area && address >= freed_area->first && address < freed_area->second ? freed_area : std::nullopt;
  }
  std::optional<StackPlace> stack_place(uint64_t address) const override {
    auto it = stack_places.find(address);
    return it == stack_places.end() ? std::nullopt : std::optional(it->second);
  }

  std::optional<LockGraphView> lock_graph;
  std::vector<HeldLockView> held;
  std::map<uint64_t, LoopView> loops;                                            // by the frame's address
  std::vector<HeldLockView> held_by(const ThreadView&) const override { return held; }
  std::optional<LoopView> loop_at(const FrameView& frame) const override {
    auto it = loops.find(frame.address);
    return it == loops.end() ? std::nullopt : std::optional(it->second);
  }
  const LockGraphView* locks() const override { return lock_graph ? &*lock_graph : nullptr; }
  Reading read(uint64_t address, uint64_t size) const override {
    Reading reading{{}, "stored", ""};
    for (uint64_t at = address; at < address + size; at += 8) {
      auto it = words_.find(at);
      if (it == words_.end()) return {{}, "", "filtered"};
      size_t old = reading.bytes.size();
      reading.bytes.resize(old + 8);
      std::memcpy(reading.bytes.data() + old, &it->second, 8);
    }
    return reading;
  }
  Identity identify(uint64_t address) const override {
    for (const Slab& s : slabs_) {
      if (address < s.start || address - s.start >= s.size) continue;
      Identity id;
      id.kind = Identity::Kind::kSlab;
      id.cache = s.cache;
      id.object_start = s.start;
      id.object_size = s.size;
      id.offset = address - s.start;
      id.free = s.free;
      id.text = "in " + s.cache;
      return id;
    }
    if (stack_places.contains(address)) {
      Identity id;
      id.kind = Identity::Kind::kStack;
      id.text = "a task's stack";
      return id;
    }
    return CrashScene::identify(address);
  }
  bool is_text(uint64_t address) const override { return facts_.has_dump && address >= kText && address - kText < kTextSize; }
  std::vector<MemberView> members_at(const std::string& type, uint64_t offset) const override { return find(members, std::pair(type, offset)); }
  std::vector<StoreView> stores_of(const std::string& function) const override { return find(stores, function); }
  std::string type_of_cache(const std::string& cache, uint64_t) const override { return find(cache_types, cache); }
  std::optional<CallView> call_before(uint64_t address) const override {
    auto it = calls.find(address);
    return it == calls.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<Registration> registrations(const std::vector<std::string>&, const std::string& type, uint64_t offset,
                                          const std::vector<std::string>&) const override {
    return find(queued, std::pair(type, offset));
  }

 private:
  struct Slab {
    uint64_t start, size;
    std::string cache;
    bool free;
  };
  template <class Map>
  static typename Map::mapped_type find(const Map& map, const typename Map::key_type& key) {
    auto it = map.find(key);
    return it == map.end() ? typename Map::mapped_type{} : it->second;
  }
  std::map<uint64_t, uint64_t> words_;
  std::vector<Slab> slabs_;
};

}  // namespace inquest::scene::testing
