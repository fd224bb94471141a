// Who is it: from the dump's VMCOREINFO, else from the copy the kernel keeps in memory, else from its banner.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "target/kernel_layout.h"

namespace inquest::target {

namespace {

constexpr std::string_view kNoteStart = "OSRELEASE=", kBanner = "Linux version ";
constexpr uint64_t kSmallestPage = 4096, kNoteLimit = 65536;

struct Hit {
  PhysicalAddress at;
  std::string text;
};

// kernel/crash_core.c fills a page of its own with the note's text, so it starts on a page.
std::vector<Hit> find_note_pages(const dump::PhysicalMemory& memory) {
  std::vector<Hit> hits;
  std::mutex mutex;
  memory.scan([&](PhysicalAddress start, Bytes bytes) {
    uint64_t skip = (kSmallestPage - start.value % kSmallestPage) % kSmallestPage;
    for (uint64_t at = skip; at + kNoteStart.size() <= bytes.size(); at += kSmallestPage) {
      if (std::memcmp(bytes.data() + at, kNoteStart.data(), kNoteStart.size()) != 0) continue;
      std::string_view text = as_text(bytes.subspan(at, std::min<uint64_t>(bytes.size() - at, kNoteLimit)));
      text = text.substr(0, text.find('\0'));
      if (text.find("\nPAGESIZE=") == std::string_view::npos || text.find("\nSYMBOL(") == std::string_view::npos) continue;
      std::lock_guard lock(mutex);
      hits.push_back({start + at, std::string(text)});
    }
  });
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.at < b.at; });
  return hits;
}

// linux_banner (init/version.c) ends with a newline and a NUL; copies in the log do not.
std::vector<Hit> find_banners(const dump::PhysicalMemory& memory) {
  std::vector<Hit> hits;
  std::mutex mutex;
  memory.scan([&](PhysicalAddress start, Bytes bytes) {
    const auto* data = reinterpret_cast<const char*>(bytes.data());
    const char *p = data, *end = data + bytes.size();
    while ((p = static_cast<const char*>(memmem(p, size_t(end - p), kBanner.data(), kBanner.size())))) {
      const char* line_end = static_cast<const char*>(std::memchr(p, 0, size_t(std::min<ptrdiff_t>(end - p, 512))));
      const char* digit = p + kBanner.size();
      if (line_end && digit < end && *digit >= '0' && *digit <= '9' && line_end[-1] == '\n') {
        std::lock_guard lock(mutex);
        hits.push_back({start + uint64_t(p - data), std::string(p, line_end)});
      }
      p += kBanner.size();
    }
  });
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.at < b.at; });
  return hits;
}

const arch::Arch* arch_by_note(const Vmcoreinfo& note) {
  if (note.number("kimage_voffset") || note.number("VA_BITS")) return &arch::aarch64();
  if (note.number("phys_base") || note.symbol("init_top_pgt") || note.symbol("init_level4_pgt")) return &arch::x86_64();
  return nullptr;
}

const arch::Arch* arch_by_banner(std::string_view banner) {
  if (banner.find("aarch64") != std::string_view::npos || banner.find("arm64") != std::string_view::npos) return &arch::aarch64();
  if (banner.find("x86_64") != std::string_view::npos || banner.find("amd64") != std::string_view::npos) return &arch::x86_64();
  return nullptr;
}

void take_note(KernelIdentity& identity, const std::string& text, std::string how) {
  identity.vmcoreinfo = Vmcoreinfo::parse(text);
  identity.release = identity.vmcoreinfo.text("OSRELEASE").value_or("");
  identity.build_id = identity.vmcoreinfo.text("BUILD-ID").value_or("");
  identity.how = std::move(how);
}

}  // namespace

Result<KernelIdentity> identify(const dump::Dump& dump, LossLedger& ledger) {
  KernelIdentity identity;
  const dump::DumpFacts& facts = dump.facts();
  if (!facts.vmcoreinfo.empty()) take_note(identity, facts.vmcoreinfo, "VMCOREINFO note");
  if (identity.vmcoreinfo.empty()) {
    if (auto pages = find_note_pages(dump.memory()); !pages.empty())
      take_note(identity, pages.front().text, fmt::format("VMCOREINFO page at physical {:#x}", pages.front().at.value));
  }
  if (identity.vmcoreinfo.empty()) {
    ledger.add(Loss::kNoVmcoreinfo, "neither a note nor its page in memory");
    auto banners = find_banners(dump.memory());
    if (banners.empty())
      return Error(ErrorCode::kNotFound, "no kernel found in this dump: it has no VMCOREINFO, and no \"Linux version\" banner lies in what it stores");
    identity.banner = banners.front().text;
    identity.banner_at = banners.front().at;
    std::string_view rest = std::string_view(identity.banner).substr(kBanner.size());
    identity.release = rest.substr(0, rest.find(' '));
    identity.how = fmt::format("banner at physical {:#x}", banners.front().at.value);
  }
  identity.arch = facts.arch;
  if (!identity.arch) identity.arch = arch_by_note(identity.vmcoreinfo);
  if (!identity.arch) identity.arch = arch_by_banner(identity.banner);
  if (!identity.arch) identity.arch = arch_by_banner(identity.release);
  if (!identity.arch) return Error(ErrorCode::kUnsupported, "the architecture of this dump is told by nothing in it");
  return identity;
}

}  // namespace inquest::target
