// The parts a DebugFile is made of, in the order they depend on each other. Private to this room.
#pragma once

#include <map>

#include "debuginfo/code_reader.h"
#include "debuginfo/debug_file.h"
#include "debuginfo/index/builder.h"

namespace inquest::debuginfo {

class DebugFileImpl final : public DebugFile {
 public:
  DebugFileImpl(MappedFile file, Bytes bytes, std::string path, elf::ElfFile elf, LossLedger& ledger);
  // Finds or makes the index; nothing else works before.
  Result<void> attach_index(const OpenOptions& options);

  const std::string& path() const override { return path_; }
  const std::string& build_id() const override { return build_id_; }
  const arch::Arch* arch() const override { return arch_; }
  bool is_module() const override { return elf_.type() == elf::kEtRel; }
  std::string_view module_name() const override { return module_name_; }
  std::string_view release() const override { return release_; }
  bool has_dwarf() const override { return has_dwarf_; }
  bool index_from_cache() const override { return from_cache_; }
  uint64_t index_bytes() const override { return index_.size(); }

  const std::vector<SectionPlace>& section_places() const override { return places_; }
  Bytes file_bytes(uint64_t address, uint64_t size) const override;
  Result<Bytes> section_bytes(std::string_view name) const override;

  const std::vector<FileSymbol>& symbols() const override;
  std::optional<FileSymbol> find_symbol(std::string_view name) const override;
  std::vector<FileSymbol> find_symbols(std::string_view name) const override;
  std::optional<FileSymbol> symbol_at(uint64_t address) const override;

  const Type* find_type(TypeKind kind, std::string_view name) const override { return types_->find(kind, name); }
  std::vector<const Type*> find_types(TypeKind kind, std::string_view name) const override {
    return types_->find_all(kind, name);
  }
  const Type* parse_type(std::string_view spelling) const override { return types_->parse(spelling); }
  std::vector<std::string_view> type_names(TypeKind kind) const override { return types_->names(kind); }
  std::optional<int64_t> find_enumerator(std::string_view name) const override;

  std::optional<Variable> find_variable(std::string_view name) const override;
  std::vector<Variable> find_variables(std::string_view name) const override { return code_->find_variables(name); }
  std::optional<Variable> variable_at(uint64_t address) const override;

  std::vector<Function> find_functions(std::string_view name) const override { return code_->find_functions(name); }
  std::optional<Function> function_at(uint64_t address) const override { return code_->function_at(address); }
  Result<Scopes> scopes_at(uint64_t address) const override { return code_->scopes_at(address, true); }
  Result<Scopes> frames_at(uint64_t address) const override { return code_->scopes_at(address, false); }
  Result<FunctionTree> tree_at(uint64_t address) const override { return code_->tree_at(address); }
  std::vector<CallSite> call_sites(uint64_t function_die) const override { return code_->call_sites(function_die); }
  const Type* type_of_die(uint64_t die) const override;
  const Type* type_at_die(uint64_t die) const override;
  std::string_view name_of_die(uint64_t die) const override { return dwarf_->name(dwarf_->die(die)); }

  std::optional<SourceLine> line_at(uint64_t address) const override { return code_->line_at(address); }
  std::vector<LineRow> lines_of(uint64_t low, uint64_t high) const override { return code_->lines_of(low, high); }

  const UnwindTable* cfi() const override;
  Result<uint64_t> indexed_address(uint64_t unit_offset, uint64_t index) const override;

 private:
  index::Subject subject() const;
  bool open_cached(const CacheFolder& cache, const std::string& name, const index::Subject& subject);
  Result<void> make_index(const OpenOptions& options, const index::Subject& subject);
  struct CfiSection {
    Bytes bytes;
    uint64_t address = 0;
    bool is_eh_frame = false;
  };
  std::optional<CfiSection> cfi_section() const;
  std::vector<index::FrameRecord> list_frames() const;
  std::vector<dwarf::UnitHeader> unit_headers(uint32_t& damaged) const;
  void read_identity();
  FileSymbol symbol(const index::SymbolRecord& record) const;

  MappedFile file_;
  Bytes bytes_;
  std::string path_;
  elf::ElfFile elf_;
  LossLedger& ledger_;
  dwarf::Sections sections_;
  bool has_dwarf_ = false, from_cache_ = false;
  const arch::Arch* arch_ = nullptr;
  std::string build_id_, module_name_, release_;
  std::vector<SectionPlace> places_;

  MappedFile index_file_;
  std::vector<std::byte> index_blob_;
  index::Index index_;
  index::NameStrings strings_;
  std::optional<dwarf::Dwarf> dwarf_;
  std::optional<TypeTable> types_;
  std::optional<LineStore> lines_;
  std::optional<CodeReader> code_;

  mutable std::once_flag symbols_once_, cfi_once_;
  mutable std::vector<FileSymbol> symbols_;
  mutable std::unique_ptr<UnwindTable> cfi_;
  mutable std::mutex prepared_mutex_;
  mutable std::map<size_t, std::vector<std::byte>>
      prepared_;  // sections that had to be inflated or relocated, by index
};

// "name=", "vermagic=" and their like in a module's .modinfo; "" if absent.
std::string_view modinfo_value(Bytes modinfo, std::string_view key);
// "6.1.0-56-cloud-amd64" of "Linux version 6.1.0-56-cloud-amd64 (…"; "" if it is no banner.
std::string_view release_of_banner(std::string_view banner);
// "nfs_layout_flexfiles" of "/x/nfs-layout-flexfiles.ko.debug".
std::string module_name_of_path(std::string_view path);

}  // namespace inquest::debuginfo
