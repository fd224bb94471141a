// LiveScene over a log and debuginfo, without memory.
#include <fmt/format.h>

#include "scene/code_words.h"
#include "scene/live_scene.h"

namespace inquest::scene {

LiveScene::LiveScene(const TextKernel& text, oops::Log log) : kernel_(text.kernel.get()), addresses_known_(text.slide_known) {
  const auto& program = kernel_->program();
  facts_.system.release = log.release;
  facts_.system.kernel = program.vmlinux() ? program.vmlinux()->path() : "";
  facts_.has_debuginfo = program.vmlinux() && program.vmlinux()->has_dwarf();
  facts_.arch = std::string(program.arch().name);
  facts_.format = "text";
  facts_.layout_how = program.layout().how;
  for (auto& e : log.events) {
    EventView view;
    view.id = fmt::format("E{}", events_.size() + 1);
    if (facts_.system.release.empty()) facts_.system.release = e.release;
    if (e.arch == oops::Arch::kUnknown) e.arch = log.arch;
    view.event = std::move(e);
    resolve(view);
    describe_code(view);
    describe_values(view, events_);
    events_.push_back(std::move(view));
  }
}

Identity LiveScene::identify_without_memory(uint64_t value) const {
  Identity id = identify_by_shape(value, true);
  if (id.kind != Identity::Kind::kUnknown || !id.text.empty() || !addresses_known_) return id;
  const auto& program = kernel_->program();
  if (auto symbol = program.symbol_at(VirtualAddress(value))) {
    id.kind = program.is_text(VirtualAddress(value)) ? Identity::Kind::kText : Identity::Kind::kSymbol;
    id.symbol = symbol->symbol.name;
    id.offset = symbol->offset;
    if (symbol->symbol.file) id.module = symbol->symbol.file->name;
    id.text = fmt::format("{} {}", id.kind == Identity::Kind::kText ? "code of" : "data:", symbol->text(false));
  }
  return id;
}

}  // namespace inquest::scene
