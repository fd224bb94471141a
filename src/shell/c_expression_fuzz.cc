// What a person may type behind `p`, over a small kernel with every kind of type: the text is the input.
#include "shell/c_expression.h"
#include "unwind/testing/fake_kernel.h"

using namespace inquest;

namespace {

constexpr const char* kTypes = R"(
struct list_head { struct list_head *next, *prev; };
enum mood { CALM = 3, LOUD = 9 };
struct cabin { int state; unsigned char doors; char name[8]; };
struct lift { long top; unsigned int low : 3, high : 5; struct cabin cabins[3]; struct cabin *best; struct list_head queue; enum mood mood; };
struct lift *lift;
struct lift spare;
unsigned long big;
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static unwind::testing::FakeKernel* kernel = [] {
    auto* k = new unwind::testing::FakeKernel(arch::x86_64());
    k->function("lift_run", 0x100, "90 90 c3");
    k->describe(kTypes);
    k->variable("lift", k->data(0x10));
    k->variable("spare", k->data(0x400), 0x80);
    k->variable("big", k->data(0x20));
    k->put(k->data(0x10), k->data(0x200));
    return k;
  }();
  static const object::Program& program = kernel->program();
  auto value = shell::evaluate(program, nullptr, {reinterpret_cast<const char*>(data), size});
  if (!value.ok()) return 0;
  (void)shell::check_readable(*value);
  (void)shell::address_of(*value);
  (void)shell::print(*value, {});
  return 0;
}
