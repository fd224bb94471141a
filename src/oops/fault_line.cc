// The lines that say what was accessed and how: arch/x86/mm/fault.c:show_fault_oops(), arch/arm64/mm/fault.c:
// mem_abort_decode(), arch/powerpc/mm/fault.c:bad_page_fault(), arch/s390/mm/fault.c:dump_fault_info().
#include "oops/builder.h"
#include "oops/pattern.h"
#include "oops/text.h"

namespace inquest::oops {
namespace {

struct AddressRule {
  std::string_view before;  // what stands before the address
};

constexpr std::string_view kAddressAfter[] = {
    "BUG: kernel NULL pointer dereference, address:", "BUG: unable to handle page fault for address:",
    "kernel NULL pointer dereference at virtual address", "NULL pointer dereference at", "kernel paging request at virtual address",
    "paging request at", "at virtual address", "NULL pointer dereference on read at", "NULL pointer dereference on write at",
    "kernel data access on read at", "kernel data access on write at", "kernel data access at", "instruction fetch at",
    "pointer dereference in virtual kernel address space at", "Failing address:", "non-canonical address", "badaddr:", "dar:",
    "for address:", "external abort (0x406) at", " fault at 0x"};

struct AccessRule {
  std::string_view word;
  Access access;
};
constexpr AccessRule kAccess[] = {
    {"supervisor read access", Access::kRead},   {"supervisor write access", Access::kWrite},
    {"supervisor instruction fetch", Access::kExecute}, {"execute from non-executable", Access::kExecute},
    {"tried to execute", Access::kExecute},      {"read from unreadable", Access::kRead},
    {"write to read-only", Access::kWrite},      {"dereference on read", Access::kRead},
    {"dereference on write", Access::kWrite},    {"data access on read", Access::kRead},
    {"data access on write", Access::kWrite},    {"instruction fetch", Access::kExecute},
    {"Read of size", Access::kRead},             {"Write of size", Access::kWrite},
    {"Read at addr", Access::kRead},             {"Write at addr", Access::kWrite},
};

// ESR_ELx.EC of the Arm ARM: 0x20/0x21 instruction aborts, 0x24/0x25 data aborts with WnR in bit 6.
void access_of_esr(uint64_t esr, Event& event) {
  uint64_t exception_class = esr >> 26 & 0x3f;
  // Cores without a syndrome for reads report "read from unreadable memory" on an instruction abort as well.
  if (exception_class == 0x20 || exception_class == 0x21) event.access = Access::kExecute;
  if ((exception_class == 0x24 || exception_class == 0x25) && event.access == Access::kUnknown)
    event.access = esr & 0x40 ? Access::kWrite : Access::kRead;
}

// X86_PF_*: bit 1 write, bit 4 instruction fetch.
void access_of_x86(uint64_t code, Event& event) {
  if (event.access == Access::kUnknown)
    event.access = code & 0x10 ? Access::kExecute : code & 2 ? Access::kWrite : Access::kRead;
}

std::optional<uint64_t> address_after(std::string_view text) {
  for (std::string_view before : kAddressAfter) {
    size_t at = text.find(before);
    if (at == text.npos) continue;
    Scan s(text.substr(at + before.size()));
    s.blanks();
    if (s.eat(':')) s.blanks();
    size_t start = s.at();
    auto value = s.take_hex();
    if (value && s.at() - start >= 2) return value;
  }
  return std::nullopt;
}

bool die_line(std::string_view text, Event& event) {
  auto number = match("[#<d>]", text);
  if (!number) return false;
  if (!event.oops_number) event.oops_number = int(to_dec(number->capture[0]).value_or(0));
  for (std::string_view pattern : {"Oops: <x> [#", "Oops: <x> [#<n>]", "Internal error: Oops: <x> [", "Internal error: Oops - *: <x> [",
                                   "Internal error: *: <x> [", ": <x> [#"}) {
    auto code = match(pattern, text);
    if (!code || event.error_code) continue;
    event.error_code = to_hex(code->capture[0]);
    if (!event.error_code) continue;
    if (has(text, "Internal error") && code->capture[0].size() >= 8) access_of_esr(*event.error_code, event);
    if (text.starts_with("Oops: ") && event.kind != EventKind::kGeneralProtection) access_of_x86(*event.error_code, event);
  }
  return true;
}

}  // namespace

bool read_fault(std::string_view text, Event& event) {
  bool mine = false;
  for (const AccessRule& rule : kAccess) {
    if (!has(text, rule.word)) continue;
    if (event.access == Access::kUnknown) event.access = rule.access;
    mine = true;
    break;
  }
  if (has(text, "ddress") || has(text, "dereference at") || has(text, "dereference on") || has(text, "request at") || has(text, "access ") ||
      has(text, "fetch at") || has(text, " fault")) {
    if (auto address = address_after(text)) {
      if (!event.fault_address) event.fault_address = address;
      mine = true;
    }
  }
  if (auto m = match("^ESR = <x>", text)) {
    size_t at = text.find("0x");
    event.error_code = at == text.npos ? to_hex(m->capture[0]) : Scan(text.substr(at)).take_hex();
    if (event.error_code) access_of_esr(*event.error_code, event);
    return true;
  }
  if (auto m = match("Unhandled fault: *(0x<x>) at 0x<x>", text)) {
    event.error_code = to_hex(m->capture[0]);
    event.fault_address = to_hex(m->capture[1]);
    return true;
  }
  for (std::string_view pattern : {"of size <n> at addr <x>", "at addr <x> by task", "invalid {read|write} at 0x<x>", "in virtual user address space"})
    if (auto m = match(pattern, text)) {
      if (!event.fault_address && m->captures > 0) event.fault_address = to_hex(m->capture[m->captures - 1]);
      return true;
    }
  return die_line(text, event) || mine;
}

}  // namespace inquest::oops
