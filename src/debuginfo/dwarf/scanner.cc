#include "debuginfo/dwarf/scanner.h"

#include <algorithm>

#include "base/worker_pool.h"
#include "debuginfo/dwarf/scan_plan.h"
#include "debuginfo/dwarf/scan_store.h"
#include "debuginfo/type.h"

namespace inquest::debuginfo::dwarf {

namespace {

using index::NameRef;
using index::NameSpace;

constexpr NameRef kNoName = ~uint32_t{0};
constexpr int kMaxOrigins = 16;
constexpr size_t kMaxEnumerators = 1 << 16;
constexpr uint64_t kMaxCode = 0xffffffff;  // one function or unit's piece is smaller than 4 GB

TypeKind kind_of(uint16_t tag) {
  switch (tag) {
    case DW_TAG_union_type: return TypeKind::kUnion;
    case DW_TAG_typedef: return TypeKind::kTypedef;
    case DW_TAG_base_type: return TypeKind::kInteger;
    case DW_TAG_enumeration_type: return TypeKind::kEnum;
    default: return TypeKind::kStruct;
  }
}

NameRef offset_ref(NameSpace space, uint64_t offset) {
  return offset > index::kNameOffsetMask - 1 ? kNoName : index::name_ref(space, offset);
}

class UnitScanner {
 public:
  UnitScanner(const Dwarf& dwarf, ScanStore& store)
      : dwarf_(dwarf),
        store_(store),
        strings_(dwarf.sections().get(SectionId::kStr)),
        merged_(dwarf.sections().strings_merged()) {}

  void scan(const UnitHeader& header, uint32_t number) {
    if (!dwarf_.load(header, unit_)) {
      store_.found.damaged_units++;
      return;
    }
    if (unit_.tag == DW_TAG_skeleton_unit) return;
    plans_.compile(unit_.abbrevs, header.forms());
    section_ = unit_.info.data();
    Die root = dwarf_.root(unit_);
    for (const Range& range : dwarf_.ranges(root)) add_range(store_.found.unit_ranges, range, number);
    reader_ = ByteReader(unit_.info, header.first_die);
    uint64_t code = reader_.uleb();
    const ScanPlan* plan = plans_.find(code);
    if (!plan || !plans_.run(*plan, reader_, section_, values_))
      store_.found.damaged_units++;
    else if (plan->children && !scan_list())
      store_.found.damaged_units++;
  }

 private:
  // The DIEs of one level, and those of namespaces in it.
  bool scan_list() {
    for (uint64_t depth = 1; depth > 0;) {
      if (reader_.at_end()) return true;  // as does a compiler that leaves out the last null entries
      uint64_t at = uint64_t(reader_.p - section_);
      const ScanPlan* plan = next_plan();
      if (!plan) {
        if (reader_.failed || code_ != 0) return false;
        depth--;
        continue;
      }
      if (plan->fixed >= 0) {
        reader_.skip(uint64_t(plan->fixed));
        values_.present = 0;
      } else if (!plans_.run(*plan, reader_, section_, values_)) {
        return false;
      }
      if (plan->die_class != DieClass::kOther && !take(*plan, at)) return false;
      if (!plan->children) continue;
      if (plan->die_class == DieClass::kNamespace)
        depth++;
      else if (!pass_children(values_))
        return false;
    }
    return true;
  }

  const ScanPlan* next_plan() {
    code_ = reader_.uleb();
    return code_ ? plans_.find(code_) : nullptr;
  }

  // Goes behind the children of the DIE just read.
  bool pass_children(const ScanValues& values) {
    if (jump_to_sibling(values)) return true;
    ScanValues inner;
    for (uint64_t depth = 1; depth > 0;) {
      const ScanPlan* plan = next_plan();
      if (!plan) {
        if (reader_.failed || code_ != 0) return false;
        depth--;
        continue;
      }
      if (!plans_.run(*plan, reader_, section_, inner)) return false;
      if (plan->children && !jump_to_sibling(inner)) depth++;
    }
    return true;
  }

  bool jump_to_sibling(const ScanValues& values) {
    if (!values.has(Slot::kSibling)) return false;
    uint64_t target = unit_.header.offset + values[Slot::kSibling], at = uint64_t(reader_.p - section_);
    if (target < at || target > unit_.header.end) return false;
    reader_.p = section_ + target;
    return true;
  }

  bool take(const ScanPlan& plan, uint64_t die) {
    switch (plan.die_class) {
      case DieClass::kType: take_type(plan, die); return true;
      case DieClass::kEnum: return take_enum(plan, die);
      case DieClass::kFunction: take_function(die); return true;
      case DieClass::kVariable: take_variable(die); return true;
      default: return true;
    }
  }

