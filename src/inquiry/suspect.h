// Suspect: the value that did the harm at the fatal event (the pointer the CPU tripped over, or the address it jumped to), its shape, what it
// should have pointed at, and the object it was loaded from.
//
// Found once, before any examiner; every answer may be missing. Shapes: include/linux/poison.h, include/linux/err.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scene/crash_scene.h"

namespace inquest::inquiry {

enum class Shape {
  kUnknown,
  kNull,          // 0, or small enough to be an offset from it
  kErrno,         // ERR_PTR(-1 … -4095)
  kFreePoison,    // 0x6b6b…: SLUB's POISON_FREE
  kUnsetPoison,   // 0x5a5a…: SLUB's POISON_INUSE: allocated, never written
  kRedZone,       // 0xbbbb…, 0xcccc…
  kListPoison,    // LIST_POISON1 or 2: taken off a list
  kAscii,         // eight printable bytes
  kUser,          // an address of user space
  kNonCanonical,  // no address at all
  kKernel,        // could be an address of the kernel
};
const char* name_of(Shape shape);
// `sign_bit`: from this bit upwards an address has all bits alike: 47 or 56 on x86_64, 48 and the like on aarch64 (whose halves are
// translated apart). 56 where it is not known.
Shape shape_of(uint64_t value, unsigned sign_bit = 56);
// The scene's sign bit.
unsigned sign_bit_of(const scene::CrashScene& scene);
// "ERR_PTR(-12), -ENOMEM", "the poison of freed slab memory (POISON_FREE)": for a sentence; "" if the shape has no words.
std::string shape_words(uint64_t value, Shape shape);
// "ENOMEM" of 12; "" if not among the usual ones.
std::string errno_name(unsigned number);
// The printable text of up to eight bytes, "" if any is not printable.
std::string ascii_of(uint64_t value);

struct Suspect {
  const scene::EventView* event = nullptr;
  uint64_t value = 0;                        // the bad pointer itself (before the displacement)
  Shape shape = Shape::kUnknown;
  std::string reg, text, type, variable, function;
  bool executed = false, writes = false;     // it was jumped to; the access was a write
  bool entry_of_null = false;                // NULL less the offset of a link: container_of() of nothing; its shape is kNull then
  std::optional<uint64_t> reached;           // value + displacement: the address the CPU could not use
  int64_t displacement = 0;
  std::string instruction;
  uint64_t pc = 0;
  std::string object;                        // what it should point at …
  std::vector<std::string> members;          // … and the members there
  scene::Identity identity;                  // of `reached`
  std::vector<scene::OriginView> origin;     // step 0 is the value itself
  // The place it was loaded from: the first step with an address outside the stack.
  const scene::OriginView* source() const;
  scene::Identity holder;                    // of source()->address; kUnknown if there is none
};

// A list_head's own address read from it on the way to the suspect: list_first_entry() of an empty list, so that what was read is no entry but what
// lies around the head. Null: none.
const scene::OriginView* empty_list(const Suspect& suspect);

// The struct that a slab object is: its cache's, else what the typed pointers to its start say; "" = not known, or no slab object.
std::string type_of_object(const scene::CrashScene& scene, const scene::Identity& object);

// Of the fatal event; nothing where no pointer was at fault (a BUG, a lockup, a panic).
std::optional<Suspect> find_suspect(const scene::CrashScene& scene, const scene::EventView& event, std::optional<uint64_t> jumped_to,
                                    std::optional<uint64_t> return_address);

// A slab object met on the suspect's way (the place it was loaded from, the places those pointers were loaded from, what it points at)
// that is free: the nearest to the fault.
struct FreedObject {
  scene::Identity identity;
  uint64_t address = 0;                      // the address that lies in it
  std::string type, member;                  // "" where not known
  const scene::OriginView* read_at = nullptr;  // the step that read from it; null: what the suspect points at
  const scene::OriginView* held_by = nullptr;  // the step that gave the stale pointer to it; null: not known
};
std::optional<FreedObject> freed_object(const scene::CrashScene& scene, const Suspect& suspect);

}  // namespace inquest::inquiry
