#include "dump/testing/dump_recipe.h"

#include <libdeflate.h>
#include <lzo/lzo1x.h>
#include <snappy.h>
#include <zstd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <sstream>

#include "arch/arch.h"
#include "dump/page_codec.h"
#include "elf/testing/elf_builder.h"

namespace inquest::dump::testing {

using elf::testing::note;
using elf::testing::Writer;

namespace {

[[noreturn]] void mistake(const std::string& line) {
  std::fprintf(stderr, "dump recipe: cannot understand: %s\n", line.c_str());
  std::abort();
}

std::string page_bytes(const std::string& kind, uint64_t page, uint64_t size) {
  std::string bytes(size, '\0');
  if (kind == "zero") return bytes;
  uint64_t state = page * 0x9e3779b97f4a7c15u + 1;
  for (size_t i = 0; i < size; i += 8) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    const uint64_t value = kind == "random" ? state : (page << 32 | (i / 64));
    std::memcpy(bytes.data() + i, &value, 8);
  }
  return bytes;
}

std::string compress(const std::string& codec, const std::string& page, uint32_t& flags) {
  std::string out(page.size() * 2 + 1024, '\0');
  size_t size = 0;
  if (codec == "zlib") {
    libdeflate_compressor* c = libdeflate_alloc_compressor(1);
    size = libdeflate_zlib_compress(c, page.data(), page.size(), out.data(), out.size());
    libdeflate_free_compressor(c);
    flags = kPageZlib;
  } else if (codec == "lzo") {
    std::vector<char> work(LZO1X_1_MEM_COMPRESS);
    lzo_uint n = out.size();
    lzo1x_1_compress(reinterpret_cast<const unsigned char*>(page.data()), page.size(),
                     reinterpret_cast<unsigned char*>(out.data()), &n, work.data());
    size = n;
    flags = kPageLzo;
  } else if (codec == "snappy") {
    snappy::RawCompress(page.data(), page.size(), out.data(), &size);
    flags = kPageSnappy;
  } else if (codec == "zstd") {
    size = ZSTD_compress(out.data(), out.size(), page.data(), page.size(), 1);
    flags = kPageZstd;
  } else if (codec != "raw") {
    mistake("codec " + codec);
  }
  if (codec == "raw" || size >= page.size()) {
    flags = kPageRaw;
    return page;
  }
  out.resize(size);
  return out;
}

uint32_t codec_flag(const std::string& codec) {
  for (uint32_t flag : {kPageZlib, kPageLzo, kPageSnappy, kPageZstd})
    if (codec == codec_name(flag)) return flag;
  return 0;
}

std::string prstatus(const arch::Arch& arch, int pid, uint64_t base) {
  Writer w;
  w.zeroes(arch.prstatus_pid_offset).u32(uint32_t(pid)).pad_to(arch.prstatus_offset);
  for (uint8_t r : arch.prstatus_words) w.u64(base + r);
  return w.pad_to(arch.prstatus_size).text();
}

std::string qemu_state(uint64_t base) {
  using namespace arch::x86;
  Writer w;
  w.u32(1).u32(440);
  for (unsigned r : {kRax, kRbx, kRcx, kRdx, kRsi, kRdi, kRsp, kRbp}) w.u64(base + r);
  for (unsigned r = kR8; r <= kR15; r++) w.u64(base + r);
  w.u64(base + kRip).u64(base + kFlags);
  for (uint64_t i = 0; i < 10; i++) w.u32(0x10 + i).u32(0xffff).u32(0).u32(0).u64(0xffff000000000000 + base + i);
  for (uint64_t i = 0; i < 5; i++) w.u64(0xc0000 + base + i);
  return w.u64(0xeeee0000 + base).text();
}

// One line that says what pages first..last hold.
void set_pages(DumpRecipe& r, const std::string& kind, const std::string& range, const std::string& text,
               const std::string& line) {
  uint64_t from = 0, to = 0;
  const int n = std::sscanf(range.c_str(), "%lu..%lu", &from, &to);
  if (n < 1) mistake(line);
  if (n == 1) to = from + 1;
  for (uint64_t p = from; p < to; p++) {
    PageTruth& t = r.pages[p];
    if (kind == "filtered")
      t = {PageOrigin::kFiltered, ""};
    else if (kind == "lost")
      t = {PageOrigin::kLost, ""};
    else if (kind == "text")
      t = {PageOrigin::kStored, text + std::string(r.block - text.size(), '\0')};
    else if (kind == "zero")
      t = {PageOrigin::kZeroPage, page_bytes(kind, p, r.block)};
    else if (kind == "pattern" || kind == "random")
      t = {PageOrigin::kStored, page_bytes(kind, p, r.block)};
    else
      mistake(line);
  }
}

}  // namespace

