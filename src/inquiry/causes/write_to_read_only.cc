// A write to memory that the kernel keeps read-only: its constants, its code, what was sealed after boot.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

namespace {

// x86 (arch/x86/mm/fault.c: the error code's present and write bits); arm64 (arch/arm64/mm/fault.c: "write to read-only memory").
bool is_protection(const oops::Event& e) {
  if (e.header.find("write to read-only memory") != std::string::npos) return true;
  bool x86 = e.arch == oops::Arch::kX86_64 || e.arch == oops::Arch::kI386;
  return x86 && e.error_code && (*e.error_code & 3) == 3 && !(*e.error_code & 0x10);
}

}  // namespace

Verdicts write_to_read_only(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || !seen.fatal->event.fault_address || seen.jumped_to) return {};
  const auto& event = seen.fatal->event;
  if (!is_protection(event)) return {};
  uint64_t fault = *event.fault_address;
  if (shape_of(fault, sign_bit_of(scene)) != Shape::kKernel) return {};
  auto id = scene.identify(fault);
  using Kind = scene::Identity::Kind;
  Verdict v;
  v.cause = "write-to-read-only";
  v.confidence = id.kind == Kind::kSymbol || id.kind == Kind::kText ? 0.95 : 0.8;
  cite(v, add_event(dossier, *seen.fatal));
  cite(v, add_touch(dossier, *seen.fatal));
  cite(v, add_identity(scene, dossier, fault, "the address written to"));
  if (seen.suspect) cite(v, add_origin(dossier, *seen.suspect));
  v.guilty = guilty_at(scene, *seen.fatal);
  if (seen.suspect) v.object = object_reached(*seen.suspect);
  std::string name = id.symbol.empty() ? hex(fault) : id.symbol + (id.module.empty() ? "" : fmt::format(" [{}]", id.module));
  v.summary = fmt::format("{} wrote to {}, which is read-only{}.", v.guilty.function.empty() ? "The kernel" : v.guilty.function, name,
                          id.kind == Kind::kText ? " (it is code)" : "");
  v.alternatives.push_back({"wild-pointer", "the page is mapped, only not for writing, and the address is that of " + name});
  return {v};
}

}  // namespace inquest::inquiry::causes
