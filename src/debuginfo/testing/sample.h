// A small C program with one of everything a kernel's debuginfo has, compiled by the machine's own compilers when a
// test runs. Its structs are repeated in C++ where a test compares layouts, so that the test's own compiler is the
// judge.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace inquest::debuginfo::testing {

inline constexpr const char* kSample = R"(
typedef unsigned long u64_t;
typedef _Bool flag_t;
struct list { struct list *next, *prev; };
struct callback { struct callback *next; void (*func)(struct callback *head); };
struct later;
enum colour { RED, GREEN = 7, BLUE = -3 };
enum { UNNAMED_VALUE = 4711 };
union word { int as_int; float as_float; unsigned char bytes[4]; };
struct node {
  unsigned char shift, count;
  struct node *parent;
  union { struct list private_list; struct callback callback_head; };
  void *slots[8];
  unsigned int low : 3, high : 13;
  signed long wide : 40;
  enum colour colour;
  int grid[2][3];
  const volatile flag_t *flag;
  struct later *later;
  union word word;
  struct { u64_t inner; } named;
  char tail[];
};
struct node global_node;
static int static_counter = 3;
int (*const handler)(struct node *, ...) = 0;
extern void outside(void *what, int how);
/* First in .text: GCC's DWARF 4 describes an empty range at the section's very start as what reads as a list's end. */
void tail(struct node *node) { global_node.count++; outside(node, 5); }
static inline __attribute__((always_inline)) int leaf(struct node *n, int by)
{
  int twice = by * 2;
  n->count += twice;
  outside(n, n->count);                    /* LEAF */
  return twice + static_counter;
}
static inline __attribute__((always_inline)) int middle(struct node *m)
{
  int got = leaf(m, m->shift);             /* CALL LEAF */
  return got + 1;
}
__attribute__((noinline)) int outer(struct node *node, long unused)
{
  int sum = 0;
  for (int i = 0; i < 3; i++) {
    int step = middle(node + i);           /* CALL MIDDLE */
    sum += step;
    static_counter += sum;
  }
  return sum;
}
void fixed(void) { int large = 159, negative = -3; (void)large; (void)negative; outside(0, 1); }
)";

// The line of kSample that holds `mark`.
inline int line_of(std::string_view mark) {
  std::string_view text = kSample;
  int line = 1;
  for (char c : text.substr(0, text.find(mark))) line += c == '\n';
  return line;
}

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "inquest-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, std::string_view text) const {
    std::string path = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

 private:
  std::string path_;
};

inline bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Compiles `source` as `name`.c into `name`; false if there is no such compiler or it does not know the flags.
inline bool compile(const ScratchFolder& folder, const std::string& name, std::string_view source,
                    const std::string& command) {
  folder.write("tree/lib/" + name + ".c", source);
  return run("cd " + folder.path() + "/tree && " + command + " lib/" + name + ".c -o ../" + name);
}

}  // namespace inquest::debuginfo::testing
