// Dump formats that are recognised by their first bytes and answered by name: better than "not a dump".
//
// Sources of the magics: crash's lkcd_common.h, sadump.h, vmware_vmss.h, xendump.h, qemu-load.h, kvmdump.h,
// s390_dump.c; LiME's lime.h; Microsoft's DUMP_HEADER; the compressors' own formats.
#include <fmt/format.h>

#include <array>

#include "dump/formats.h"

namespace inquest::dump {

namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view name;
  std::string_view advice;
};

constexpr std::string_view kReadElsewhere = "crash or makedumpfile may turn it into an ELF or kdump file";
constexpr std::string_view kUnpack = "unpack it first";

constexpr std::array kMagics{
    Magic{"DISKDUMP"sv, "a diskdump file", kReadElsewhere},
    Magic{"\xed\x23\x8f\x61\x73\x01\x19\xa8"sv, "an LKCD dump", kReadElsewhere},
    Magic{"\xa8\x19\x01\x73\x61\x8f\x23\xed"sv, "an LKCD dump of a big-endian machine", kReadElsewhere},
    Magic{"\xa8\x19\x01\x73\x61\x8f\x23\xfd"sv, "an s390 stand-alone dump", kReadElsewhere},
    Magic{"sadump\0\0"sv, "an sadump (Fujitsu stand-alone) dump", "makedumpfile turns it into a kdump file"},
    Magic{"\xd0\xbe\xd0\xbe"sv, "a VMware .vmss/.vmsn state", "vmss2core turns it into an ELF core"},
    Magic{"\xd2\xbe\xd2\xbe"sv, "a VMware .vmss/.vmsn state", "vmss2core turns it into an ELF core"},
    Magic{"\xd3\xbe\xd3\xbe"sv, "a VMware .vmss/.vmsn state", "vmss2core turns it into an ELF core"},
    Magic{"\xd1\xba\xd1\xba"sv, "a VMware .vmss/.vmsn state", "vmss2core turns it into an ELF core"},
    Magic{"\xed\xeb\x0f\xf0"sv, "a Xen guest core (xc_core)", kReadElsewhere},
    Magic{"\xee\xeb\x0f\xf0"sv, "a Xen HVM guest core (xc_core)", kReadElsewhere},
    Magic{"LinuxGuestRecord"sv, "a saved Xen guest (xm save)", kReadElsewhere},
    Magic{"QEVM"sv, "a saved QEMU/KVM machine", "QEMU's dump-guest-memory writes a dump that can be read"},
    Magic{"LibvirtQemudSave"sv, "a libvirt save file", "`virsh dump --memory-only` writes a dump that can be read"},
    Magic{"LibvirtQemudPart"sv, "an unfinished libvirt save file",
          "`virsh dump --memory-only` writes a dump that can be read"},
    Magic{"EMiL"sv, "a LiME memory image", kReadElsewhere},
    Magic{"PAGEDU64"sv, "a Windows crash dump", "this is no Linux kernel's"},
    Magic{"PAGEDUMP"sv, "a 32-bit Windows crash dump", "this is no Linux kernel's"},
    Magic{"LUKS\xba\xbe"sv, "an encrypted (LUKS) volume", "open it with cryptsetup first"},
    Magic{"\x1f\x8b"sv, "a gzip file", kUnpack},
    Magic{"\xfd"
          "7zXZ\0"sv,
          "an xz file", kUnpack},
    Magic{"\x28\xb5\x2f\xfd"sv, "a zstd file", kUnpack},
    Magic{"BZh"sv, "a bzip2 file", kUnpack},
    Magic{"PK\x03\x04"sv, "a zip file", kUnpack},
    Magic{"!<arch>\n"sv, "an ar archive (a .deb?)", "debuginfo is given with -d"},
    Magic{"\xed\xab\xee\xdb"sv, "an .rpm", "debuginfo is given with -d"},
};

}  // namespace

Result<void> probe_unread(const FileView& file) {
  for (const Magic& m : kMagics)
    if (as_text(file.piece(0, m.bytes.size())) == m.bytes)
      return Error(ErrorCode::kUnsupported, fmt::format("{}: unsupported; {}", m.name, m.advice));
  return Error(ErrorCode::kNotMine, "no other known signature");
}

Result<Opened> open_unread(const OpenRequest&, LossLedger&) {
  return Error(ErrorCode::kUnsupported, "a format that is known but not read");
}

}  // namespace inquest::dump
