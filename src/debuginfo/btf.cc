// BTF: Documentation/bpf/btf.rst; include/uapi/linux/btf.h. Kinds up to ENUM64 (19, kernel 6.0).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>

#include "debuginfo/btf_format.h"
#include "debuginfo/kallsyms.h"

namespace inquest::debuginfo {

using namespace btf;

namespace {

constexpr uint16_t kMagic = 0xeb9f;
constexpr size_t kRecordSize = 12;
constexpr int kMaxChain = 64;  // of type tags and forward declarations

class BtfTypes : public Btf {
 public:
  BtfTypes(Bytes types, Bytes strings, std::shared_ptr<const BtfTypes> base)
      : types_(types),
        strings_(strings),
        base_(std::move(base)),
        first_(base_ ? base_->type_count() : 1),
        first_string_(base_ ? base_->string_end() : 0) {}
  ~BtfTypes() override {
    for (size_t i = 0; made_ && i < offsets_.size(); i++) delete made_[i].load(std::memory_order_relaxed);
  }

  Result<void> scan();

  const Type* find_type(TypeKind kind, std::string_view name) const override;
  const Type* function_prototype(std::string_view function) const override;
  const Type* variable_type(std::string_view name) const override;
  std::vector<std::string_view> type_names(TypeKind kind) const override;
  std::vector<std::pair<std::string_view, uint32_t>> section_variables(std::string_view section) const override;
  std::optional<int64_t> find_enumerator(std::string_view name) const override;
  uint32_t type_count() const override { return first_ + uint32_t(offsets_.size()); }
  const Type* type(uint32_t id) const override;

 protected:
  Body body_of(const Type& type) const override;

 private:
  uint64_t string_end() const { return first_string_ + strings_.size(); }
  std::string_view string(uint32_t offset) const;
  std::optional<Record> record(uint32_t id) const;
  const Type* make(uint32_t id, const Record& r) const;
  const Type* or_unknown(uint32_t id) const;
  // The flag says "signed" since 6.0 (kernel commit 6089fb325cf7); before, it was never set, and values were signed.
  bool signed_enum(const Record& r) const { return r.flag() || !knows_signs_; }
  uint32_t followed(uint32_t id) const;
  const NameTable& names(Names which) const;
  const std::unordered_map<std::string_view, int64_t>& enumerators() const;
  uint32_t find_id(TypeKind kind, std::string_view name) const;
  std::vector<Member> members_of(const Record& r) const;
  std::vector<Enumerator> enumerators_of(const Record& r) const;
  void fill_parameters(const Record& r, Body& body) const;

