"""From QEMU's whole dump of a guest to what makedumpfile would have kept of it, without another boot.

makedumpfile reads /proc/vmcore: an ELF whose program headers follow its header at once and tell where the direct
mapping lies. QEMU's own ELF has neither, so one is written here, of the pages that a `kdump-zlib` dump holds.
"""
import struct
import zlib

from .say import LabError

START_KERNEL_MAP = 0xffffffff80000000  # arch/x86/include/asm/page_64_types.h
PRESENT, LARGE, FRAME = 1, 0x80, 0xffffffffff000
HIGHEST = 0xf0000000  # above it QEMU has the firmware's flash memory


class Kdump:
    """A flattened kdump-compressed file, as QEMU writes it: every page, zlib or raw."""

    def __init__(self, path):
        flat = path.read_bytes()
        if not flat.startswith(b"makedumpfile"):
            raise LabError(f"{path} is no flattened dump")
        self.data, at = bytearray(), 4096
        while True:
            offset, size = struct.unpack_from(">qq", flat, at)
            if offset < 0:
                break
            if offset + size > len(self.data):
                self.data.extend(bytes(offset + size - len(self.data)))
            self.data[offset:offset + size] = flat[at + 16:at + 16 + size]
            at += 16 + size
        self.block, sub_blocks, bitmap_blocks = struct.unpack_from("<iiI", self.data, 428)
        vmcoreinfo, vmcoreinfo_size, notes, notes_size = struct.unpack_from("<4Q", self.data, self.block + 32)
        self.vmcoreinfo = bytes(self.data[vmcoreinfo:vmcoreinfo + vmcoreinfo_size]).decode(errors="replace")
        self.notes = bytes(self.data[notes:notes + notes_size])
        self.frames = self.dumped_frames((1 + sub_blocks) * self.block, bitmap_blocks * self.block // 2)
        self.descriptors = (1 + sub_blocks + bitmap_blocks) * self.block
        self.place = {frame: index for index, frame in enumerate(self.frames)}

    def dumped_frames(self, bitmaps, size):
        second = self.data[bitmaps + size:bitmaps + 2 * size]
        return [8 * at + bit for at, byte in enumerate(second) if byte for bit in range(8) if byte >> bit & 1]

    def frame(self, index):
        offset, size, flags = struct.unpack_from("<qII", self.data, self.descriptors + 24 * index)
        stored = self.data[offset:offset + size]
        return zlib.decompress(stored) if flags & 1 else bytes(stored)

    def word(self, physical):
        index = self.place.get(physical // self.block)
        return struct.unpack_from("<Q", self.frame(index), physical % self.block)[0] if index is not None else 0

    def fact(self, key, base):
        """`KEY=VALUE` of VMCOREINFO."""
        for line in self.vmcoreinfo.splitlines():
            if line.startswith(key + "="):
                return int(line.partition("=")[2], base)
        raise LabError(f"the dump's VMCOREINFO has no {key}")


def direct_mapping(dump):
    """What x86's kernel adds to a physical address: found at the first page that its page tables map, for it is random."""
    levels = 5 if dump.fact("NUMBER(pgtable_l5_enabled)", 10) else 4
    top = dump.fact("SYMBOL(init_top_pgt)", 16) - START_KERNEL_MAP + dump.fact("NUMBER(phys_base)", 10)

    def first_leaf(table, level, address):
        for slot in range(256 if level == levels else 0, 512):
            entry = dump.word(table + 8 * slot)
            where = address | slot << (12 + 9 * (level - 1))
            if not entry & PRESENT:
                continue
            if level == 1 or (entry & LARGE and level <= 3):
                return where, entry & FRAME & ~((1 << (12 + 9 * (level - 1))) - 1)
            found = first_leaf(entry & FRAME, level - 1, where)
            if found:
                return found
        return None

    found = first_leaf(top, levels, 0)
    if not found:
        raise LabError("the dump's page tables map nothing")
    high = -1 << (12 + 9 * levels) & (1 << 64) - 1
    return (found[0] | high) - found[1]


def ranges(dump, without=()):
    """(first, one past the last) of each run of frames in memory."""
    runs = []
    for frame in dump.frames:
        if frame * dump.block >= HIGHEST:
            break
        if frame in without:
            continue
        if runs and runs[-1][1] == frame:
            runs[-1][1] = frame + 1
        else:
            runs.append([frame, frame + 1])
    return runs


def write_elf(source, target, arch, without=()):
    """An ELF as /proc/vmcore has it, of the `kdump-zlib` dump `source`, without some of its frames."""
    dump = source if isinstance(source, Kdump) else Kdump(source)
    shift = direct_mapping(dump) if arch.name == "x86_64" else 0  # arm64's is in VMCOREINFO
    runs = ranges(dump, without)
    notes_at = 64 + 56 * (1 + len(runs))
    at = (notes_at + len(dump.notes) + 4095) & ~4095
    with open(target, "wb") as file:
        machine = 62 if arch.name == "x86_64" else 183
        file.write(struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 4, machine, 1, 0, 64, 0, 0, 64, 56, 1 + len(runs), 0, 0, 0))
        file.write(struct.pack("<IIQQQQQQ", 4, 0, notes_at, 0, 0, len(dump.notes), len(dump.notes), 4))
        for first, end in runs:
            size, physical = (end - first) * dump.block, first * dump.block
            file.write(struct.pack("<IIQQQQQQ", 1, 7, at, physical + shift, physical, size, size, 0))
            at += size
        file.write(dump.notes)
        file.seek((notes_at + len(dump.notes) + 4095) & ~4095)
        for first, end in runs:
            for frame in range(first, end):
                file.write(dump.frame(dump.place[frame]))