  // Where equal names may lie at different offsets they are told apart, and kept, by their text.
  NameRef debug_str_ref(uint64_t offset) {
    if (merged_) return offset_ref(NameSpace::kDebugStr, offset);
    std::string_view text = ByteReader(strings_, offset).cstring();
    return text.empty() ? kNoName : store_.intern(text);
  }

  NameRef name() {
    if (values_.has(Slot::kNameStr)) return debug_str_ref(values_[Slot::kNameStr]);
    if (values_.has(Slot::kNameText)) return store_.intern(ByteReader(unit_.info, values_[Slot::kNameText]).cstring());
    if (values_.has(Slot::kNameIndex)) return indexed_name(values_[Slot::kNameIndex]);
    if (values_.has(Slot::kNameLineStr)) return offset_ref(NameSpace::kLineStr, values_[Slot::kNameLineStr]);
    return kNoName;
  }
  NameRef indexed_name(uint64_t index) {
    std::optional<uint64_t> offset = dwarf_.string_offset(unit_, index);
    return offset ? debug_str_ref(*offset) : kNoName;
  }

  // The name of the DIE at `offset` (of this unit or another), along its chain of origins.
  NameRef name_of_origin() {
    Die die;
    if (values_.has(Slot::kOrigin))
      die = Die(&unit_, unit_.header.offset + values_[Slot::kOrigin]);
    else if (values_.has(Slot::kOriginFar))
      die = dwarf_.die(values_[Slot::kOriginFar]);
    for (int i = 0; die && i < kMaxOrigins; i++) {
      Value value = die.attribute(DW_AT_name);
      switch (value.form) {
        case 0: break;
        case DW_FORM_strp: return debug_str_ref(value.number);
        case DW_FORM_line_strp: return offset_ref(NameSpace::kLineStr, value.number);
        case DW_FORM_string: return store_.intern(as_text(value.block));
        default: {
          std::optional<uint64_t> offset = dwarf_.string_offset(die.unit(), value.number);
          return offset ? debug_str_ref(*offset) : kNoName;
        }
      }
      die = dwarf_.origin(die);
    }
    return kNoName;
  }

  index::TypeRecord type_record(const ScanPlan& plan, uint64_t die, NameRef name_of) {
    index::TypeRecord record;
    record.die = die;
    record.name = name_of;
    record.uses = 1;
    record.kind = uint8_t(kind_of(plan.tag));
    record.declaration = values_.has(Slot::kDeclaration) && values_[Slot::kDeclaration];
    if (!record.declaration) {
      if (values_.has(Slot::kSize)) record.size = values_[Slot::kSize];
      if (values_.has(Slot::kLine)) record.line = uint32_t(values_[Slot::kLine]);
    }
    return record;
  }

  void take_type(const ScanPlan& plan, uint64_t die) {
    NameRef ref = name();
    if (ref != kNoName) store_.types.add(type_record(plan, die, ref));
  }

  // Also consumes the children when they are wanted.
  bool take_enum(const ScanPlan& plan, uint64_t die) {
    NameRef ref = name();
    index::TypeRecord record = type_record(plan, die, ref);
    bool fresh = ref == kNoName || store_.types.add(record);
    if (!fresh || record.declaration || !plan.children) return true;
    ScanValues own = values_;
    const std::byte* children = reader_.p;
    uint64_t length = own.has(Slot::kSibling) ? unit_.header.offset + own[Slot::kSibling] - die : 0;
    uint64_t key = index::mix(store_.identity(ref) << 24 ^ record.line, 0x94d049bb133111eb) ^ record.size;
    bool wanted = true;
    if (ref == kNoName) {
      // Unnamed enumerations of a header come again in each unit: known by their first value's name and their length.
      const ScanPlan* first = next_plan();
      if (first && first->die_class == DieClass::kEnumerator && plans_.run(*first, reader_, section_, values_))
        key = index::mix(store_.identity(name()) << 24 ^ length, 0xd6e8feb86659fd93);
      wanted = store_.enumerations.add(key);
      reader_.p = children;
    }
    bool good = !reader_.failed && (!wanted || take_enumerators(key, die));
    reader_.p = children;
    values_ = own;
    return good;
  }

  bool take_enumerators(uint64_t key, uint64_t die) {
    auto& all = store_.found.enumerators;
    EnumeratorList list{key, die, uint32_t(all.size()), 0};
    for (size_t i = 0; i < kMaxEnumerators; i++) {
      const ScanPlan* plan = next_plan();
      if (!plan) break;
      if (!plans_.run(*plan, reader_, section_, values_)) return false;
      if (plan->die_class == DieClass::kEnumerator && values_.has(Slot::kConstant))
        if (NameRef ref = name(); ref != kNoName) all.push_back({int64_t(values_[Slot::kConstant]), ref, 0});
      if (plan->children && !pass_children(values_)) return false;
    }
    list.count = uint32_t(all.size()) - list.first;
    if (list.count) store_.enumerator_lists.push_back(list);
    return !reader_.failed;
  }

