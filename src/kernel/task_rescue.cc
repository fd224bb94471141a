#include "kernel/task_rescue.h"

#include <unordered_set>

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxNodes = 1 << 20;
constexpr int kMaxDepth = 12;

// An IDR is an XArray since 4.20 (internal entries end in binary 10), a radix tree before (in 01); the nodes have the same shape.
class PidTable {
 public:
  explicit PidTable(const KernelView& view) : view_(view) {
    const char* node = view.field("xa_node", "slots") ? "xa_node" : "radix_tree_node";
    internal_ = node[0] == 'x' ? 2 : 1;
    slots_ = view.field(node, "slots");
    head_ = view.field("pid_namespace", {"idr.idr_rt.xa_head", "idr.idr_rt.rnode"});
    first_task_ = view.field("pid", "tasks");
    link_ = view.field("task_struct", {"pid_links", "pids[0].node"});  // 4.19 (2c4704756cab) flattened struct pid_link
  }

  RescuedTasks read() {
    auto space = view_.symbol("init_pid_ns");
    if (!space || !slots_ || !head_ || !first_task_ || !link_ || slots_->bytes > 4096) return {};
    auto root = view_.read(*space, *head_);
    if (root.ok()) visit(*root, 0);
    return std::move(found_);
  }

 private:
  void visit(uint64_t entry, int depth) {
    if (!entry || seen_.size() >= kMaxNodes || depth > kMaxDepth) return;
    if ((entry & 3) != internal_) {
      if ((entry & 3) == 0) add_pid(VirtualAddress(entry));
      return;
    }
    // A damaged table may lead back into itself, by each of its slots.
    if (!seen_.insert(entry).second) return;
    std::vector<std::byte> slots(slots_->bytes);
    if (entry < 4096 || !view_.memory().read(VirtualAddress(entry - internal_ + slots_->offset), slots).ok()) {
      found_.unreadable++;
      return;
    }
    for (size_t i = 0; i + 8 <= slots.size(); i += 8) visit(load_unchecked<uint64_t>(&slots[i]), depth + 1);
  }

  // pid->tasks[PIDTYPE_PID] heads the one thread that has this PID; a pid of a dead session leader heads none.
  void add_pid(VirtualAddress pid) {
    auto link = view_.memory().read_pointer(pid + first_task_->offset);
    if (!link.ok()) {
      found_.unreadable++;
    } else if (!link->is_null() && view_.is_kernel_address(*link)) {
      found_.tasks.push_back(*link - link_->offset);
    }
  }

  KernelView view_;
  uint64_t internal_ = 2;
  std::unordered_set<uint64_t> seen_;
  std::optional<Field> slots_, head_, first_task_, link_;
  RescuedTasks found_;
};

}  // namespace

RescuedTasks tasks_by_pid(const KernelView& view) { return PidTable(view).read(); }

}  // namespace inquest::kernel
