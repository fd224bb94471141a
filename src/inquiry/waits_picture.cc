// The wait-for graph as nodes and edges: the cycles first, then the locks most waited for, with their holders and waiters.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "inquiry/pictures.h"
#include "scene/lock_graph.h"

namespace inquest::inquiry {

namespace {

constexpr size_t kMostLocks = 8, kMostWaiters = 6;

std::string task_id(const scene::TaskView& t) { return fmt::format("task {:x}", t.address); }
std::string lock_id(const scene::LockView& l) { return fmt::format("lock {:x}", l.address); }

std::string place_of(const std::vector<scene::FrameView>& frames, size_t at) {
  if (at >= frames.size()) return "";
  const auto& f = frames[at];
  if (f.source.empty()) return f.symbol;
  const auto& s = f.source.front();
  return s.line ? fmt::format("{} {}:{}", s.function, s.file.substr(s.file.rfind('/') + 1), s.line) : s.function;
}

class Builder {
 public:
  Builder(const scene::LockGraphView& view) : view_(view) {}

  WaitGraph build() {
    for (const auto& cycle : view_.cycles)
      for (size_t wait : cycle)
        if (wait < view_.waits.size()) {
          ring_.insert(task_id(view_.waits[wait].task));
          if (view_.waits[wait].lock < view_.locks.size()) ring_.insert(lock_id(view_.locks[view_.waits[wait].lock]));
        }
    std::vector<const scene::LockView*> locks;
    for (const auto& l : view_.locks)
      if (!l.waits.empty() && l.has_owner()) locks.push_back(&l);
    auto in_ring = [&](const scene::LockView* l) { return ring_.contains(lock_id(*l)); };
    std::stable_sort(locks.begin(), locks.end(), [&](const auto* a, const auto* b) { return in_ring(a) != in_ring(b) ? in_ring(a) : a->waits.size() > b->waits.size(); });
    if (locks.size() > kMostLocks) locks.resize(kMostLocks);
    for (const auto* l : locks) add_lock(*l);
    return std::move(graph_);
  }

 private:
  void add_lock(const scene::LockView& l) {
    std::string name = l.text.empty() ? l.kind : l.text;
    add_node(lock_id(l), name, fmt::format("{} {}", l.kind == "rw_semaphore" ? "rwsem" : l.kind, hex(l.address)), true);
    size_t shown = 0;
    // Those of the cycle must be there; of the others the first.
    for (size_t w : l.waits) {
      if (w >= view_.waits.size()) continue;
      const auto& wait = view_.waits[w];
      if (!ring_.contains(task_id(wait.task)) && ++shown > kMostWaiters) continue;
      add_task(wait.task, place_of(wait.frames, wait.asker));
      graph_.edges.push_back({task_id(wait.task), lock_id(l), wait.spins ? "spins for" : "waits for"});
    }
    for (const auto& h : l.holders) {
      add_task(h.task, place_of(h.frames, h.taken_frame.value_or(0)));
      graph_.edges.push_back({lock_id(l), task_id(h.task), h.sure ? "held by" : "perhaps held by"});
    }
  }
  void add_task(const scene::TaskView& t, const std::string& where) {
    std::string running = t.running_on ? fmt::format(" on CPU {}", *t.running_on) : "";
    add_node(task_id(t), fmt::format("{} ({}){}", t.comm, t.pid, running), where, false);
  }
  void add_node(const std::string& id, const std::string& label, const std::string& detail, bool lock) {
    bool known = std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const WaitGraph::Node& n) { return n.id == id; });
    if (!known) graph_.nodes.push_back({id, label, detail, lock, ring_.contains(id)});
  }

  const scene::LockGraphView& view_;
  std::set<std::string> ring_;
  WaitGraph graph_;
};

}  // namespace

std::optional<WaitGraph> wait_graph(const scene::LockGraphView& view) {
  WaitGraph graph = Builder(view).build();
  if (graph.edges.empty()) return std::nullopt;
  return graph;
}

}  // namespace inquest::inquiry
