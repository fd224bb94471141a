#include "debuginfo/index/builder.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

#include "base/worker_pool.h"

namespace inquest::debuginfo::index {

namespace {

void sort_functions(dwarf::ScanResult& found) {
  auto& functions = found.functions;
  std::vector<uint32_t> order(functions.size()), place(functions.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, {}, [&](uint32_t i) { return std::tuple(functions[i].low, functions[i].die); });
  std::vector<FunctionRecord> sorted(functions.size());
  for (uint32_t i = 0; i < order.size(); i++) {
    sorted[i] = functions[order[i]];
    place[order[i]] = i;
  }
  functions = std::move(sorted);
  for (CodeRange& range : found.function_ranges) range.number = place[range.number];
  auto key = [](const CodeRange& range) { return std::tuple(range.low, range.size, range.number); };
  std::ranges::sort(found.function_ranges, {}, key);
  std::ranges::sort(found.unit_ranges, {}, key);
}

// With -fpatchable-function-entry (arm64's ftrace) GCC lets a function's DIE begin behind the no-ops that it puts
// first, where its symbol begins. An address there belongs to the function too: a traced function's frame returns into
// them.
void begin_at_symbols(dwarf::ScanResult& found, const std::vector<SymbolRecord>& symbols) {
  constexpr uint64_t kMostPatchable = 32;
  for (CodeRange& range : found.function_ranges) {
    FunctionRecord& function = found.functions[range.number];
    if (function.low != range.low) continue;  // a cold part
    auto after = std::ranges::upper_bound(symbols, range.low, {}, &SymbolRecord::address);
    while (after != symbols.begin() && (--after)->type != elf::kSttFunc) {
    }
    if (after == symbols.end() || after->type != elf::kSttFunc) continue;
    uint64_t shift = range.low - after->address, end = range.low + range.size;
    if (after->address >= range.low || shift > kMostPatchable || after->address + after->size < end) continue;
    function.low = range.low = after->address;
    function.size += uint32_t(shift);
    range.size += uint32_t(shift);
  }
}

void sort_variables(dwarf::ScanResult& found) {
  std::ranges::sort(found.variables, {}, [](const VariableRecord& v) {
    return std::tuple(!v.has_address, v.address, v.declaration, v.die);
  });
}

void sort_types(dwarf::ScanResult& found) {
  std::ranges::sort(found.types, {}, [](const TypeRecord& t) { return std::tuple(t.kind, t.declaration, t.die); });
}

// Entries of all named records, sorted, and where each bucket begins.
class EntryTable {
 public:
  EntryTable(const dwarf::ScanResult& found, const std::vector<SymbolRecord>& symbols, const NameStrings& strings,
             unsigned workers) {
    size_t total = found.types.size() + found.functions.size() + found.variables.size() + found.enumerators.size() +
                   symbols.size();
    std::vector<Entry> loose(total);
    size_t first = 0;
    auto add = [&](EntryKind kind, const auto& records) {
      constexpr size_t kChunk = 8192;
      parallel_for((records.size() + kChunk - 1) / kChunk,
                   [&](size_t chunk, unsigned) {
                     for (size_t i = chunk * kChunk; i < std::min(records.size(), (chunk + 1) * kChunk); i++)
                       loose[first + i] = {hash_name(strings.at(records[i].name)), uint32_t(kind) << 29 | uint32_t(i)};
                   },
                   workers);
      first += records.size();
    };
    add(EntryKind::kType, found.types);
    add(EntryKind::kFunction, found.functions);
    add(EntryKind::kVariable, found.variables);
    add(EntryKind::kEnumerator, found.enumerators);
    add(EntryKind::kSymbol, symbols);
    place(loose);
  }

  uint32_t bits = 0;
  std::vector<uint32_t> starts;
  std::vector<Entry> entries;

 private:
  void place(const std::vector<Entry>& loose) {
    bits = std::clamp<uint32_t>(uint32_t(std::bit_width(loose.size())) - (loose.empty() ? 0 : 1), 1, 24);
    starts.assign((size_t{1} << bits) + 1, 0);
    for (const Entry& entry : loose) starts[(entry.hash >> (32 - bits)) + 1]++;
    for (size_t i = 1; i < starts.size(); i++) starts[i] += starts[i - 1];
    std::vector<uint32_t> next(starts.begin(), starts.end() - 1);
    entries.resize(loose.size());
    for (const Entry& entry : loose) entries[next[entry.hash >> (32 - bits)]++] = entry;
    for (size_t i = 0; i + 1 < starts.size(); i++)
      if (starts[i + 1] - starts[i] > 1)
        std::sort(entries.begin() + starts[i], entries.begin() + starts[i + 1], [](const Entry& a, const Entry& b) {
          return std::tie(a.hash, a.kind_and_number) < std::tie(b.hash, b.kind_and_number);
        });
  }
};

class Blob {
 public:
  Blob() : bytes_(sizeof(Header)) {}
  template <typename T>
  void add(Header& header, TableId id, std::span<const T> records) {
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    header.tables[id] = {bytes_.size(), records.size()};
    Bytes raw = std::as_bytes(records);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }
  std::vector<std::byte> finish(Header& header) {
    header.total_size = bytes_.size();
    header.content_hash = hash_block(Bytes(bytes_).subspan(sizeof(Header)));
    header.header_hash = hash_block(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, header_hash)));
    std::memcpy(bytes_.data(), &header, sizeof header);
    return std::move(bytes_);
  }
  void reserve(size_t size) { bytes_.reserve(size); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

std::vector<std::byte> build(Ingredients ingredients, unsigned workers) {
  dwarf::ScanResult& found = ingredients.found;
  std::vector<SymbolRecord>& symbols = ingredients.symbols;
  NameStrings& strings = ingredients.strings;
  begin_at_symbols(found, symbols);
  void (*const sorts[])(dwarf::ScanResult&) = {sort_functions, sort_types, sort_variables};
  parallel_for(
      std::size(sorts), [&](size_t i, unsigned) { sorts[i](found); }, workers);
  strings.pool = as_bytes_of(found.pool);
  EntryTable names(found, symbols, strings, workers);
  Header header;
  header.subject = ingredients.subject;
  header.relocations_sorted = ingredients.relocations_sorted;
  header.bucket_bits = names.bits;
  header.damaged_units = found.damaged_units;
  Blob blob;
  blob.reserve(sizeof(Header) + names.starts.size() * 4 + names.entries.size() * (sizeof(Entry) + sizeof(TypeRecord)) +
               ingredients.units.size_bytes());
  blob.add(header, kUnits, ingredients.units);
  blob.add(header, kBuckets, std::span<const uint32_t>(names.starts));
  blob.add(header, kEntries, std::span<const Entry>(names.entries));
  blob.add(header, kSymbols, std::span<const SymbolRecord>(symbols));
  blob.add(header, kTypes, std::span<const TypeRecord>(found.types));
  blob.add(header, kFunctions, std::span<const FunctionRecord>(found.functions));
  blob.add(header, kFunctionRanges, std::span<const CodeRange>(found.function_ranges));
  blob.add(header, kUnitRanges, std::span<const CodeRange>(found.unit_ranges));
  blob.add(header, kVariables, std::span<const VariableRecord>(found.variables));
  blob.add(header, kEnumerators, std::span<const EnumeratorRecord>(found.enumerators));
  blob.add(header, kFrames, std::span<const FrameRecord>(ingredients.frames));
  blob.add(header, kPool, std::span<const char>(found.pool));
  return blob.finish(header);
}

}  // namespace inquest::debuginfo::index