DumpRecipe DumpRecipe::parse(std::string_view text) {
  DumpRecipe r;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    std::string word, first, rest;
    if (!(in >> word) || word[0] == '#') continue;
    in >> first;
    std::getline(in, rest);
    if (!rest.empty() && rest[0] == ' ') rest.erase(0, 1);
    const std::string whole = rest.empty() ? first : first + " " + rest;
    auto number = [&] { return std::strtoull(first.c_str(), nullptr, 0); };
    if (word == "arch")
      r.arch = first;
    else if (word == "codec")
      r.codec = first;
    else if (word == "block")
      r.block = number();
    else if (word == "version")
      r.version = int(number());
    else if (word == "level")
      r.level = int(number());
    else if (word == "end")
      r.end = number();
    else if (word == "time")
      r.time = number();
    else if (word == "status")
      r.status = number();
    else if (word == "vmcoreinfo")
      r.vmcoreinfo += whole + "\n";
    else if (word == "eraseinfo")
      r.eraseinfo += whole + "\n";
    else if (word == "cpu")
      r.cpu_pids.push_back(int(number()));
    else if (word == "qemu")
      r.qemu_notes = true;
    else if (word == "uname") {
      std::istringstream fields(whole);
      for (std::string f; fields >> f;) r.uname.push_back(f);
    } else {
      set_pages(r, word, first, rest, line);
    }
  }
  return r;
}

PageTruth DumpRecipe::at(uint64_t page) const {
  auto it = pages.find(page);
  return it == pages.end() ? PageTruth{} : it->second;
}

std::string DumpRecipe::notes() const {
  const arch::Arch* a = arch::find(arch);
  if (!a) mistake("arch " + arch);
  std::string blob;
  for (size_t i = 0; i < cpu_pids.size(); i++) blob += note("CORE", 1, prstatus(*a, cpu_pids[i], 0x1000 * (i + 1)));
  for (size_t i = 0; i < cpu_pids.size() && qemu_notes; i++) blob += note("QEMU", 0, qemu_state(0x1000 * (i + 1)));
  if (!vmcoreinfo.empty()) blob += note("VMCOREINFO", 0, vmcoreinfo);
  return blob;
}

// The descriptors of pages [first, last) and the pages they name, which begin at `data_start` of the file.
std::string DumpRecipe::descriptors_and_pages(uint64_t first, uint64_t last, uint64_t data_start) const {
  Writer table, data;
  uint32_t zero_flags = 0;
  const std::string zero_page = compress(codec, std::string(block, '\0'), zero_flags);
  const bool share_zero = level & 1;
  if (share_zero) data.bytes(zero_page);
  for (const auto& [page, truth] : pages) {
    if (page < first || page >= last || truth.origin == PageOrigin::kFiltered) continue;
    if (truth.origin == PageOrigin::kLost) {
      table.zeroes(24);
    } else if (truth.origin == PageOrigin::kZeroPage && share_zero) {
      table.u64(data_start).u32(zero_page.size()).u32(zero_flags).u64(0);
    } else {
      uint32_t flags = 0;
      const std::string packed = compress(codec, truth.bytes, flags);
      table.u64(data_start + data.size()).u32(packed.size()).u32(flags).u64(0);
      data.bytes(packed);
    }
  }
  return table.text() + data.text();
}

