#include "oops/spell_value.h"

#include <fmt/format.h>

#include <iterator>

namespace inquest::oops {
namespace {

struct ErrnoRow {
  uint16_t number;
  const char* name;
};

// include/uapi/asm-generic/errno-base.h, errno.h; from 512 on include/linux/errno.h, which never leave the kernel.
constexpr ErrnoRow kErrnos[] = {
    {1, "EPERM"}, {2, "ENOENT"}, {3, "ESRCH"}, {4, "EINTR"}, {5, "EIO"}, {6, "ENXIO"}, {7, "E2BIG"}, {8, "ENOEXEC"}, {9, "EBADF"}, {10, "ECHILD"},
    {11, "EAGAIN"}, {12, "ENOMEM"}, {13, "EACCES"}, {14, "EFAULT"}, {15, "ENOTBLK"}, {16, "EBUSY"}, {17, "EEXIST"}, {18, "EXDEV"}, {19, "ENODEV"},
    {20, "ENOTDIR"}, {21, "EISDIR"}, {22, "EINVAL"}, {23, "ENFILE"}, {24, "EMFILE"}, {25, "ENOTTY"}, {26, "ETXTBSY"}, {27, "EFBIG"}, {28, "ENOSPC"},
    {29, "ESPIPE"}, {30, "EROFS"}, {31, "EMLINK"}, {32, "EPIPE"}, {33, "EDOM"}, {34, "ERANGE"}, {35, "EDEADLK"}, {36, "ENAMETOOLONG"}, {37, "ENOLCK"},
    {38, "ENOSYS"}, {39, "ENOTEMPTY"}, {40, "ELOOP"}, {42, "ENOMSG"}, {61, "ENODATA"}, {62, "ETIME"}, {66, "EREMOTE"}, {67, "ENOLINK"}, {70, "ECOMM"},
    {71, "EPROTO"}, {74, "EBADMSG"}, {75, "EOVERFLOW"}, {84, "EILSEQ"}, {87, "EUSERS"}, {88, "ENOTSOCK"}, {90, "EMSGSIZE"}, {92, "ENOPROTOOPT"},
    {93, "EPROTONOSUPPORT"}, {95, "EOPNOTSUPP"}, {97, "EAFNOSUPPORT"}, {98, "EADDRINUSE"}, {99, "EADDRNOTAVAIL"}, {100, "ENETDOWN"}, {101, "ENETUNREACH"},
    {103, "ECONNABORTED"}, {104, "ECONNRESET"}, {105, "ENOBUFS"}, {106, "EISCONN"}, {107, "ENOTCONN"}, {108, "ESHUTDOWN"}, {110, "ETIMEDOUT"},
    {111, "ECONNREFUSED"}, {112, "EHOSTDOWN"}, {113, "EHOSTUNREACH"}, {114, "EALREADY"}, {115, "EINPROGRESS"}, {116, "ESTALE"}, {117, "EUCLEAN"},
    {121, "EREMOTEIO"}, {122, "EDQUOT"}, {123, "ENOMEDIUM"}, {125, "ECANCELED"}, {126, "ENOKEY"}, {127, "EKEYEXPIRED"}, {128, "EKEYREVOKED"},
    {129, "EKEYREJECTED"}, {130, "EOWNERDEAD"}, {131, "ENOTRECOVERABLE"}, {133, "EHWPOISON"}, {512, "ERESTARTSYS"}, {513, "ERESTARTNOINTR"},
    {514, "ERESTARTNOHAND"}, {515, "ENOIOCTLCMD"}, {516, "ERESTART_RESTARTBLOCK"}, {517, "EPROBE_DEFER"}, {518, "EOPENSTALE"}, {519, "ENOPARAM"},
    {521, "EBADHANDLE"}, {522, "ENOTSYNC"}, {523, "EBADCOOKIE"}, {524, "ENOTSUPP"}, {525, "ETOOSMALL"}, {526, "ESERVERFAULT"}, {527, "EBADTYPE"},
    {528, "EJUKEBOX"}, {529, "EIOCBQUEUED"}, {530, "ERECALLCONFLICT"}, {531, "ENOGRACE"}};

struct PoisonRow {
  uint64_t value;
  const char* name;
  const char* meaning;
};

// include/linux/poison.h. POISON_POINTER_DELTA is CONFIG_ILLEGAL_POINTER_VALUE: 0xdead000000000000 on x86_64, arm64 and riscv (0 on ppc64 before
// 4.13, 0x5deadbeef0000000 since). LIST_POISON2 was 0x200 above it until 4.15 (8a5e5e02fc83), TIMER_ENTRY_STATIC is 0x300 (0x74737461 before 4.3).
constexpr PoisonRow kPointerPoison[] = {
    {0xdead000000000100, "LIST_POISON1", "the next pointer of a list entry that was deleted"},
    {0xdead000000000122, "LIST_POISON2", "the prev pointer of a list entry that was deleted"},
    {0xdead000000000200, "LIST_POISON2 (before 4.15)", "the prev pointer of a list entry that was deleted"},
    {0xdead000000000300, "TIMER_ENTRY_STATIC", "the list entry of a timer that was deleted or set up statically"},
    {0x5deadbeef0000100, "LIST_POISON1", "the next pointer of a list entry that was deleted"},
    {0x5deadbeef0000122, "LIST_POISON2", "the prev pointer of a list entry that was deleted"},
};

struct ByteRow {
  uint8_t byte;
  const char* name;
  const char* meaning;
};

constexpr ByteRow kBytePoison[] = {
    {0x6b, "POISON_FREE", "a slab object that was freed"},
    {0x5a, "POISON_INUSE", "a slab object that was never written since it was allocated"},
    {0xa5, "POISON_END", "the last byte of a poisoned slab object"},
    {0xbb, "SLUB_RED_INACTIVE", "the red zone of a free slab object"},
    {0xcc, "SLUB_RED_ACTIVE or POISON_FREE_INITMEM", "the red zone of a slab object, or freed init memory"},
    {0xaa, "PAGE_POISON", "a page that was freed"},
};

// Freed memory used as a pointer gives the poison plus a member's offset.
constexpr uint64_t kReach = 0x1000;

std::string beyond(const char* name, uint64_t by, const char* meaning) {
  return by ? fmt::format("{} + {:#x}: {}", name, by, meaning) : fmt::format("{}: {}", name, meaning);
}

std::string poison(uint64_t value, bool wide) {
  const PoisonRow* nearest = nullptr;
  for (const PoisonRow& row : kPointerPoison)
    if (value >= row.value && value - row.value < 0x80 && (!nearest || row.value > nearest->value)) nearest = &row;
  if (nearest) return beyond(nearest->name, value - nearest->value, nearest->meaning);
  for (const ByteRow& row : kBytePoison) {
    uint64_t all = (wide ? uint64_t{0x0101010101010101} : uint64_t{0x01010101}) * row.byte;
    if (value >= all && value - all < kReach) return beyond(row.name, value - all, row.meaning);
  }
  return "";
}

// Eight (or seven) characters in a row: a string lies where a pointer should.
std::string text_of(uint64_t value) {
  std::string text;
  for (int i = 0; i < 8; i++) {
    char c = char(value >> (8 * i));
    if (c == 0 && i == 7) break;
    if (c < 0x20 || c >= 0x7f) return "";
    text += c;
  }
  return text;
}

}  // namespace

const char* errno_name(uint64_t number) {
  for (const ErrnoRow& row : kErrnos)
    if (row.number == number) return row.name;
  return "";
}

bool is_non_canonical(uint64_t value) {
  uint64_t top = value >> 56;
  return top != 0 && top != 0xff;
}

std::string spell_value(uint64_t value, bool wide) {
  uint64_t all = wide ? ~uint64_t{0} : 0xffffffff;
  // include/linux/err.h: MAX_ERRNO is 4095. -1 is as often a mask or a count.
  if (value <= all && value > all - 4095 && value != all) {
    const char* name = errno_name(all - value + 1);
    return *name ? fmt::format("ERR_PTR(-{}), an error used as a pointer", name) : fmt::format("ERR_PTR(-{})", all - value + 1);
  }
  std::string text = poison(value, wide);
  if (!text.empty() || !wide) return text;
  // KASAN's shadow of x86_64: (address >> 3) + 0xdffffc0000000000; a NULL pointer's shadow is not mapped.
  if (value >= 0xdffffc0000000000 && value - 0xdffffc0000000000 < 0x10000) {
    uint64_t low = (value - 0xdffffc0000000000) << 3;
    return fmt::format("the KASAN shadow of {:#x} to {:#x}", low, low + 7);
  }
  if (text = text_of(value); !text.empty()) return fmt::format("text: \"{}\"", text);
  if (is_non_canonical(value)) return "not an address: its upper bits are neither all clear nor all set";
  return "";
}

}  // namespace inquest::oops