  static void add_range(std::vector<index::CodeRange>& ranges, const Range& range, uint32_t number) {
    // Low 0 is what linkers leave of code they dropped.
    if (range.low == 0 || range.high <= range.low || range.high - range.low > kMaxCode) return;
    ranges.push_back({range.low, uint32_t(range.high - range.low), number});
  }

  void take_function(uint64_t die) {
    std::vector<Range> ranges;
    std::optional<uint64_t> low;
    if (values_.has(Slot::kLow))
      low = values_[Slot::kLow];
    else if (values_.has(Slot::kLowIndex))
      low = dwarf_.indexed_address(unit_, values_[Slot::kLowIndex]);
    if (values_.has(Slot::kRanges))
      ranges = dwarf_.ranges(unit_, Value{DW_FORM_sec_offset, values_[Slot::kRanges], {}});
    else if (values_.has(Slot::kRangesIndex))
      ranges = dwarf_.ranges(unit_, Value{DW_FORM_rnglistx, values_[Slot::kRangesIndex], {}});
    else if (low && values_.has(Slot::kHigh))
      ranges.push_back({*low, *low + values_[Slot::kHigh]});
    else if (low && values_.has(Slot::kHighAddress))
      ranges.push_back({*low, values_[Slot::kHighAddress]});
    if (ranges.empty() || ranges[0].low == 0 || ranges[0].high <= ranges[0].low ||
        ranges[0].high - ranges[0].low > kMaxCode)
      return;
    NameRef ref = name();
    if (ref == kNoName) ref = name_of_origin();
    if (ref == kNoName) return;
    auto& functions = store_.found.functions;
    for (const Range& range : ranges) add_range(store_.found.function_ranges, range, uint32_t(functions.size()));
    functions.push_back({die, ranges[0].low, uint32_t(ranges[0].high - ranges[0].low), ref});
  }

  void take_variable(uint64_t die) {
    std::optional<uint64_t> address = variable_address();
    NameRef ref = name();
    if (ref == kNoName && address) ref = name_of_origin();
    if (ref == kNoName) return;
    if (address) {
      index::VariableRecord record;
      record.die = die;
      record.address = *address;
      record.name = ref;
      record.has_address = 1;
      store_.found.variables.push_back(record);
    } else {
      index::TypeRecord record;
      record.die = die;
      record.name = ref;
      record.declaration = values_.has(Slot::kDeclaration);
      store_.declared_variables.add(record);
    }
  }

  // DW_OP_addr or DW_OP_addrx, alone or with an offset behind it.
  std::optional<uint64_t> variable_address() {
    if (!values_.has(Slot::kLocation)) return std::nullopt;
    ByteReader reader(unit_.info, values_[Slot::kLocation]);
    reader = ByteReader(reader.take(values_[Slot::kLocationSize]));
    uint8_t op = reader.u8();
    std::optional<uint64_t> address;
    if (op == DW_OP_addr)
      address = reader.number(unit_.header.address_size);
    else if (op == DW_OP_addrx)
      address = dwarf_.indexed_address(unit_, reader.uleb());
    if (!reader.at_end() && reader.u8() == DW_OP_plus_uconst && address) *address += reader.uleb();
    return reader.failed || !reader.at_end() ? std::nullopt : address;
  }

  const Dwarf& dwarf_;
  ScanStore& store_;
  Bytes strings_;
  bool merged_;
  Unit unit_;
  ScanPlans plans_;
  ByteReader reader_;
  ScanValues values_;
  const std::byte* section_ = nullptr;
  uint64_t code_ = 0;
};

}  // namespace

struct ParallelScan::Worker {
  explicit Worker(const Dwarf& dwarf) : scanner(dwarf, store) {}
  ScanStore store;
  UnitScanner scanner;
};

ParallelScan::ParallelScan(const Dwarf& dwarf, unsigned workers) : dwarf_(dwarf) {
  for (unsigned i = 0; i < worker_count(workers); i++) workers_.push_back(std::make_unique<Worker>(dwarf));
}

ParallelScan::~ParallelScan() = default;

void ParallelScan::scan(size_t unit, unsigned worker) {
  workers_[worker]->scanner.scan(dwarf_.headers()[unit], uint32_t(unit));
}

ScanResult ParallelScan::merge() {
  std::vector<ScanStore*> stores;
  for (auto& worker : workers_) stores.push_back(&worker->store);
  return merge_stores(stores);
}

}  // namespace inquest::debuginfo::dwarf
