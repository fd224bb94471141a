#include <fmt/format.h>

#include <algorithm>

#include "kernel/kernel_view.h"
#include "kernel/stacks.h"

namespace inquest::kernel {

namespace {

using unwind::StackKind;

constexpr uint64_t kX86PageSize = 4096;
constexpr uint64_t kX86EntryAreas = 0xfffffe0000001000;  // CPU_ENTRY_AREA_PER_CPU, arch/x86/include/asm/pgtable_areas.h, until 6.2 moved it about

class LayoutReader {
 public:
  LayoutReader(const object::Program& program, const PerCpu& per_cpu)
      : view_(program), cpus_(&per_cpu), thread_size_(thread_size(program)) {}

  std::vector<unwind::StackBounds> read() {
    for (int cpu : cpus_->possible()) {
      if (view_.program().arch().id == arch::ArchId::kX86_64) {
        add_x86_irq(cpu);
        add_x86_exceptions(cpu);
      } else {
        add_arm64(cpu);
      }
    }
    return std::move(stacks_);
  }

 private:
  void add(StackKind kind, VirtualAddress low, uint64_t size, int cpu, std::string_view what) {
    if (!size || size > (1 << 24) || !view_.is_kernel_address(low)) return;
    stacks_.push_back({kind, low, size, cpu, {}, fmt::format("{} of CPU {}", what, cpu)});
  }

  // hardirq_stack_ptr is the top: 5.1 (758a2e312228) to 5.7 exactly, since 5.8 less 8 (951c2a51ae75); in pcpu_hot from 6.2 (d7b6d709a76a) to 6.14.
  // Stacks are vmapped, so aligned to pages only. Before 5.1: irq_stack_union, at the start of the per-CPU area itself.
  void add_x86_irq(int cpu) {
    std::optional<VirtualAddress> top;
    if (auto p = cpus_->pointer("hardirq_stack_ptr", cpu); p.ok()) top = *p;
    auto hot = view_.field("pcpu_hot", "hardirq_stack_ptr");
    if (auto area = cpus_->address("pcpu_hot", cpu); area && hot)
      if (auto p = view_.memory().read_pointer(*area + hot->offset); p.ok()) top = *p;
    uint64_t size = view_.size_of("irq_stack").value_or(thread_size_);
    if (top && !top->is_null()) {
      uint64_t end = (top->value + kX86PageSize - 1) & ~(kX86PageSize - 1);
      add(StackKind::kIrq, VirtualAddress(end - size), size, cpu, "IRQ stack");
    } else if (auto whole = cpus_->address("irq_stack_union", cpu)) {
      add(StackKind::kIrq, *whole, view_.size_of("irq_stack_union").value_or(thread_size_), cpu, "IRQ stack");
    }
  }

  // cea_exception_stacks: 5.1+ (7623f37e4111, 019b17b3ffe4); struct cea_exception_stacks {DF_stack_guard, DF_stack, NMI_stack_guard, …}.
  // Before: orig_ist.ist[], the tops of the same stacks; DEBUG_STACK had two pages.
  void add_x86_exceptions(int cpu) {
    struct Named {
      const char* member;
      StackKind kind;
      const char* what;
    };
    static constexpr Named kStacks[] = {
        {"DF_stack", StackKind::kDoubleFault, "double fault stack"}, {"NMI_stack", StackKind::kNmi, "NMI stack"},
        {"DB2_stack", StackKind::kException, "debug stack 2"},       {"DB1_stack", StackKind::kException, "debug stack 1"},
        {"DB_stack", StackKind::kException, "debug stack"},          {"MCE_stack", StackKind::kException, "machine check stack"},
        {"VC_stack", StackKind::kException, "#VC stack"},            {"VC2_stack", StackKind::kException, "#VC fall-back stack"},
    };
    auto base = cpus_->pointer("cea_exception_stacks", cpu);
    if (base.ok() && !base->is_null()) {
      for (const Named& s : kStacks)
        if (auto f = view_.field("cea_exception_stacks", s.member)) add(s.kind, *base + f->offset, f->bytes, cpu, s.what);
      auto inside = view_.offset("cpu_entry_area", "estacks");
      if (inside) add_entry_stack(*base - *inside, cpu);
      return;
    }
    auto ist = cpus_->address("orig_ist", cpu);
    if (!ist) return;
    static constexpr Named kOld[] = {{"", StackKind::kDoubleFault, "double fault stack"}, {"", StackKind::kNmi, "NMI stack"},
                                     {"", StackKind::kException, "debug stack"}, {"", StackKind::kException, "machine check stack"}};
    for (uint64_t i = 0; i < 4; i++) {
      auto top = view_.memory().read_pointer(*ist + 8 * i);
      uint64_t size = kX86PageSize * (i == 2 ? 2 : 1);
      if (top.ok() && !top->is_null()) add(kOld[i].kind, *top - size, size, cpu, kOld[i].what);
    }
    if (auto size = view_.size_of("cpu_entry_area"))
      add_entry_stack(VirtualAddress(kX86EntryAreas + uint64_t(cpu) * *size), cpu);
  }

  // The page a syscall or exception from user mode starts on (4.14+, page table isolation): cpu_entry_area.entry_stack_page.
  void add_entry_stack(VirtualAddress area, int cpu) {
    if (auto f = view_.field("cpu_entry_area", {"entry_stack_page", "entry_stack", "SYSENTER_stack_page"}))
      add(StackKind::kEntry, area + f->offset, f->bytes, cpu, "entry stack");
  }

  // arch/arm64/kernel/irq.c: irq_stack_ptr holds the lowest byte (4.6 on: irq_stack, an array, without VMAP_STACK); traps.c: overflow_stack, 4K;
  // sdei.c. IRQ_STACK_SIZE and SDEI_STACK_SIZE are THREAD_SIZE.
  void add_arm64(int cpu) {
    auto by_pointer = [&](const char* name, StackKind kind, const char* what) {
      auto p = cpus_->pointer(name, cpu);
      if (p.ok() && !p->is_null()) add(kind, *p, thread_size_, cpu, what);
    };
    by_pointer("irq_stack_ptr", StackKind::kIrq, "IRQ stack");
    if (stacks_.empty() || stacks_.back().cpu != cpu)
      if (auto array = cpus_->address("irq_stack", cpu)) add(StackKind::kIrq, *array, thread_size_, cpu, "IRQ stack");
    if (auto array = cpus_->address("overflow_stack", cpu)) {
      uint64_t size = view_.symbol_size("overflow_stack");
      add(StackKind::kOverflow, *array, size ? size : 4096, cpu, "overflow stack");
    }
    by_pointer("sdei_stack_normal_ptr", StackKind::kSdei, "SDEI stack");
    by_pointer("sdei_stack_critical_ptr", StackKind::kSdei, "critical SDEI stack");
  }

  KernelView view_;
  const PerCpu* cpus_;
  uint64_t thread_size_;
  std::vector<unwind::StackBounds> stacks_;
};

}  // namespace

std::vector<unwind::StackBounds> read_per_cpu_stacks(const object::Program& program, const PerCpu& per_cpu) {
  return LayoutReader(program, per_cpu).read();
}

}  // namespace inquest::kernel
