// DebugFile: everything one ELF file (vmlinux, a module, a separate debug file) says about code and data.
//
// All addresses are *file addresses*: for vmlinux its link addresses (before KASLR); for a module (ET_REL, whose
// sections have no addresses) a layout made up here: each allocated section gets a place of its own, told by
// section_places(), debug sections are relocated to it, and whoever knows where the module was loaded maps between the two
// (target::, object::). So the index of a module is kept by build ID and is true for every load.
//
// Only little-endian DWARF is read (no big-endian kernel is in the field of view); of other files the symbols.
// Lazy: open() maps the file and its index (from the cache folder, or made now, in parallel); everything else is parsed when asked.
// Immutable to the caller, thread-safe, must be kept by shared_ptr: what it hands out points into it. The ledger given to
// open() must outlive it, as damage may be met at any later question.
// Hostile input: every offset checked, depths and steps limited; damaged parts cost the answers that need them and one ledger entry.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arch.h"
#include "base/cache_folder.h"
#include "base/loss_ledger.h"
#include "base/mapped_file.h"
#include "debuginfo/location.h"
#include "debuginfo/type.h"
#include "debuginfo/unwind_row.h"
#include "elf/elf_file.h"

namespace inquest::debuginfo {

struct SourceLine {
  std::string file;      // as the compiler saw it, cut to the tree: "lib/radix-tree.c", "include/linux/list.h"
  int line = 0, column = 0;
};

struct FileSymbol {
  std::string_view name;
  uint64_t address = 0, size = 0;   // size 0 in the table: up to the next symbol of its section
  uint8_t type = 0;                 // elf::kStt*
  bool global = false;
};

// A global or static variable.
struct Variable {
  std::string_view name;
  const Type* type = nullptr;
  std::optional<uint64_t> address;  // absent: optimized out, or only declared
  std::string declared_file;
  int declared_line = 0;
  uint64_t die = 0;
};

// A parameter or local of a function, with where it is (by address).
struct LocalVariable {
  std::string_view name;
  const Type* type = nullptr;
  bool parameter = false;
  uint64_t die = 0, origin = 0;     // as in FunctionScope
  // The expression valid at the address the scopes were asked for; absent: the variable has no place there.
  std::optional<Expression> location;
  std::optional<int64_t> constant;  // DW_AT_const_value
};

// One function alive at an address: the concrete one, or one inlined into it.
struct FunctionScope {
  std::string_view name;
  uint64_t die = 0, origin = 0;     // the DIE itself, and its abstract origin (itself if none)
  bool inlined = false;
  std::string declared_file;
  int declared_line = 0;
  SourceLine call;                  // inlined: the line in the *enclosing* function where the call was
  uint64_t low = 0, high = 0;       // of the range that holds the address
  uint64_t entry = 0;               // where the function (or its inlined copy) begins
  const Type* result = nullptr;     // null = void
  std::vector<LocalVariable> variables;  // parameters first, as declared, then locals of all blocks around the address, innermost block last
  std::optional<Expression> frame_base;  // of the concrete function
};

// Innermost (deepest inlined) first; the last is the concrete function.
struct Scopes {
  std::vector<FunctionScope> functions;
};

// A concrete function as a whole: the functions inlined into it, their blocks, and where each variable is over all of its code. For who asks about
// many addresses of one function; at each of them it says what scopes_at() says.
struct FunctionTree {
  struct Span {
    uint64_t low = 0, high = 0;
    bool contains(uint64_t address) const { return address >= low && address < high; }
  };
  struct Place {
    Span span;
    Expression location;  // no bytes: the variable has no place there
  };
  struct Variable {
    std::string_view name;
    const Type* type = nullptr;
    bool parameter = false;
    uint64_t origin = 0;
    std::vector<Place> places;  // the first that contains an address is valid there
  };
  struct Node {
    bool is_function = false;  // else a block: its variables are those of the function around
    std::string_view name;
    std::vector<Span> spans;
    std::vector<Variable> variables;  // as the compiler wrote them
    std::vector<size_t> inner;        // nodes directly inside
  };
  std::vector<Node> nodes;  // [0]: the concrete function
};

// A call inside a concrete function, as the compiler recorded it (DW_TAG_call_site).
struct CallSite {
  uint64_t return_address = 0;      // DW_AT_call_return_pc: the instruction behind the call
  std::string_view callee;          // "" for an indirect call
  uint64_t callee_die = 0;
  bool tail_call = false;
  struct Parameter {
    std::optional<unsigned> reg;    // the register it is passed in (DW_OP_regN)
    Bytes location;                 // the whole DW_AT_location
    Expression value;               // in terms of the caller's registers just before the call
    uint64_t optimized_out = 0;     // DIE of the callee's parameter that is passed nowhere, but has this value; 0: it is passed
  };
  std::vector<Parameter> parameters;
};

struct Function {
  std::string_view name;
  uint64_t low = 0, high = 0, die = 0;  // of the range its entry lies in; function_at(): the range asked about (a cold part)
  std::string declared_file;
  int declared_line = 0;
  const Type* result = nullptr;
  std::vector<TypeParameter> parameters;
  bool external = false;
};

struct SectionPlace {
  std::string_view name;
  uint64_t address = 0, size = 0;   // file address
  uint64_t flags = 0;               // SHF_*
};

struct OpenOptions {
  const CacheFolder* cache = nullptr;  // null: no index is kept
  bool rebuild = false;
  unsigned workers = 0;
};

class DebugFile {
 public:
  static Result<std::shared_ptr<const DebugFile>> open(MappedFile file, const OpenOptions& options, LossLedger& ledger);
  // The same over bytes that the caller keeps for as long as the DebugFile lives (a file inside a dump, a test).
  static Result<std::shared_ptr<const DebugFile>> open(Bytes bytes, const std::string& path, const OpenOptions& options, LossLedger& ledger);
  virtual ~DebugFile() = default;

