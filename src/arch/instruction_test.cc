// Instructions as bytes and as the text of what they mean: "operation [condition] destination <- left, right; second",
// then what they write. The bytes are of Debian's 6.1 kernels or of the assembler.
#include "arch/instruction.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace inquest::arch {
namespace {

std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size();) {
    if (hex[i] == ' ') {
      i++;
      continue;
    }
    bytes.push_back(std::byte(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
    i += 2;
  }
  return bytes;
}

std::string show(const Arch& arch, unsigned reg) {
  return reg == kNoRegister ? "none" : std::string(arch.register_name(reg));
}

std::string show(const Arch& arch, const Operand& o) {
  if (o.is_immediate()) return fmt::format("{:#x}", uint64_t(o.immediate));
  if (o.is_register()) {
    std::string text = fmt::format("{}:{}", show(arch, o.reg), o.size);
    if (o.sign_extend) text += "s";
    if (o.shift) text += fmt::format("<<{}", o.shift);
    return text;
  }
  if (!o.is_memory()) return "-";
  const MemoryOperand& m = o.memory;
  std::string text = m.per_cpu ? "percpu[" : "[";
  if (m.base != kNoRegister) text += show(arch, m.base);
  if (m.index != kNoRegister)
    text += fmt::format("+{}{}*{}", show(arch, m.index), m.index_is_32 ? (m.index_is_signed ? ":s32" : ":u32") : "",
                        m.scale);
  if (m.displacement) text += fmt::format("{:+}", m.displacement);
  if (m.absolute) text += fmt::format("={:#x}", *m.absolute);
  return text + fmt::format("]{}{}:{}", m.pre_index ? "!" : "", m.post_index ? "++" : "", m.size);
}

std::string show(const Arch& arch, const Instruction& i) {
  static constexpr const char* kOperations[] = {"other",   "move", "load",     "store", "address", "add",    "sub",
                                                "and",     "or",   "xor",      "shl",   "shr",     "mul",    "div",
                                                "compare", "test", "push",     "pop",   "jump",    "branch", "call",
                                                "return",  "trap", "exchange", "nop"};
  static constexpr const char* kConditions[] = {"",  "eq", "ne",  "b",   "be",   "a",       "ae",  "l",     "le",
                                                "g", "ge", "neg", "pos", "zero", "nonzero", "set", "clear", "other"};
  std::string text = kOperations[unsigned(i.operation)];
  if (i.condition != Condition::kNone) text += fmt::format(".{}", kConditions[unsigned(i.condition)]);
  if (i.sign_extend) text += ".sx";
  if (i.zero_extend) text += ".zx";
  if (i.destination.kind != Operand::Kind::kNone) text += fmt::format(" {} <-", show(arch, i.destination));
  if (i.left.kind != Operand::Kind::kNone) text += " " + show(arch, i.left);
  if (i.right.kind != Operand::Kind::kNone) text += ", " + show(arch, i.right);
  if (i.second.kind != Operand::Kind::kNone) text += "; " + show(arch, i.second);
  if (i.target) text += fmt::format(" to {:#x}", i.target->value);
  text += " {";
  for (uint8_t reg : i.written) text += (text.back() == '{' ? "" : " ") + show(arch, reg);
  return text + "}";
}

struct Case {
  const char *bytes, *text, *meaning;
};

void check(ArchId id, std::initializer_list<Case> cases) {
  Decoder decoder(id);
  const Arch& arch = id == ArchId::kX86_64 ? x86_64() : aarch64();
  for (const Case& c : cases) {
    std::vector<std::byte> bytes = bytes_of(c.bytes);
    auto i = decoder.decode(bytes, VirtualAddress(0x1000));
    ASSERT_TRUE(i) << c.bytes;
    EXPECT_EQ(i->size, bytes.size()) << c.bytes;
    EXPECT_EQ(i->mnemonic + (i->operands.empty() ? "" : " ") + i->operands, c.text) << c.bytes;
    EXPECT_EQ(show(arch, *i), c.meaning) << c.bytes << "  " << c.text;
  }
}

TEST(DecodeX86, Cases) {
  check(ArchId::kX86_64,
        {
            {"4889d0", "mov %rdx,%rax", "move rax:8 <- rdx:8 {rax}"},
            {"89d0", "mov %edx,%eax", "move.zx rax:4 <- rdx:4 {rax}"},
            {"488b4718", "mov 0x18(%rdi),%rax", "load rax:8 <- [rdi+24]:8 {rax}"},
            {"488945f8", "mov %rax,-0x8(%rbp)", "store [rbp-8]:8 <- rax:8 {}"},
            {"c70001000000", "movl $0x1,(%rax)", "store [rax]:4 <- 0x1 {}"},
            {"c644cf1000", "movb $0x0,0x10(%rdi,%rcx,8)", "store [rdi+rcx*8+16]:1 <- 0x0 {}"},
            {"48c7c0ffffffff", "mov $0xffffffffffffffff,%rax", "move rax:8 <- 0xffffffffffffffff {rax}"},
            {"48bb00000000000011ff", "movabs $0xff11000000000000,%rbx", "move rbx:8 <- 0xff11000000000000 {rbx}"},
            {"65488b042528000000", "mov %gs:0x28,%rax", "load rax:8 <- percpu[+40=0x28]:8 {rax}"},
            {"65488b0509d6017f", "mov %gs:0x7f01d609(%rip),%rax",
             "load rax:8 <- percpu[rip+2130826761=0x7f01e611]:8 {rax}"},
            {"488b1500100000", "mov 0x1000(%rip),%rdx", "load rdx:8 <- [rip+4096=0x2007]:8 {rdx}"},
            {"488b14c5c064a082", "mov -0x7d5f9b40(,%rax,8),%rdx", "load rdx:8 <- [+rax*8-2103417664]:8 {rdx}"},
            {"0fb644240c", "movzbl 0xc(%rsp),%eax", "load.zx rax:4 <- [rsp+12]:1 {rax}"},
            {"0fb6c0", "movzbl %al,%eax", "move.zx rax:4 <- rax:1 {rax}"},
            {"48635608", "movslq 0x8(%rsi),%rdx", "load.sx rdx:8 <- [rsi+8]:4 {rdx}"},
            {"4863c9", "movslq %ecx,%rcx", "move.sx rcx:8 <- rcx:4 {rcx}"},
            {"450fbfd6", "movswl %r14w,%r10d", "move.sx r10:4 <- r14:2 {r10}"},
            {"488d44b730", "lea 0x30(%rdi,%rsi,4),%rax", "address rax:8 <- [rdi+rsi*4+48]:8 {rax}"},
            {"488d2500010000", "lea 0x100(%rip),%rsp", "address rsp:8 <- [rip+256=0x1107]:8 {rsp}"},
            {"31c0", "xor %eax,%eax", "move.zx rax:4 <- 0x0 {rax}"},
            {"4831f0", "xor %rsi,%rax", "xor rax:8 <- rax:8, rsi:8 {rax}"},
            {"29c9", "sub %ecx,%ecx", "move.zx rcx:4 <- 0x0 {rcx}"},
            {"4883c030", "add $0x30,%rax", "add rax:8 <- rax:8, 0x30 {rax}"},
            {"48014708", "add %rax,0x8(%rdi)", "add [rdi+8]:8 <- [rdi+8]:8, rax:8 {}"},
            {"4883ec10", "sub $0x10,%rsp", "sub rsp:8 <- rsp:8, 0x10 {rsp}"},
            {"4883e4f0", "and $0xfffffffffffffff0,%rsp", "and rsp:8 <- rsp:8, 0xfffffffffffffff0 {rsp}"},
            {"4809f0", "or %rsi,%rax", "or rax:8 <- rax:8, rsi:8 {rax}"},
            {"49c1e30c", "shl $0xc,%r11", "shl r11:8 <- r11:8, 0xc {r11}"},
            {"49d3e4", "shl %cl,%r12", "shl r12:8 <- r12:8, rcx:1 {r12}"},
            {"48d1e8", "shr %rax", "shr rax:8 <- rax:8, 0x1 {rax}"},
            {"c13b1f", "sarl $0x1f,(%rbx)", "shr.sx [rbx]:4 <- [rbx]:4, 0x1f {}"},
            {"4d69e4c0080000", "imul $0x8c0,%r12,%r12", "mul r12:8 <- r12:8, 0x8c0 {r12}"},
            {"490faff9", "imul %r9,%rdi", "mul rdi:8 <- rdi:8, r9:8 {rdi}"},
            {"48f7e7", "mul %rdi", "mul rax:8 <- rax:8, rdi:8 {rax rdx}"},
            {"48f7f1", "div %rcx", "div rax:8 <- rax:8, rcx:8 {rax rdx}"},
            {"f73c24", "idivl (%rsp)", "div.sx rax:4 <- rax:4, [rsp]:4 {rax rdx}"},
            {"65ff05e8d5017f", "incl %gs:0x7f01d5e8(%rip)",
             "add percpu[rip+2130826728=0x7f01e5ef]:4 <- percpu[rip+2130826728=0x7f01e5ef]:4, 0x1 {}"},
            {"48ffca", "dec %rdx", "sub rdx:8 <- rdx:8, 0x1 {rdx}"},
            {"48f7da", "neg %rdx", "sub rdx:8 <- 0x0, rdx:8 {rdx}"},
            {"48f7d0", "not %rax", "xor rax:8 <- rax:8, 0xffffffffffffffff {rax}"},
            {"83f801", "cmp $0x1,%eax", "compare rax:4, 0x1 {}"},
            {"837f0401", "cmpl $0x1,0x4(%rdi)", "compare [rdi+4]:4, 0x1 {}"},
            {"48391500100000", "cmp %rdx,0x1000(%rip)", "compare [rip+4096=0x2007]:8, rdx:8 {}"},
            {"4885ff", "test %rdi,%rdi", "test rdi:8, rdi:8 {}"},
            {"f6471004", "testb $0x4,0x10(%rdi)", "test [rdi+16]:1, 0x4 {}"},
            {"0fbae714", "bt $0x14,%edi", "test rdi:4, 0x100000 {}"},
            {"480fa307", "bt %rax,(%rdi)", "test [rdi]:8, rax:8 {}"},
            {"741e", "je 0x1020", "branch.eq to 0x1020 {}"},
            {"0f82fa010000", "jb 0x1200", "branch.b to 0x1200 {}"},
            {"79ee", "jns 0xff0", "branch.pos to 0xff0 {}"},
            {"0f94c0", "sete %al", "other.eq rax:1 <- {rax}"},
            {"0f95442408", "setne 0x8(%rsp)", "other.ne [rsp+8]:1 <- {}"},
            {"0f45c2", "cmovne %edx,%eax", "other.ne rax:4 <- rdx:4 {rax}"},
            {"e8fb000000", "call 0x1100", "call to 0x1100 {}"},
            {"ffd0", "call *%rax", "call rax:8 {}"},
            {"ff5018", "call *0x18(%rax)", "call [rax+24]:8 {}"},
            {"e9fb000000", "jmp 0x1100", "jump to 0x1100 {}"},
            {"ffe0", "jmp *%rax", "jump rax:8 {}"},
            {"ff24d500100000", "jmp *0x1000(,%rdx,8)", "jump [+rdx*8+4096]:8 {}"},
            {"c3", "ret", "return {}"},
            {"55", "push %rbp", "push rbp:8 {rsp}"},
            {"6a10", "push $0x10", "push 0x10 {rsp}"},
            {"ff32", "push (%rdx)", "push [rdx]:8 {rsp}"},
            {"5d", "pop %rbp", "pop rbp:8 <- {rbp rsp}"},
            {"9c", "pushf", "push {rsp}"},
            {"9d", "popf", "pop {rsp}"},
            {"0f0b", "ud2", "trap {}"},
            {"cc", "int3", "trap {}"},
            {"4c876b20", "xchg %r13,0x20(%rbx)", "exchange [rbx+32]:8 <- r13:8 {r13}"},
            {"6690", "xchg %ax,%ax", "nop {}"},
            {"f00fb15704", "lock cmpxchg %edx,0x4(%rdi)", "exchange [rdi+4]:4 <- rdx:4 {rax}"},
            {"f00fc18680030000", "lock xadd %eax,0x380(%rsi)", "exchange [rsi+896]:4 <- rax:4 {rax}"},
            {"f0ff4134", "lock incl 0x34(%rcx)", "add [rcx+52]:4 <- [rcx+52]:4, 0x1 {}"},
            {"f080480802", "lock orb $0x2,0x8(%rax)", "or [rax+8]:1 <- [rax+8]:1, 0x2 {}"},
            {"f0480fba680800", "lock btsq $0x0,0x8(%rax)", "other [rax+8]:8 <- [rax+8]:8, 0x0 {}"},
            {"90", "nop", "nop {}"},
            {"0f1f0400", "nopl (%rax,%rax,1)", "nop {}"},
            {"f30f1efa", "endbr64", "nop {}"},
            {"c9", "leave", "other {rbp rsp}"},
            {"4898", "cltq", "move.sx rax:8 <- rax:4 {rax}"},
            {"4899", "cqto", "other {rdx}"},
            {"f348ab", "rep stos %rax,%es:(%rdi)", "other [rdi]:8 <- rax:8 {rcx rdi}"},
            {"f348a5", "rep movsq %ds:(%rsi),%es:(%rdi)", "other [rdi]:8 <- [rsi]:8 {rdi rsi rcx}"},
            {"f390", "pause", "nop {}"},
            {"0faee8", "lfence", "nop {}"},
            {"0f31", "rdtsc", "other {rax rdx}"},
            {"0f32", "rdmsr", "other {rax rdx}"},
            {"0f30", "wrmsr", "other {}"},
            {"0fa2", "cpuid", "other {rax rbx rcx rdx}"},
            {"19c9", "sbb %ecx,%ecx", "other rcx:4 <- rcx:4, rcx:4 {rcx}"},
            {"0f01f8", "swapgs", "other {gs_base}"},
            {"f4", "hlt", "trap {}"},
            {"0f20d0", "mov %cr2,%rax", "move rax:8 <- cr2:8 {rax}"},
            {"0f22d8", "mov %rax,%cr3", "move cr3:8 <- rax:8 {cr3}"},
            {"48892425a807a382", "mov %rsp,0xffffffff82a307a8", "store [-2103244888=0xffffffff82a307a8]:8 <- rsp:8 {}"},
            {"0fb9cc", "ud1 %esp,%ecx", "trap {}"},
            {"0f01ee", "rdpkru", "other {rax rcx rdx}"},
            {"ec", "in (%dx),%al", "other rax:1 <- rdx:2 {rax}"},
            {"48cf", "iretq", "return {}"},
            {"0f05", "syscall", "other {rcx r11}"},
        });
}

TEST(DecodeA64, Cases) {
  check(ArchId::kAarch64,
        {
            {"fd030091", "mov x29, sp", "move x29:8 <- sp:8 {x29}"},
            {"e003012a", "mov w0, w1", "move.zx x0:4 <- x1:4 {x0}"},
            {"804682d2", "mov x0, #0x1234", "move x0:8 <- 0x1234 {x0}"},
            {"e0ffa352", "mov w0, #0x1fff0000", "move x0:4 <- 0x1fff0000 {x0}"},
            {"01008092", "mov x1, #0xffffffffffffffff", "move x1:8 <- 0xffffffffffffffff {x1}"},
            {"feb7bff2", "movk x30, #0xfdbf, lsl #16", "other x30:8 <- x30:8, 0xfdbf0000; 0xffff0000 {x30}"},
            {"e03f0132", "mov w0, #0x80007fff", "move x0:4 <- 0x80007fff {x0}"},
            {"130000d0", "adrp x19, 0x3000", "move x19:8 <- 0x3000 {x19}"},
            {"81000010", "adr x1, 0x1010", "move x1:8 <- 0x1010 {x1}"},
            {"73c23291", "add x19, x19, #0xcb0", "add x19:8 <- x19:8, 0xcb0 {x19}"},
            {"00044091", "add x0, x0, #0x1, lsl #12", "add x0:8 <- x0:8, 0x1000 {x0}"},
            {"200c028b", "add x0, x1, x2, lsl #3", "add x0:8 <- x1:8, x2:8<<3 {x0}"},
            {"20c8228b", "add x0, x1, w2, sxtw #2", "add x0:8 <- x1:8, x2:4s<<2 {x0}"},
            {"201042cb", "sub x0, x1, x2, lsr #4", "other x0:8 <- x1:8, x2:8 {x0}"},
            {"420001eb", "subs x2, x2, x1", "sub x2:8 <- x2:8, x1:8 {x2}"},
            {"01240012", "and w1, w0, #0x3ff", "and x1:4 <- x0:4, 0x3ff {x1}"},
            {"3450002a", "orr w20, w1, w0, lsl #20", "or x20:4 <- x1:4, x0:4<<20 {x20}"},
            {"200002ca", "eor x0, x1, x2", "xor x0:8 <- x1:8, x2:8 {x0}"},
            {"0000218a", "bic x0, x0, x1", "other x0:8 <- x0:8, x1:8 {x0}"},
            {"e203222a", "mvn w2, w2", "xor x2:4 <- x2:4, 0xffffffffffffffff {x2}"},
            {"e00301cb", "neg x0, x1", "sub x0:8 <- 0x0, x1:8 {x0}"},
            {"633c1053", "lsl w3, w3, #16", "shl x3:4 <- x3:4, 0x10 {x3}"},
            {"0024c29a", "lsr x0, x0, x2", "shr x0:8 <- x0:8, x2:8 {x0}"},
            {"84fc4193", "asr x4, x4, #1", "shr.sx x4:8 <- x4:8, 0x1 {x4}"},
            {"003c44d3", "ubfx x0, x0, #4, #12", "other x0:8 <- x0:8, 0x4; 0xc {x0}"},
            {"201040d3", "ubfx x0, x1, #0, #5", "and x0:8 <- x1:8, 0x1f {x0}"},
            {"037c7ed3", "ubfiz x3, x0, #2, #32", "shl x3:8 <- x0:4, 0x2 {x3}"},
            {"783e1033", "bfi w24, w19, #16, #16", "other x24:4 <- x24:4, x19:4 {x24}"},
            {"627c4093", "sxtw x2, w3", "move.sx x2:8 <- x3:4 {x2}"},
            {"201c0053", "uxtb w0, w1", "move.zx x0:4 <- x1:1 {x0}"},
            {"827e021b", "mul w2, w20, w2", "mul x2:4 <- x20:4, x2:4 {x2}"},
            {"417ca19b", "umull x1, w2, w1", "mul x1:8 <- x2:4, x1:4 {x1}"},
            {"a052009b", "madd x0, x21, x0, x20", "other x0:8 <- x21:8, x0:8 {x0}"},
            {"840bc49a", "udiv x4, x28, x4", "div x4:8 <- x28:8, x4:8 {x4}"},
            {"2110c0da", "clz x1, x1", "other x1:8 <- x1:8 {x1}"},
            {"000c40f9", "ldr x0, [x0, #24]", "load x0:8 <- [x0+24]:8 {x0}"},
            {"41d863b8", "ldr w1, [x2, w3, sxtw #2]", "load.zx x1:4 <- [x2+x3:s32*4]:4 {x1}"},
            {"417863f8", "ldr x1, [x2, x3, lsl #3]", "load x1:8 <- [x2+x3*8]:8 {x1}"},
            {"410441f8", "ldr x1, [x2], #16", "load x1:8 <- [x2+16]++:8 {x1 x2}"},
            {"410c5ff8", "ldr x1, [x2, #-16]!", "load x1:8 <- [x2-16]!:8 {x1 x2}"},
            {"00010058", "ldr x0, 0x1020", "load x0:8 <- [pc+32=0x1020]:8 {x0}"},
            {"40044039", "ldrb w0, [x2, #1]", "load.zx x0:4 <- [x2+1]:1 {x0}"},
            {"420880b9", "ldrsw x2, [x2, #8]", "load.sx x2:8 <- [x2+8]:4 {x2}"},
            {"f35341a9", "ldp x19, x20, [sp, #16]", "load x19:8 <- [sp+16]:8; x20:8 {x20 x19}"},
            {"fd7bc3a8", "ldp x29, x30, [sp], #48", "load x29:8 <- [sp+48]++:8; x30:8 {x30 x29 sp}"},
            {"207c40a9", "ldp x0, xzr, [x1]", "load x0:8 <- [x1]:8; none:8 {x0}"},
            {"fd7bbda9", "stp x29, x30, [sp, #-48]!", "store [sp-48]!:8 <- x29:8; x30:8 {sp}"},
            {"1f7c00a9", "stp xzr, xzr, [x0]", "store [x0]:8 <- 0x0; 0x0 {}"},
            {"200400f9", "str x0, [x1, #8]", "store [x1+8]:8 <- x0:8 {}"},
            {"9f0200b9", "str wzr, [x20]", "store [x20]:4 <- 0x0 {}"},
            {"44841ff8", "str x4, [x2], #-8", "store [x2-8]++:8 <- x4:8 {x2}"},
            {"43682138", "strb w3, [x2, x1]", "store [x2+x1*1]:1 <- x3:1 {}"},
            {"b3fe9fc8", "stlr x19, [x21]", "store [x21]:8 <- x19:8 {}"},
            {"c0fedf88", "ldar w0, [x22]", "load.zx x0:4 <- [x22]:4 {x0}"},
            {"80fc5f88", "ldaxr w0, [x4]", "load.zx x0:4 <- [x4]:4 {x0}"},
            {"02fc03c8", "stlxr w3, x2, [x0]", "exchange [x0]:8 <- x2:8 {x3}"},
            {"20c0bff8", "ldapr x0, [x1]", "load x0:8 <- [x1]:8 {x0}"},
            {"027ca488", "cas w4, w2, [x0]", "exchange [x0]:4 <- x2:4; x4:4 {x4}"},
            {"e2ffe4c8", "casal x4, x2, [sp]", "exchange [sp]:8 <- x2:8; x4:8 {x4}"},
            {"82fc6048", "caspal x0, x1, x2, x3, [x4]", "exchange [x4]:16 <- x2:8; x0:8 {x0 x1}"},
            {"410020b8", "ldadd w0, w1, [x2]", "exchange [x2]:4 <- x0:4; x1:4 {x1}"},
            {"1f0021b8", "stadd w1, [x0]", "add [x0]:4 <- [x0]:4, x1:4 {}"},
            {"1f1061f8", "stclrl x1, [x0]", "exchange [x0]:8 <- x1:8 {}"},
            {"ff3236f8", "stset x22, [x23]", "or [x23]:8 <- [x23]:8, x22:8 {}"},
            {"4180e0f8", "swpal x0, x1, [x2]", "exchange [x2]:8 <- x0:8; x1:8 {x1}"},
            {"1f0c0071", "cmp w0, #0x3", "compare x0:4, 0x3 {}"},
            {"1f0001eb", "cmp x0, x1", "compare x0:8, x1:8 {}"},
            {"1f4021eb", "cmp x0, w1, uxtw", "compare x0:8, x1:4 {}"},
            {"1f0440b1", "cmn x0, #0x1, lsl #12", "compare x0:8, 0xfffffffffffff000 {}"},
            {"1f141c72", "tst w0, #0x3f0", "test x0:4, 0x3f0 {}"},
            {"0418407a", "ccmp w0, #0x0, #0x4, ne", "other.ne x0:4, 0x0 {}"},
            {"9c13979a", "csel x28, x28, x23, ne", "other.ne x28:8 <- x28:8, x23:8 {x28}"},
            {"2220841a", "csel w2, w1, w4, cs", "other.ae x2:4 <- x1:4, x4:4 {x2}"},
            {"e0179f1a", "cset w0, eq", "other.eq x0:4 <- {x0}"},
            {"40000014", "b 0x1100", "jump to 0x1100 {}"},
            {"00010054", "b.eq 0x1020", "branch.eq to 0x1020 {}"},
            {"03010054", "b.cc 0x1020", "branch.b to 0x1020 {}"},
            {"00010034", "cbz w0, 0x1020", "branch.zero x0:4, 0x0 to 0x1020 {}"},
            {"01ffffb5", "cbnz x1, 0xfe0", "branch.nonzero x1:8, 0x0 to 0xfe0 {}"},
            {"00017036", "tbz w0, #14, 0x1020", "branch.clear x0:4, 0x4000 to 0x1020 {}"},
            {"0001f8b7", "tbnz x0, #63, 0x1020", "branch.set x0:8, 0x8000000000000000 to 0x1020 {}"},
            {"00040094", "bl 0x2000", "call to 0x2000 {x30}"},
            {"40003fd6", "blr x2", "call x2:8 {x30}"},
            {"00021fd6", "br x16", "jump x16:8 {}"},
            {"c0035fd6", "ret", "return {}"},
            {"20005fd6", "ret x1", "return {}"},
            {"ff0b5fd6", "retaa", "return {}"},
            {"7f083fd6", "blraaz x3", "call x3:8 {x30}"},
            {"22081fd7", "braa x1, x2", "jump x1:8 {}"},
            {"000021d4", "brk #0x800", "trap 0x800 {}"},
            {"00000000", "udf #0", "trap 0x0 {}"},
            {"1f2003d5", "nop", "nop {}"},
            {"3f2303d5", "paciasp", "nop {}"},
            {"bf2303d5", "autiasp", "nop {}"},
            {"ff2003d5", "xpaclri", "nop {}"},
            {"e343c1da", "xpaci x3", "other {x3}"},
            {"2000c1da", "pacia x0, x1", "other {x0}"},
            {"5f2403d5", "bti c", "nop {}"},
            {"bf3b03d5", "dmb ish", "nop {}"},
            {"df3f03d5", "isb", "nop {}"},
            {"110080f9", "prfm pstl1strm, [x0]", "nop {}"},
            {"82d038d5", "mrs x2, tpidr_el1", "other x2:8 <- {x2}"},
            {"004138d5", "mrs x0, sp_el0", "other x0:8 <- {x0}"},
            {"df4f03d5", "msr daifset, #0xf", "other 0xf {}"},
            {"9f4000d5", "msr pan, #0x0", "other {}"},
            {"030000d4", "smc #0x0", "other {x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17}"},
            {"e0039fd6", "eret", "return {}"},
            {"0004c1ac", "ldp q0, q1, [x0], #32", "load none:16 <- [x0+32]++:16; none:16 {x0}"},
            {"20709f4c", "st1 {v0.16b}, [x1], #16", "other [x1+16]++:16 <-, 0x10 {x1}"},
            {"2000669e", "fmov x0, d1", "other x0:8 <- none:8 {x0}"},
        });
}

TEST(DecodeAll, GoesOnBehindRubbish) {
  Decoder x86(ArchId::kX86_64);
  auto all = x86.decode_all(bytes_of("90 06 90 48 8b"), VirtualAddress(0x10));
  std::string text;
  for (auto& i : all) text += fmt::format("{:x}/{}:{} ", i.address.value, i.size, i.mnemonic);
  EXPECT_EQ(text, "10/1:nop 11/1:(bad) 12/1:nop 13/1:(bad) 14/1:(bad) ");
  Decoder a64(ArchId::kAarch64);
  all = a64.decode_all(bytes_of("1f2003d5 ffffffff 1f2003d5 1f20"), VirtualAddress(0x10));
  text.clear();
  for (auto& i : all) text += fmt::format("{:x}/{}:{} {}|", i.address.value, i.size, i.mnemonic, i.operands);
  EXPECT_EQ(text, "10/4:nop |14/4:(bad) 0xffffffff|18/4:nop |");
  EXPECT_TRUE(a64.decode_all({}, VirtualAddress(0)).empty());
}

TEST(Blocks, End) {
  Decoder d(ArchId::kX86_64);
  auto ends = [&](const char* bytes) { return d.decode(bytes_of(bytes), VirtualAddress(0))->ends_block(); };
  EXPECT_TRUE(ends("eb 10"));
  EXPECT_TRUE(ends("c3"));
  EXPECT_TRUE(ends("ff e0"));
  EXPECT_FALSE(ends("74 10"));
  EXPECT_FALSE(ends("e8 00 00 00 00"));
  EXPECT_FALSE(ends("0f 0b"));  // a WARNING comes back
}

TEST(Thunks, NameTheirRegister) {
  EXPECT_EQ(thunk_register("__x86_indirect_thunk_rax"), x86::kRax);
  EXPECT_EQ(thunk_register("__x86_indirect_call_thunk_r11"), 11u);
  EXPECT_EQ(thunk_register("__x86_indirect_jump_thunk_rbp"), x86::kRbp);
  EXPECT_EQ(thunk_register("__x86_indirect_thunk_array"), std::nullopt);
  EXPECT_EQ(thunk_register("__x86_indirect_thunk_rip"), std::nullopt);
  EXPECT_EQ(thunk_register("schedule"), std::nullopt);
  EXPECT_TRUE(is_return_thunk("__x86_return_thunk"));
  EXPECT_FALSE(is_return_thunk("__x86_indirect_thunk_rax"));
}

}  // namespace
}  // namespace inquest::arch
