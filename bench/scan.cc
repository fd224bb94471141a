// How much a search costs on top of unpacking the pages: usage: scan DUMP HEXVALUE [RUNS]. Prints seconds as medians, both measured in turn in one
// process: "unpack SECONDS search SECONDS hits N bytes N". Unpacking a page that lies uncompressed in the file is reading it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "dump/dump.h"
#include "dump/word_search.h"

namespace {

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

template <typename Body>
double seconds(Body&& body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// One word of each cache line: what any reader of the bytes must wait for.
uint64_t touch(inquest::Bytes bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i + 8 <= bytes.size(); i += 64) sum += inquest::load_unchecked<uint64_t>(bytes.data() + i);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  inquest::LossLedger ledger;
  auto dump = inquest::dump::Dump::open({argv[1]}, ledger);
  if (!dump.ok()) {
    std::fprintf(stderr, "scan: %s\n", dump.error().message().c_str());
    return 1;
  }
  uint64_t value = std::strtoull(argv[2], nullptr, 16);
  int runs = argc > 3 ? std::atoi(argv[3]) : 5;
  std::vector<double> unpack, search;
  inquest::dump::WordHits hits;
  for (int i = 0; i <= runs; i++) {  // the first round fills the page cache
    std::atomic<uint64_t> sum{0};
    double a = seconds([&] { dump->memory().scan([&](inquest::PhysicalAddress, inquest::Bytes bytes) { sum.fetch_add(touch(bytes), std::memory_order_relaxed); }); });
    double b = seconds([&] { hits = inquest::dump::find_word(dump->memory(), {value}); });
    if (i == 0) continue;
    unpack.push_back(a);
    search.push_back(b);
  }
  std::printf("unpack %.6f search %.6f hits %llu bytes %llu\n", median(unpack), median(search), static_cast<unsigned long long>(hits.found),
              static_cast<unsigned long long>(hits.bytes));
  return 0;
}