  virtual const std::string& path() const = 0;
  virtual const std::string& build_id() const = 0;         // lower-case hex, "" if none
  virtual const arch::Arch* arch() const = 0;
  virtual bool is_module() const = 0;
  virtual std::string_view module_name() const = 0;        // .modinfo name= / file name, '-' as '_'
  virtual std::string_view release() const = 0;            // vmlinux: from linux_banner; module: vermagic's first word; "" unknown
  virtual bool has_dwarf() const = 0;
  virtual bool index_from_cache() const = 0;
  virtual uint64_t index_bytes() const = 0;                // size of the index

  virtual const std::vector<SectionPlace>& section_places() const = 0;
  // Bytes of an allocated section at a file address, as the file has them (not what the dead kernel had): at most `size`; empty for NOBITS.
  virtual Bytes file_bytes(uint64_t address, uint64_t size) const = 0;
  // A whole section by name, inflated; relocated if it is a debug section or an unwind table (.orc_unwind_ip, .eh_frame).
  virtual Result<Bytes> section_bytes(std::string_view name) const = 0;

  // Symbols of code and data, sorted by address.
  virtual const std::vector<FileSymbol>& symbols() const = 0;
  virtual std::optional<FileSymbol> find_symbol(std::string_view name) const = 0;     // a global one first
  virtual std::vector<FileSymbol> find_symbols(std::string_view name) const = 0;      // static functions share names
  virtual std::optional<FileSymbol> symbol_at(uint64_t address) const = 0;            // the one that covers it

  // Types by name; kind kStruct, kUnion, kEnum, kTypedef or kInteger. A definition wins over a declaration.
  virtual const Type* find_type(TypeKind kind, std::string_view name) const = 0;      // null: none
  // All definitions of that name, the one find_type() gives first: drivers name their private structs alike.
  virtual std::vector<const Type*> find_types(TypeKind kind, std::string_view name) const = 0;
  // "struct xa_node", "unsigned long", "atomic_t", "struct list_head *": a C spelling.
  virtual const Type* parse_type(std::string_view spelling) const = 0;
  virtual std::vector<std::string_view> type_names(TypeKind kind) const = 0;
  // The value of an enumeration constant, wherever it is defined.
  virtual std::optional<int64_t> find_enumerator(std::string_view name) const = 0;

  // A global one first; its address may come from the symbol table where C only declares it (`_text`, assembler's data).
  virtual std::optional<Variable> find_variable(std::string_view name) const = 0;
  virtual std::vector<Variable> find_variables(std::string_view name) const = 0;      // static ones share names
  virtual std::optional<Variable> variable_at(uint64_t address) const = 0;            // by symbol, then DWARF

  virtual std::vector<Function> find_functions(std::string_view name) const = 0;      // concrete ones
  virtual std::optional<Function> function_at(uint64_t address) const = 0;
  virtual Result<Scopes> scopes_at(uint64_t address) const = 0;                       // kNotFound: no DWARF function covers it
  // The same with names and call lines only: what symbolizing needs, at a fraction of the cost.
  virtual Result<Scopes> frames_at(uint64_t address) const = 0;
  // The function that covers the address, whole. Not kept. kNotFound as above.
  virtual Result<FunctionTree> tree_at(uint64_t address) const = 0;
  virtual std::vector<CallSite> call_sites(uint64_t function_die) const = 0;
  virtual const Type* type_of_die(uint64_t die) const = 0;                            // of a variable, parameter or function's result
  virtual const Type* type_at_die(uint64_t die) const = 0;                            // that this DIE describes; kind kUnknown: it is no type
  virtual std::string_view name_of_die(uint64_t die) const = 0;

  virtual std::optional<SourceLine> line_at(uint64_t address) const = 0;
  // All rows of [low, high) in address order, for listings.
  struct LineRow {
    uint64_t address = 0;
    SourceLine where;
    bool is_statement = false;
  };
  virtual std::vector<LineRow> lines_of(uint64_t low, uint64_t high) const = 0;

  // CFI in file addresses (.debug_frame, else .eh_frame); null if there is none.
  virtual const UnwindTable* cfi() const = 0;
  // Indexed addresses and such that an expression of this file needs: fills indexed_address of a context.
  virtual Result<uint64_t> indexed_address(uint64_t unit_offset, uint64_t index) const = 0;
};

}  // namespace inquest::debuginfo