std::string DumpRecipe::kdump_part(bool split, uint64_t first, uint64_t last) const {
  const std::string blob = notes();
  const uint64_t bitmap_bytes = ((end + 7) / 8 + block - 1) / block * block;
  // Block 0 the header, then the sub header with what it points to.
  const uint64_t sub_blocks = (104 + blob.size() + eraseinfo.size() + block - 1) / block;
  const uint64_t notes_at = block + 104, erase_at = notes_at + blob.size();
  const size_t text_at = blob.find(vmcoreinfo);

  Writer w;
  w.bytes("KDUMP   ").u32(uint32_t(version));
  for (size_t i = 0; i < 6; i++) {
    const std::string field = i < uname.size() ? uname[i] : i == 4 && uname.empty() ? arch : "";
    w.bytes(field).pad_to(12 + 65 * (i + 1));
  }
  w.pad_to(408)
      .u64(time)
      .u64(0)
      .u32(codec_flag(codec) | status)
      .u32(block)
      .u32(sub_blocks)
      .u32(2 * bitmap_bytes / block);
  w.u32(end).u32(0).u32(0).u32(0).u32(0).u32(cpu_pids.size()).pad_to(block);
  const bool v6 = version >= 6;
  w.u64(0x1000000).u32(uint32_t(level)).u32(split).u64(v6 ? 0 : first).u64(v6 ? 0 : last);
  w.u64(vmcoreinfo.empty() || version < 3 ? 0 : notes_at + text_at).u64(version < 3 ? 0 : vmcoreinfo.size());
  w.u64(version < 4 ? 0 : notes_at).u64(version < 4 ? 0 : blob.size());
  w.u64(version < 5 ? 0 : erase_at).u64(version < 5 ? 0 : eraseinfo.size());
  w.u64(v6 ? first : 0).u64(v6 ? last : 0).u64(v6 ? end : 0);
  w.bytes(blob).bytes(eraseinfo).pad_to((1 + sub_blocks) * block);

  std::string ram(bitmap_bytes, '\0'), dumped(bitmap_bytes, '\0');
  uint64_t count = 0;
  for (const auto& [page, truth] : pages) {
    if (page >= end) continue;
    ram[page / 8] = char(ram[page / 8] | 1 << (page % 8));
    if (truth.origin == PageOrigin::kFiltered) continue;
    dumped[page / 8] = char(dumped[page / 8] | 1 << (page % 8));
    if (page >= first && page < last) count++;
  }
  w.bytes(ram).bytes(dumped);

  return w.bytes(descriptors_and_pages(first, std::min(last, end), w.size() + 24 * count)).text();
}

std::string DumpRecipe::elf() const {
  elf::testing::ElfBuilder b;
  const arch::Arch* a = arch::find(arch);
  if (!a) mistake("arch " + arch);
  b.machine = a->elf_machine;
  std::string blob = notes();
  if (!eraseinfo.empty()) blob += note("ERASEINFO", 0, eraseinfo);
  b.add_note(blob);
  // One segment a run of stored pages, with the filtered pages behind it as its unstored end.
  for (auto it = pages.begin(); it != pages.end();) {
    const uint64_t start = it->first;
    uint64_t next = start;
    std::string bytes;
    for (; it != pages.end() && it->first == next && has_bytes(it->second.origin); ++it, next++)
      bytes += it->second.bytes;
    for (; it != pages.end() && it->first == next && !has_bytes(it->second.origin); ++it) next++;
    b.add_load(start * block, qemu_notes ? 0 : 0xffff888000000000 + start * block, bytes, (next - start) * block);
  }
  return b.build();
}

std::string flatten(std::string_view file, size_t record, bool shuffled) {
  Writer w(ByteOrder::kBig);
  w.bytes("makedumpfile").pad_to(16).u64(1).u64(1).pad_to(4096);
  const size_t records = (file.size() + record - 1) / record;
  size_t step = 7;  // visits every record if it shares no factor with their number
  while (std::gcd(step, records) != 1) step++;
  for (size_t i = 0; i < records; i++) {
    const size_t at = (shuffled ? (i * step + 3) % records : i) * record;
    std::string_view bytes = file.substr(at, record);
    w.u64(at).u64(bytes.size()).bytes(bytes);
  }
  return w.u64(~uint64_t{0}).u64(~uint64_t{0}).text();
}

}  // namespace inquest::dump::testing
