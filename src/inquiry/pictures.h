// Pictures: what a report draws, gathered as plain data while the scene is at hand: the memory around the fault, the structure there,
// the way of a value from where it was loaded to the fault, and who waits for whom.
//
// Gathered, not drawn: `report` turns them into SVG and reads no memory for it. Every word says what it is or why it could not be read; nothing is
// made up to fill a picture, and a picture without data is left out. Bounded whatever the dump holds: see the limits in pictures.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "inquiry/inquest.h"

namespace inquest::inquiry {

// What a word of memory looks like. A guess from its bits and what is known of the address in it; never evidence by itself.
enum class WordShape { kUnread, kZero, kSelf, kNumber, kText, kCode, kData, kStack, kObject, kMapped, kUser, kErrno, kPoison, kStray };
const char* name_of(WordShape shape);

struct MemoryWord {
  uint64_t address = 0;
  std::optional<uint64_t> value;
  std::string why_not;                   // no value: why
  WordShape shape = WordShape::kUnread;
  std::string meaning;                   // "code of radix_tree_node_rcu_free", "slab object of cache …"
  std::string member;                    // of the object whose type is known: "private_list.next | callback_head.next"
  std::vector<std::string> marks;        // "fault address of E2", "x3 of E1"
};

struct MemoryObject {                    // [start, start + size)
  uint64_t start = 0, size = 0;
  std::string cache, type;               // type: only of the object the verdict names
  std::optional<bool> free;
  bool subject = false;                  // the object the verdict names
};

struct MemoryWindow {
  std::string title, command;            // the shell command that shows it
  std::vector<MemoryWord> words;         // ascending, without holes
  std::vector<MemoryObject> objects;     // that reach into the window, ascending
};

struct LayoutMember {
  std::string path, type, value;         // value: of the object at hand, "" if there is none
  uint64_t offset = 0, size = 0;
  unsigned bits = 0;                     // of a bit-field; 0: a whole member
  bool marked = false;                   // covers the place of the fault
};

// Bytes that one or more members cover: several arms are a union's, side by side, in which none overlaps with another of its own arm.
struct LayoutBlock {
  uint64_t offset = 0, size = 0;
  std::vector<std::vector<LayoutMember>> arms;  // none: padding
};

struct StructLayout {
  std::string type, command;
  std::optional<uint64_t> address;       // of the object at hand
  uint64_t size = 0, place = 0;          // of the type; the offset in question
  std::vector<LayoutBlock> blocks;       // around `place`, ascending
  bool cut_before = false, cut_after = false;
};

struct JourneyStep {
  enum class Kind { kBirth, kCarried, kFault } kind = Kind::kCarried;
  std::string title, where, value, note; // "h->peer->ops"; "boxes_pull (box.c:77)"; "0xffff…"; "memory still holds it"
  std::string event, command;
  bool changed = false;                  // memory holds something else now
  // The memory it was read from, and whose member that is, where known.
  std::optional<uint64_t> address;
  std::string object, member;
  int64_t offset = 0;                    // of `address` in the object
};

struct WaitGraph {
  struct Node {
    std::string id, label, detail;       // ids are unique in the graph
    bool lock = false, in_cycle = false; // a lock, or a task
  };
  struct Edge {
    std::string from, to, label;         // "waits for", "is held by"
  };
  std::vector<Node> nodes;
  std::vector<Edge> edges;
};

struct Pictures {
  std::vector<MemoryWindow> memory;
  std::optional<StructLayout> layout;
  std::vector<JourneyStep> journey;      // from birth to fault
  std::optional<WaitGraph> waits;
};

Pictures gather_pictures(const scene::CrashScene& scene, const Inquiry& inquiry);

// The parts, each by itself.
WordShape shape_of(uint64_t value, uint64_t address, scene::Identity::Kind kind);
MemoryWindow memory_window(const scene::CrashScene& scene, uint64_t start, size_t words);
std::optional<StructLayout> struct_layout(const scene::CrashScene& scene, const std::string& type, uint64_t place, std::optional<uint64_t> address);
std::vector<JourneyStep> journey_of(const scene::CrashScene& scene, const Inquiry& inquiry);
std::optional<WaitGraph> wait_graph(const scene::LockGraphView& view);

}  // namespace inquest::inquiry
