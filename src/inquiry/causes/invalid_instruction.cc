// The processor met bytes that are no instruction, in memory that is code.
#include <fmt/format.h>

#include "inquiry/causes/causes.h"

namespace inquest::inquiry::causes {

Verdicts invalid_instruction(const scene::CrashScene& scene, const Observations& seen, Dossier& dossier) {
  if (!seen.fatal || seen.jumped_to) return {};
  const auto& e = seen.fatal->event;
  // arm64 (arch/arm64/kernel/traps.c): "Internal error: Oops - Undefined instruction", "undefined instruction: pc : …".
  bool undefined = e.kind == oops::EventKind::kInvalidOpcode || e.kind == oops::EventKind::kUndefinedInstruction || e.header.find("ndefined instruction") != std::string::npos;
  if (!undefined) return {};
  // A BUG says "kernel BUG at" before it (arch/x86/kernel/traps.c: handle_bug); a list or usercopy check, its own words.
  Verdict v;
  v.cause = "invalid-instruction";
  v.confidence = 0.85;
  cite(v, add_event(dossier, *seen.fatal));
  v.guilty = guilty_at(scene, *seen.fatal);
  if (seen.fatal->pc)
    cite(v, dossier.add(Origin::kCode, fmt::format("at {} the code holds what the processor does not execute{}", hex(*seen.fatal->pc), e.code_text.empty() ? "" : ": " + e.code_text),
                        "dis -lx " + bare_hex(*seen.fatal->pc) + " 4", {{"pc", hex(*seen.fatal->pc)}}));
  v.summary = fmt::format("{} ran into an instruction that the processor does not know.", v.guilty.function.empty() ? "The kernel" : v.guilty.function);
  v.alternatives.push_back({"assertion", "no BUG table entry covers the address: the kernel printed no \"kernel BUG at\""});
  v.alternatives.push_back({"wild-call", "the address is inside a function"});
  v.would_settle.push_back("whether the bytes differ from those of the file: code overwritten, or code for another processor");
  return {v};
}

}  // namespace inquest::inquiry::causes
