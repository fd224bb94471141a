// LockGraphBuilder: makes the LockGraphView of a dead kernel. Used by LiveScene alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "code/held_locks.h"
#include "kernel/kernel.h"
#include "kernel/locks.h"
#include "scene/live_scene.h"

namespace inquest::scene {

// Lock primitives are inlined from headers: who used them stands behind.
std::vector<SourceRef> without_headers(std::vector<SourceRef> source);

class LockGraphBuilder {
 public:
  LockGraphBuilder(const LiveScene& scene, code::FlowAt flow_at)
      : scene_(&scene), kernel_(&scene.kernel()), flow_at_(std::move(flow_at)), locks_(kernel_->program(), kernel_->tasks(), kernel_->stacks()) {}
  LockGraphView build();

 private:
  struct Sleeper {
    const kernel::Task* task = nullptr;
    kernel::LockWait wait;
  };
  const std::vector<code::HeldLock>& held_by(const kernel::Task& task);
  unwind::Stack stack_of(const kernel::Task& task) const;
  std::vector<Sleeper> find_sleepers() const;
  void add_sleeper(const Sleeper& sleeper);
  void add_spinners();
  void add_spinner(const kernel::Task& task, const unwind::Stack& stack, size_t first);
  void name_place(LockView& lock, const unwind::Stack& stack, size_t asker);
  void name_place_by_memory(LockView& lock);
  void add_state(LockView& lock);
  void find_holders_by_code(LockView& lock);
  void add_holder(LockView& lock, const kernel::Task& task, std::string how, bool sure);
  void tell_where_taken(LockView& lock, LockHolder& holder, const kernel::Task& task);
  size_t lock_at(uint64_t address, kernel::LockKind kind);
  void link();
  void find_cycles();

  const LiveScene* scene_;
  const kernel::Kernel* kernel_;
  code::FlowAt flow_at_;
  kernel::Locks locks_;
  LockGraphView graph_;
  std::map<uint64_t, std::vector<code::HeldLock>> held_;   // by task
  std::vector<kernel::LockKind> kinds_;                    // of graph_.locks
};

}  // namespace inquest::scene
