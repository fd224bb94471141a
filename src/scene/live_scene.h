// LiveScene: a CrashScene over an opened kernel. Everything it answers is computed when asked, kept, and repeatable.
// The kernel must outlive it. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "code/questions.h"
#include "kernel/kernel.h"
#include "kernel/references.h"
#include "scene/crash_scene.h"
#include "scene/text_kernel.h"

namespace inquest::scene {

class LiveScene : public CrashScene {
 public:
  // `with_locals`: what the crashed thread's parameters and variables hold is read at once; it costs more than all the rest.
  explicit LiveScene(const kernel::Kernel& kernel, bool with_locals = true);
  // A log with the debuginfo of its kernel, without a dump (text_kernel.h).
  LiveScene(const TextKernel& text, oops::Log log);

  const kernel::Kernel& kernel() const { return *kernel_; }
  const std::string& log_text() const { return log_text_; }

  Reading read(uint64_t address, uint64_t size) const override;
  Identity identify(uint64_t address) const override;
  bool is_text(uint64_t address) const override;
  std::optional<uint64_t> size_of(const std::string& type) const override;
  std::vector<MemberView> members_at(const std::string& type, uint64_t offset) const override;
  std::optional<ConditionView> condition_of_call(uint64_t return_address) const override;
  std::vector<std::string> types_along(const std::string& type, const std::string& path) const override;
  std::vector<StoreSite> freers_of(const std::string& type) const override;
  std::vector<StoreSite> allocators_of(const std::string& cache) const override;
  std::vector<StoreSite> fillers_of(const std::string& type, const std::string& member, const std::string& beside) const override;
  std::vector<WriterView> writers_of(const std::string& type, uint64_t offset) const override;
  std::vector<HelperSite> helper_sites(const std::vector<std::string>& helpers, const std::string& type, uint64_t offset) const override;
  std::vector<StoreSite> leakers_of(const std::string& type, uint64_t offset) const override;
  std::vector<StoreSite> users_of_bit(unsigned bit) const override;
  std::vector<StoreSite> locals_of(const std::string& type) const override;
  std::optional<StackPlace> stack_place(uint64_t address) const override;
  std::string type_by_references(uint64_t object_start) const override;
  std::vector<OwnerView> owners_of(uint64_t object_start) const override;
  bool related(const std::string& a, const std::string& b) const override;
  std::optional<bool> in_user_memory(uint64_t address) const override;
  bool is_per_cpu_offset(uint64_t value) const override;
  std::optional<InitPlace> init_place(uint64_t address) const override;
  std::optional<std::pair<uint64_t, uint64_t>> freed_vmalloc_area(uint64_t address) const override;
  Identity neighbour(uint64_t address, int distance) const override;
  std::vector<CacheUse> largest_caches(size_t count) const override;
  std::optional<CallView> call_before(uint64_t return_address) const override;
  std::optional<CallView> jump_below(uint64_t return_address) const override;
  std::vector<OriginView> origin_of(const std::string& event, const std::string& reg) const override;
  std::vector<OriginView> origin_of_target(uint64_t return_address) const override;
  std::vector<OriginView> origin_of_argument(uint64_t return_address, const std::string& reg) const override;
  std::optional<CheckView> checked_before(const std::string& event, const std::string& reg) const override;
  std::vector<StoreSite> clearers_of(const std::string& type, uint64_t offset) const override;
  std::vector<StoreView> stores_of(const std::string& function) const override;
  std::vector<Registration> registrations(const std::vector<std::string>& apis, const std::string& object, uint64_t offset,
                                          const std::vector<std::string>& first_in) const override;
  std::string type_of_cache(const std::string& cache, uint64_t object_size) const override;
  const LockGraphView* locks() const override;
  std::optional<ReferencesView> references(uint64_t low, uint64_t high) const override;
  std::optional<ThreadView> thread_on(int cpu) const override;
  std::vector<HeldLockView> held_by(const ThreadView& thread) const override;
  std::optional<LoopView> loop_at(const FrameView& frame) const override;
  std::optional<JourneyView> journey_of(const EventView& event, const std::string& reg) const override;

 private:
  Identity identify_without_memory(uint64_t value) const;
  void add_facts();
  void read_log();
  void resolve(EventView& view) const;
  void add_crashed(bool with_locals);
  std::optional<uint64_t> address_of(const std::string& symbol, const std::string& module, uint64_t offset, uint64_t size) const;
  std::shared_ptr<const code::ValueFlow> flow_at(uint64_t pc) const;
  // The frame of the crashed thread's stack that an event happened in; nothing if it was another thread.
  std::optional<size_t> frame_of(const EventView& event) const;
  std::vector<OriginView> origin_at_call(uint64_t return_address, const std::string& reg) const;
  void follow_callers(size_t frame, std::vector<OriginView>& steps) const;
  struct Allocation {
    StoreSite site;
    const debuginfo::Type* type = nullptr;  // of what it gets, if a variable tells
  };
  std::vector<Allocation> allocations_from(const kernel::SlabCache& cache, bool modules) const;
  std::vector<OriginView> origin_at_tail_jump(uint64_t return_address) const;
  // The function that the direct call before a return address calls; null: none, or not readable.
  std::shared_ptr<const code::ValueFlow> called_at(uint64_t return_address) const;
  bool scans_quickly() const;
  std::map<uint64_t, std::vector<OwnerView>> find_owners(const std::vector<uint64_t>& starts, int depth) const;
  std::string agreed_type(const std::vector<OwnerView>& owners) const;
  std::vector<const object::LoadedFile*> modules_with(const std::string& type) const;
  // The flow of every function of the modules that know a type; bounded.
  void each_function_with(const std::string& type, const std::function<void(const std::string& name, const code::ValueFlow& flow)>& look) const;
  std::vector<code::CallFound> calls_to(const std::vector<std::string>& apis, const std::vector<const object::LoadedFile*>& in) const;
  bool in_module_area(uint64_t address) const;
  unwind::Stack stack_of(const EventView& event) const;

  const kernel::Kernel* kernel_;
  bool addresses_known_ = true;  // false: printed addresses cannot be looked up, the kernel's place is not known
  std::string log_text_;
  unwind::Stack crashed_stack_;  // what crashed() shows, with its registers
  mutable std::optional<LockGraphView> locks_;
  mutable std::map<std::string, std::string> cache_types_;
  mutable std::unique_ptr<kernel::ReverseMap> reverse_map_;
  mutable std::map<uint64_t, std::vector<OwnerView>> owners_;  // by the object's start
  mutable std::map<uint64_t, std::shared_ptr<const code::ValueFlow>> flows_;  // by function entry
};

// What the instruction at fault tested, touched or divided by (live_trap.cc). `registers`: at that instruction.
void read_trap(EventView& view, const code::ValueFlow& flow, size_t instruction, const arch::Registers& registers);

// Shared with the shell: one unwound frame as plain data. `locals`: of this stack; null: none are wanted, for they cost DWARF evaluation.
FrameView frame_view(const object::Program& program, const unwind::Stack& stack, size_t index, unwind::VariableReader* locals);
std::vector<SourceRef> source_refs(const std::vector<object::SourceFrame>& frames);
RegisterMeaning plain(const code::RegisterMeaning& meaning);
// An event's printed registers as the architecture's.
arch::Registers registers_of(const oops::Event& event, const arch::Arch& arch);

}  // namespace inquest::scene
