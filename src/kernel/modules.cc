#include "kernel/modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "kernel/module_memory.h"

namespace inquest::kernel {

namespace {

constexpr uint64_t kMaxModules = 16384, kMaxBtf = 64 << 20;

std::string state_name(uint64_t state) {  // enum module_state, include/linux/module.h
  switch (state) {
    case 0: return "live";
    case 1: return "coming";
    case 2: return "going";
    case 3: return "unformed";
    default: return fmt::format("state {}", state);
  }
}

// Where the file's sections lie, for a kernel without sect_attrs: by the symbols that both the file and the module's memory have.
std::vector<object::SectionMapping> map_by_symbols(const debuginfo::DebugFile& file, const std::vector<object::MemorySymbol>& symbols) {
  std::map<uint64_t, std::map<uint64_t, uint64_t>> votes;  // place -> run-time start -> how many symbols say so
  std::map<uint64_t, uint64_t> sizes;
  for (const object::MemorySymbol& s : symbols) {
    auto in_file = file.find_symbols(s.name);
    if (in_file.size() != 1) continue;
    for (const debuginfo::SectionPlace& p : file.section_places()) {
      if (in_file[0].address < p.address || in_file[0].address - p.address >= std::max<uint64_t>(p.size, 1)) continue;
      votes[p.address][s.address.value - (in_file[0].address - p.address)]++;
      sizes[p.address] = p.size;
    }
  }
  std::vector<object::SectionMapping> mappings;
  for (const auto& [place, starts] : votes) {
    auto best = std::max_element(starts.begin(), starts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    mappings.push_back({place, sizes[place], VirtualAddress(best->first)});
  }
  return mappings;
}

// Sections by name. A section outside of the memory the module still has (.init.*) lies nowhere: its old address may be another module's by now.
std::vector<object::SectionMapping> map_by_sections(const debuginfo::DebugFile& file, const std::vector<ModuleSection>& sections,
                                                    const ModuleExtents& extents, VirtualAddress per_cpu) {
  std::vector<object::SectionMapping> mappings;
  for (const debuginfo::SectionPlace& p : file.section_places()) {
    if (!p.size) continue;
    auto s = std::find_if(sections.begin(), sections.end(), [&](const ModuleSection& m) { return m.name == p.name; });
    if (s == sections.end()) continue;
    if (p.name == ".data..percpu" && !per_cpu.is_null()) {
      mappings.push_back({p.address, p.size, per_cpu});
    } else if (extents.contains(s->address)) {
      mappings.push_back({p.address, p.size, s->address});
    }
  }
  return mappings;
}

// A module's own types (CONFIG_DEBUG_INFO_BTF_MODULES, 5.11: 36e68442d1af) are kept by the kernel in the list btf_modules, on top of its own.
// Asked by the modules' files when somebody needs their types. Thread-safe.
class ModuleTypes {
 public:
  ModuleTypes(const object::Program& program, LossLedger& ledger) : view_(program), ledger_(ledger) {}

  std::shared_ptr<const debuginfo::Btf> of(const std::string& name, VirtualAddress module) const {
    auto owner = view_.field("btf_module", "module"), link = view_.field("btf_module", "list"), at = view_.field("btf_module", "btf");
    auto data = view_.field("btf", "data"), size = view_.field("btf", "data_size");
    auto head = view_.symbol("btf_modules");
    auto base = head && owner && link && at && data && size ? kernel_types() : nullptr;
    if (!base) return nullptr;
    for (VirtualAddress node : read_list(view_.memory(), *head, kMaxModules).nodes) {
      auto listed = view_.read(node - link->offset, *owner), btf = view_.read(node - link->offset, *at);
      if (!listed.ok() || *listed != module.value || !btf.ok()) continue;
      auto where = view_.read(VirtualAddress(*btf), *data), bytes = view_.read(VirtualAddress(*btf), *size);
      if (!where.ok() || !bytes.ok() || *bytes > kMaxBtf) return nullptr;
      struct Owned {
        std::vector<std::byte> bytes;
        std::shared_ptr<const debuginfo::Btf> btf;
      };
      auto owned = std::make_shared<Owned>();
      owned->bytes = view_.memory().read_prefix(VirtualAddress(*where), *bytes);
      auto parsed = debuginfo::Btf::parse(owned->bytes, base);
      if (!parsed.ok()) {
        ledger_.add(Loss::kFeatureMissing, fmt::format("BTF of module {}: {}", name, parsed.error().message()));
        return nullptr;
      }
      owned->btf = *parsed;
      return {owned, owned->btf.get()};
    }
    return nullptr;
  }

 private:
  // Where the program itself has none: vmlinux's, whose bytes live as long as the file, which the program holds.
  std::shared_ptr<const debuginfo::Btf> kernel_types() const {
    std::call_once(once_, [this] {
      const auto& kernel = view_.program().kernel();
      if (kernel.btf()) kernel_ = kernel.shared_btf();
      if (kernel_ || !kernel.debug_file()) return;
      auto bytes = kernel.debug_file()->section_bytes(".BTF");
      auto parsed = bytes.ok() ? debuginfo::Btf::parse(*bytes) : Result<std::shared_ptr<const debuginfo::Btf>>(bytes.error());
      if (parsed.ok()) kernel_ = *parsed;
    });
    return kernel_;
  }

  KernelView view_;
  LossLedger& ledger_;
  mutable std::once_flag once_;
  mutable std::shared_ptr<const debuginfo::Btf> kernel_;
};

class ModuleLoader {
 public:
  ModuleLoader(object::Program& program, const debuginfo::Finder& finder, const debuginfo::OpenOptions& options, LossLedger& ledger)
      : program_(program), view_(program), finder_(finder), options_(options), ledger_(ledger), types_(std::make_shared<ModuleTypes>(program, ledger)) {}

  Result<std::vector<LoadedModule>> load(std::string* note) {
    auto head = view_.symbol("modules");
    auto link = view_.offset("module", "list");
    if (!head) return Error(ErrorCode::kNotFound, "no module list: the symbol `modules` is not known");
    if (!link) return Error(ErrorCode::kNotFound, "no module list: module.list is not known");
    ListNodes list = read_list(view_.memory(), *head, kMaxModules);
    if (!list.problem.empty()) {
      ledger_.add(Loss::kListBroken, "modules: " + list.problem);
      if (note) *note = "the module list is broken: " + list.problem;
    }
    std::vector<LoadedModule> modules;
    std::vector<ModuleExtents> extents;
    std::vector<debuginfo::Wanted> wanted;
    for (VirtualAddress node : list.nodes) {
      extents.push_back(module_extents(view_, node - *link));
      modules.push_back(read(node - *link, extents.back()));
      wanted.push_back({modules.back().name, program_.layout().identity.release, modules.back().build_id});
    }
    // All at once: what lies in a package costs one pass over it, not one a module.
    finder_.prepare(wanted);
    for (size_t i = 0; i < modules.size(); i++) add_file(modules[i], extents[i]);
    return modules;
  }

 private:
  std::optional<uint64_t> get(VirtualAddress module, std::initializer_list<std::string_view> paths) const {
    auto f = view_.field("module", paths);
    return f ? view_.read(module, *f).maybe() : std::nullopt;
  }
  std::string string_member(VirtualAddress module, std::string_view member) const {
    auto at = view_.offset("module", member);
    return at ? view_.pointed_text(module + *at, 256) : "";
  }

  LoadedModule read(VirtualAddress module, const ModuleExtents& extents) {
    LoadedModule m;
    m.module = module;
    if (auto name = view_.field("module", "name")) m.name = view_.text(module + name->offset, std::clamp<uint64_t>(name->bytes, 8, 64));
    if (m.name.empty()) m.name = fmt::format("module@{:x}", module.value);
    m.base = extents.text;
    m.size = extents.core_size;
    m.text_size = extents.text_size;
    if (auto state = get(module, {"state"})) m.state = state_name(*state);
    m.taints = taint_letters(get(module, {"taints"}).value_or(0), false);
    m.version = string_member(module, "version");
    m.srcversion = string_member(module, "srcversion");
    m.per_cpu = VirtualAddress(get(module, {"percpu"}).value_or(0));
    m.per_cpu_size = get(module, {"percpu_size"}).value_or(0);
    m.sections = module_sections(view_, module);
    m.build_id = module_build_id(view_, module, m.sections);
    read_users(m);
    return m;
  }

  // mod->source_list holds a struct module_use for each user (kernel/module/main.c).
  void read_users(LoadedModule& m) {
    auto head = view_.offset("module", "source_list"), link = view_.offset("module_use", "source_list"), name = view_.offset("module", "name");
    auto source = view_.field("module_use", "source");
    if (!head || !link || !source || !name) return;
    for (VirtualAddress node : read_list(view_.memory(), m.module + *head, kMaxModules).nodes)
      if (auto user = view_.read(node - *link, *source); user.ok())
        if (std::string text = view_.text(VirtualAddress(*user) + *name, 64); !text.empty()) m.used_by.push_back(text);
  }

  void add_file(LoadedModule& m, const ModuleExtents& extents) {
    object::LoadedFile file;
    file.name = m.name;
    file.build_id = m.build_id;
    file.text_start = extents.text;
    file.text_size = extents.text_size;
    file.extents = extents.parts;
    file.load_symbols = symbols_of(m);
    file.load_orc = [view = view_, module = m.module] { return module_orc(view, module); };
    auto found = finder_.find({m.name, program_.layout().identity.release, m.build_id});
    if (found.ok()) {
      m.debuginfo = found->path;
      file.load_debug = loader(m, extents, std::move(*found));
    } else {
      m.why_no_debuginfo = found.error().message();
      file.load_btf = [types = types_, name = m.name, module = m.module] { return types->of(name, module); };
      ledger_.add(Loss::kNoModuleDebuginfo, m.why_no_debuginfo.starts_with(m.name) ? m.why_no_debuginfo : m.name + ": " + m.why_no_debuginfo);
      file.load_debug = [why = m.why_no_debuginfo] { return object::LoadedDebug{nullptr, {}, why}; };
    }
    program_.add_file(std::move(file));
  }

  std::function<std::vector<object::MemorySymbol>()> symbols_of(const LoadedModule& m) const {
    return [view = view_, module = m.module, name = m.name, ledger = &ledger_] {
      std::string problem;
      auto symbols = module_symbols(view, module, &problem);
      if (!problem.empty()) ledger->add(Loss::kMemoryUnreadable, fmt::format("module {}: {}", name, problem));
      return symbols;
    };
  }

  std::function<object::LoadedDebug()> loader(const LoadedModule& m, const ModuleExtents& extents, debuginfo::FoundFile found) const {
    return [found = std::move(found), options = options_, ledger = &ledger_, name = m.name, sections = m.sections, extents, per_cpu = m.per_cpu,
            symbols = symbols_of(m)] {
      object::LoadedDebug debug;
      auto opened = debuginfo::DebugFile::open(found.file, options, *ledger);
      if (!opened.ok()) {
        debug.why_not = opened.error().message();
        ledger->add(Loss::kNoModuleDebuginfo, fmt::format("{}: {}", name, debug.why_not));
        return debug;
      }
      debug.file = *opened;
      debug.mappings = sections.empty() ? map_by_symbols(*debug.file, symbols()) : map_by_sections(*debug.file, sections, extents, per_cpu);
      return debug;
    };
  }

  object::Program& program_;
  KernelView view_;
  const debuginfo::Finder& finder_;
  const debuginfo::OpenOptions& options_;
  LossLedger& ledger_;
  std::shared_ptr<const ModuleTypes> types_;
};

}  // namespace

Result<std::vector<LoadedModule>> load_modules(object::Program& program, const debuginfo::Finder& finder, const debuginfo::OpenOptions& options,
                                               LossLedger& ledger, std::string* note) {
  return ModuleLoader(program, finder, options, ledger).load(note);
}

}  // namespace inquest::kernel