  Bytes types_, strings_;
  std::shared_ptr<const BtfTypes> base_;
  uint32_t first_;            // id of our first type
  uint64_t first_string_;     // offset of our first string
  bool knows_signs_ = false;  // some enum has the flag
  std::vector<uint32_t> offsets_;
  std::unique_ptr<std::atomic<const Type*>[]> made_;
  mutable std::array<std::once_flag, kNameTables> names_once_;
  mutable std::array<NameTable, kNameTables> names_;
  mutable std::once_flag enumerators_once_;
  mutable std::unordered_map<std::string_view, int64_t> enumerators_;
  Type unknown_{nullptr, 0, TypeKind::kUnknown, "", std::nullopt, false, false};
};

Result<void> BtfTypes::scan() {
  knows_signs_ = base_ && base_->knows_signs_;
  offsets_.reserve(types_.size() / 24);
  for (size_t at = 0; at < types_.size();) {
    auto truncated = [&] {
      return Error(ErrorCode::kTruncated, fmt::format("BTF type {} at {:#x} is cut off", type_count(), at));
    };
    if (types_.size() - at < kRecordSize) return truncated();
    const std::byte* p = types_.data() + at;
    Record r{0, load_unchecked<uint32_t>(p + 4), 0, 0};
    std::optional<size_t> extra = extra_size(r);
    if (!extra)
      return Error(ErrorCode::kUnsupported, fmt::format("BTF type {} is of unknown kind {}", type_count(), r.kind()));
    if (types_.size() - at - kRecordSize < *extra) return truncated();
    knows_signs_ |= (r.kind() == kEnum && r.flag()) || r.kind() == kEnum64;
    offsets_.push_back(uint32_t(at));
    at += kRecordSize + *extra;
  }
  made_ = std::make_unique<std::atomic<const Type*>[]>(offsets_.size());
  return {};
}

std::string_view BtfTypes::string(uint32_t offset) const {
  if (offset < first_string_) return base_ ? base_->string(offset) : std::string_view();
  Cursor in(strings_, ByteOrder::kLittle, std::min<uint64_t>(offset - first_string_, strings_.size()));
  return in.cstring();
}

std::optional<Record> BtfTypes::record(uint32_t id) const {
  if (id < first_) return base_ ? base_->record(id) : std::nullopt;
  if (id - first_ >= offsets_.size()) return std::nullopt;
  const std::byte* p = types_.data() + offsets_[id - first_];
  return Record{load_unchecked<uint32_t>(p), load_unchecked<uint32_t>(p + 4), load_unchecked<uint32_t>(p + 8),
                offsets_[id - first_] + size_t{12}};
}

// Tags are passed through, forward declarations lead to the definition if there is one.
uint32_t BtfTypes::followed(uint32_t id) const {
  for (int steps = 0; steps < kMaxChain; steps++) {
    std::optional<Record> r = record(id);
    if (!r) return id;
    if (r->kind() == kTypeTag) {
      id = r->size_or_type;
    } else if (r->kind() == kFwd) {
      uint32_t definition = find_id(r->flag() ? TypeKind::kUnion : TypeKind::kStruct, string(r->name));
      return definition ? definition : id;
    } else {
      return id;
    }
  }
  return id;
}

const Type* BtfTypes::type(uint32_t id) const {
  id = followed(id);
  if (id == 0) return nullptr;
  if (id < first_) return base_ ? base_->type(id) : nullptr;
  if (id - first_ >= offsets_.size()) return nullptr;
  std::atomic<const Type*>& slot = made_[id - first_];
  if (const Type* ready = slot.load(std::memory_order_acquire)) return ready;
  const Type* fresh = make(id, *record(id));
  if (!fresh) return nullptr;
  const Type* expected = nullptr;
  if (slot.compare_exchange_strong(expected, fresh, std::memory_order_acq_rel)) return fresh;
  delete fresh;  // another thread was first
  return expected;
}

const Type* BtfTypes::make(uint32_t id, const Record& r) const {
  std::string_view name = string(r.name);
  auto made = [&](TypeKind kind, std::optional<uint64_t> size, bool is_signed = false, bool declaration = false) {
    return new Type(this, id, kind, name, size, is_signed, declaration);
  };
  switch (r.kind()) {
    case kInt: {
      uint32_t encoding = load_unchecked<uint32_t>(types_.data() + r.extra) >> 24 & 0x0f;  // 1 signed, 2 char, 4 bool
      return made(encoding & 4 ? TypeKind::kBool : TypeKind::kInteger, r.size_or_type, encoding & 1);
    }
    case kPtr: return made(TypeKind::kPointer, 8);
    case kArray: return made(TypeKind::kArray, std::nullopt);
    case kStruct: return made(TypeKind::kStruct, r.size_or_type);
    case kUnion: return made(TypeKind::kUnion, r.size_or_type);
    case kEnum:
    case kEnum64: return made(TypeKind::kEnum, r.size_or_type, signed_enum(r));
    case kFwd: return made(r.flag() ? TypeKind::kUnion : TypeKind::kStruct, std::nullopt, false, true);
    case kTypedef: return made(TypeKind::kTypedef, std::nullopt);
    case kVolatile: return made(TypeKind::kVolatile, std::nullopt);
    case kConst: return made(TypeKind::kConst, std::nullopt);
    case kRestrict: return made(TypeKind::kRestrict, std::nullopt);
    case kFuncProto: return made(TypeKind::kFunction, std::nullopt);
    case kFloat: return made(TypeKind::kFloat, r.size_or_type);
    default: return nullptr;
  }
}

const Type* BtfTypes::or_unknown(uint32_t id) const {
  const Type* found = type(id);
  return found || followed(id) == 0 ? found : &unknown_;
}

// Members with kind_flag carry their bit-field's size; without (pahole before 1.13), the int they are of does.
std::vector<Member> BtfTypes::members_of(const Record& r) const {
  std::vector<Member> members(r.count());
  const std::byte* p = types_.data() + r.extra;
  for (Member& m : members) {
    uint32_t id = load_unchecked<uint32_t>(p + 4), offset = load_unchecked<uint32_t>(p + 8);
    m.name = string(load_unchecked<uint32_t>(p));
    m.type = or_unknown(id);
    if (!m.type) m.type = &unknown_;
    m.bit_offset = r.flag() ? offset & 0xffffff : offset;
    m.bit_size = r.flag() ? offset >> 24 : 0;
    std::optional<Record> of = record(followed(id));
    if (!r.flag() && of && of->kind() == kInt) {
      const BtfTypes& owner = id < first_ && base_ ? *base_ : *this;
      uint32_t data = load_unchecked<uint32_t>(owner.types_.data() + of->extra), bits = data & 0xff;
      if (bits != 8 * of->size_or_type) m.bit_size = bits, m.bit_offset += data >> 16 & 0xff;
    }
    p += 12;
  }
  return members;
}

std::vector<Enumerator> BtfTypes::enumerators_of(const Record& r) const {
  std::vector<Enumerator> all(r.count());
  const std::byte* p = types_.data() + r.extra;
  for (Enumerator& e : all) {
    e.name = string(load_unchecked<uint32_t>(p));
    uint32_t low = load_unchecked<uint32_t>(p + 4);
    if (r.kind() == kEnum64)
      e.value = int64_t(uint64_t{load_unchecked<uint32_t>(p + 8)} << 32 | low);
    else
      e.value = signed_enum(r) ? int64_t(int32_t(low)) : int64_t(low);
    p += r.kind() == kEnum64 ? 12 : 8;
  }
  return all;
}

void BtfTypes::fill_parameters(const Record& r, Body& body) const {
  const std::byte* p = types_.data() + r.extra;
  for (uint32_t i = 0; i < r.count(); i++, p += 8) {
    uint32_t name = load_unchecked<uint32_t>(p), id = load_unchecked<uint32_t>(p + 4);
    if (i + 1 == r.count() && id == 0) {  // the last one without a type is "..."
      body.variadic = true;
      return;
    }
    body.parameters.push_back({string(name), or_unknown(id)});
  }
}

TypeSource::Body BtfTypes::body_of(const Type& type) const {
  Body body;
  std::optional<Record> r = record(uint32_t(type.key()));
  if (!r) return body;
  switch (r->kind()) {
    case kStruct:
    case kUnion: body.members = members_of(*r); break;
    case kEnum:
    case kEnum64: body.enumerators = enumerators_of(*r); break;
    case kArray: {
      const std::byte* p = types_.data() + r->extra;
      body.target = or_unknown(load_unchecked<uint32_t>(p));
      uint32_t count = load_unchecked<uint32_t>(p + 8);
      if (count) body.count = count;  // [] and [0] are not told apart
      break;
    }
    case kFuncProto: fill_parameters(*r, body); [[fallthrough]];
    case kPtr:
    case kTypedef:
    case kVolatile:
    case kConst:
    case kRestrict: body.target = or_unknown(r->size_or_type); break;
    default: break;
  }
  return body;
}

const NameTable& BtfTypes::names(Names which) const {
  NameTable& table = names_[size_t(which)];
  std::call_once(names_once_[size_t(which)], [&] {
    for (uint32_t i = 0; i < offsets_.size(); i++) {
      Record r = *record(first_ + i);
      if (r.name && names_of(r) == which) table.try_emplace(string(r.name), first_ + i);
    }
  });
  return table;
}

const std::unordered_map<std::string_view, int64_t>& BtfTypes::enumerators() const {
  std::call_once(enumerators_once_, [this] {
    for (uint32_t i = 0; i < offsets_.size(); i++) {
      Record r = *record(first_ + i);
      if (r.kind() != kEnum && r.kind() != kEnum64) continue;
      for (const Enumerator& e : enumerators_of(r)) enumerators_.try_emplace(e.name, e.value);
    }
  });
  return enumerators_;
}

uint32_t BtfTypes::find_id(TypeKind kind, std::string_view name) const {
  std::optional<Names> which = names_of(kind);
  if (!which) return 0;
  const NameTable& table = names(*which);
  if (auto found = table.find(name); found != table.end()) return found->second;
  return base_ ? base_->find_id(kind, name) : 0;
}

const Type* BtfTypes::find_type(TypeKind kind, std::string_view name) const {
  uint32_t id = find_id(kind, name);
  const Type* found = id ? type(id) : nullptr;
  return found && found->kind() == kind ? found : nullptr;
}

const Type* BtfTypes::function_prototype(std::string_view function) const {
  const NameTable& functions = names(Names::kFunctions);
  auto found = functions.find(function);
  if (found == functions.end()) return nullptr;  // the base's function of that name is another one
  const Type* prototype = type(record(found->second)->size_or_type);
  return prototype && prototype->kind() == TypeKind::kFunction ? prototype : nullptr;
}

const Type* BtfTypes::variable_type(std::string_view name) const {
  const NameTable& variables = names(Names::kVariables);
  auto found = variables.find(name);
  if (found == variables.end()) return base_ ? base_->variable_type(name) : nullptr;
  return type(record(found->second)->size_or_type);
}

std::vector<std::string_view> BtfTypes::type_names(TypeKind kind) const {
  std::vector<std::string_view> list = base_ ? base_->type_names(kind) : std::vector<std::string_view>();
  if (std::optional<Names> which = names_of(kind)) {
    for (const auto& [name, id] : names(*which)) {
      const Type* t = type(id);
      if (t && t->kind() == kind) list.push_back(name);
    }
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

// struct btf_var_secinfo: type, offset, size.
std::vector<std::pair<std::string_view, uint32_t>> BtfTypes::section_variables(std::string_view section) const {
  std::vector<std::pair<std::string_view, uint32_t>> list;
  for (uint32_t i = 0; i < offsets_.size(); i++) {
    Record r = *record(first_ + i);
    if (r.kind() != kDatasec || string(r.name) != section) continue;
    const std::byte* p = types_.data() + r.extra;
    for (uint32_t k = 0; k < r.count(); k++, p += 12)
      if (auto variable = record(load_unchecked<uint32_t>(p)); variable && variable->kind() == kVar)
        list.emplace_back(string(variable->name), load_unchecked<uint32_t>(p + 4));
  }
  return list;
}

std::optional<int64_t> BtfTypes::find_enumerator(std::string_view name) const {
  auto found = enumerators().find(name);
  if (found != enumerators().end()) return found->second;
  return base_ ? base_->find_enumerator(name) : std::nullopt;
}

}  // namespace

Result<std::shared_ptr<const Btf>> Btf::parse(Bytes blob, std::shared_ptr<const Btf> base) {
  Cursor in(blob);
  uint16_t magic = in.u16();
  uint8_t version = in.u8();
  in.skip(1);
  uint64_t header = in.u32(), type_offset = in.u32(), type_size = in.u32(), string_offset = in.u32(),
           string_size = in.u32();
  if (in.ok() && magic == 0x9feb) return Error(ErrorCode::kUnsupported, "BTF of the other byte order");
  if (!in.ok() || magic != kMagic) return Error(ErrorCode::kNotMine, "not BTF");
  if (version != 1 || header < 24)
    return Error(ErrorCode::kUnsupported, fmt::format("BTF version {}, header of {} bytes", version, header));
  auto part = [&](uint64_t offset, uint64_t size) {
    bool inside = header + offset <= blob.size() && size <= blob.size() - header - offset;
    return inside ? blob.subspan(header + offset, size) : Bytes();
  };
  Bytes types = part(type_offset, type_size), strings = part(string_offset, string_size);
  if (types.size() != type_size || strings.size() != string_size) {
    return Error(
        ErrorCode::kTruncated,
        fmt::format("BTF: types ({:#x} bytes at {:#x}) or strings ({:#x} at {:#x}) reach beyond its {:#x} bytes",
                    type_size, header + type_offset, string_size, header + string_offset, blob.size()));
  }
  if (!strings.empty() && strings.back() != std::byte{0})
    return Error(ErrorCode::kCorrupt, "BTF: the strings do not end");
  auto base_types = std::dynamic_pointer_cast<const BtfTypes>(base);
  auto made = std::make_shared<BtfTypes>(types, strings, base_types);
  TRY_VOID(made->scan());
  return std::shared_ptr<const Btf>(std::move(made));
}

}  // namespace inquest::debuginfo
