// Real dumps of the lab (lab/lab makes them), where they exist: forms of one run of a guest must hold the same memory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "dump/dump.h"
#include "dump/file_view.h"

namespace inquest::dump {
namespace {

namespace fs = std::filesystem;

fs::path lab_folder() {
  if (const char* lab = std::getenv("INQUEST_LAB")) return lab;
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return fs::path(cache) / "inquest-lab";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : "/") / ".cache/inquest-lab";
}

// Every dump of the lab, as <kernel>/dumps/<case>/<form>/vmcore or its first part.
std::vector<fs::path> lab_dumps() {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& kernel : fs::directory_iterator(lab_folder(), error))
    for (const auto& crash : fs::directory_iterator(kernel.path() / "dumps", error))
      for (const auto& form : fs::directory_iterator(crash.path(), error))
        for (const char* name : {"vmcore", "vmcore.1"})
          if (fs::exists(form.path() / name)) found.push_back(form.path() / name);
  return found;
}

Result<Dump> open_path(const fs::path& path) {
  LossLedger ledger;
  return Dump::open({path.string()}, ledger);
}

// Pages of `a` that have bytes in both must be equal; gives how many were compared, of every `step`-th.
uint64_t expect_same_memory(const PhysicalMemory& a, const PhysicalMemory& b, uint64_t step = 1) {
  uint64_t both = 0;
  for (const PhysicalRange& r : a.stored_ranges()) {
    for (uint64_t at = r.start.value; at < r.start.value + r.size; at += 4096 * step) {
      Chunk x = a.chunk(PhysicalAddress(at), 4096), y = b.chunk(PhysicalAddress(at), 4096);
      if (!has_bytes(x.origin) || !has_bytes(y.origin)) continue;
      both++;
      const size_t n = std::min({x.bytes.size(), y.bytes.size(), size_t{4096}});
      if (as_text(x.bytes.first(n)) != as_text(y.bytes.first(n))) {
        ADD_FAILURE() << "bytes differ at " << std::hex << at;
        return both;
      }
    }
  }
  return both;
}

TEST(LabDumps, EveryOneOpensWithItsCpusAndMemory) {
  const std::vector<fs::path> dumps = lab_dumps();
  if (dumps.empty()) GTEST_SKIP() << "no dumps in " << lab_folder();
  for (const fs::path& path : dumps) {
    SCOPED_TRACE(path.string());
    Result<Dump> dump = open_path(path);
    ASSERT_TRUE(dump.ok()) << dump.error().message();
    const DumpFacts& facts = dump->facts();
    ASSERT_NE(facts.arch, nullptr);
    EXPECT_NE(path.string().find(std::string(facts.arch->name)), std::string::npos);
    EXPECT_EQ(facts.cpus.size(), 2u);
    EXPECT_FALSE(facts.incomplete);
    EXPECT_EQ(facts.vmcoreinfo.empty(), path.string().find("novmci") != std::string::npos);
    for (const CpuState& cpu : facts.cpus) {
      EXPECT_TRUE(cpu.registers.get(facts.arch->pc).has_value());
      EXPECT_EQ(cpu.from_qemu, !cpu.pid.has_value());
      const bool cr3 = cpu.registers.get(arch::x86::kCr3).has_value();
      EXPECT_EQ(facts.arch == &arch::x86_64() && cr3, facts.arch == &arch::x86_64() && cpu.from_qemu);
    }
    const PageCounts pages = dump->memory().count_pages();
    EXPECT_GT(pages.stored * dump->memory().block_size(), 4u << 20);  // bytes: pages are 4K to 64K
    EXPECT_EQ(pages.lost, 0u);
    EXPECT_EQ(pages.filtered > 0, facts.partial);
  }
}

TEST(LabDumps, FormsOfOneRunHoldTheSameMemory) {
  int compared = 0;
  for (const fs::path& path : lab_dumps()) {
    if (path.parent_path().filename() != "kdump-lzo31") continue;
    Result<Dump> lzo = open_path(path);
    ASSERT_TRUE(lzo.ok());
    const uint64_t pages = lzo->memory().count_pages().stored;
    const fs::path forms = path.parent_path().parent_path();
    for (const char* form : {"kdump-zlib31/vmcore", "flat31/vmcore", "split3/vmcore.1", "elf31/vmcore"}) {
      if (!fs::exists(forms / form)) continue;
      Result<Dump> other = open_path(forms / form);
      ASSERT_TRUE(other.ok()) << form;
      if (other->facts().crash_time != lzo->facts().crash_time) continue;  // another run
      SCOPED_TRACE(forms / form);
      const uint64_t both = expect_same_memory(lzo->memory(), other->memory());
      // ELF leaves zero pages out as filtered.
      EXPECT_TRUE(both == pages || other->facts().format.starts_with("elf")) << both << " of " << pages;
      compared++;
    }
  }
  if (!compared) GTEST_SKIP() << "no two forms of one run in " << lab_folder();
}

// Cut at 1, 50 and 99 per cent: opens or says why in a line, and what has bytes has the right ones.
TEST(LabDumps, Truncated) {
  int cut = 0;
  for (const fs::path& path : lab_dumps()) {
    if (path.string().find("stid_race") == std::string::npos || path.string().find("/6.1.0") == std::string::npos)
      continue;
    SCOPED_TRACE(path.string());
    Result<Dump> whole = open_path(path);
    Result<std::shared_ptr<const FileView>> file = open_file_view(path.string());
    ASSERT_TRUE(whole.ok() && file.ok());
    for (uint64_t percent : {1, 50, 99}) {
      LossLedger ledger;
      Result<Dump> part = Dump::open_bytes({(*file)->piece(0, (*file)->size() / 100 * percent)}, {"cut"}, ledger);
      if (!part.ok()) {
        EXPECT_EQ(part.error().message().find('\n'), std::string::npos);
        continue;
      }
      EXPECT_TRUE(part->facts().incomplete) << percent;
      EXPECT_GT(part->memory().count_pages().lost, 0u) << percent;
      expect_same_memory(part->memory(), whole->memory(), 7);
      cut++;
    }
  }
  if (!cut) GTEST_SKIP() << "no dumps in " << lab_folder();
}

}  // namespace
}  // namespace inquest::dump
