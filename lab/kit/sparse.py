"""Dumps of machines far larger than this one: kdump-compressed files with valid headers, bitmaps, page tables and a few stored pages, the rest of the
file being holes. Nobody's kernel runs in them: they hold what it takes to open them and to translate addresses, so they measure what size costs.

A marker page lies at each 64th of the memory and at its very end: its first words are MARKER and its own physical address, and the linear map has it."""
import struct
from dataclasses import dataclass

from .say import LabError

MARKER = 0x6c61627061676521
MARKERS = 64
RELEASE = "6.1.0-sparse"
HEADER_VERSION = 6
ROOT, IMAGE = 0x1000000, 0x2000000   # physical: the tables' start, the kernel image's
UNITS = {"M": 20, "G": 30, "T": 40}


@dataclass(frozen=True)
class Machine:
    arch: str
    page_shift: int
    linear: int      # where the linear map begins
    image: int       # where the image is mapped
    leaf_shift: int  # of the linear map's blocks
    levels: tuple    # shifts of the tables above the leaves, top first

    @property
    def page(self):
        return 1 << self.page_shift

    def table(self, physical):
        return physical | (0x63 if self.arch == "x86_64" else 3)  # present, writable / a table

    def leaf(self, physical):
        return physical | (0xe3 if self.arch == "x86_64" else 0x711)  # a large page / a block, both accessed

    def index(self, address, shift, top):
        bits = self.page_shift - 3
        if top and self.arch == "aarch64":
            bits = 48 - shift
        return address >> shift & ((1 << bits) - 1)


MACHINES = {
    ("x86_64", 4096): Machine("x86_64", 12, 0xffff888000000000, 0xffffffff80000000, 30, (39,)),
    ("aarch64", 65536): Machine("aarch64", 16, 0xffff000000000000, 0xffff800008000000, 29, (42,)),
}


class Tables:
    """Page tables, laid one behind the other from ROOT on: a top table, one below it for each of its entries in use, blocks in these."""

    def __init__(self, machine):
        self.machine, self.pages, self.below = machine, {ROOT: {}}, {}

    def map(self, virtual, physical):
        machine, top_shift = self.machine, self.machine.levels[0]
        slot = machine.index(virtual, top_shift, True)
        if slot not in self.below:
            self.below[slot] = ROOT + machine.page * (1 + len(self.below))
            self.pages[self.below[slot]] = {}
            self.pages[ROOT][slot] = machine.table(self.below[slot])
        block = 1 << machine.leaf_shift
        self.pages[self.below[slot]][machine.index(virtual, machine.leaf_shift, False)] = machine.leaf(physical & -block)

    def stored(self):
        for address, entries in self.pages.items():
            page = bytearray(self.machine.page)
            for index, entry in entries.items():
                struct.pack_into("<Q", page, 8 * index, entry)
            yield address, bytes(page)


def parse_size(text):
    if text[-1:] not in UNITS or not text[:-1].isdigit():
        raise LabError(f"{text}: a size is a number and M, G or T")
    return int(text[:-1]) << UNITS[text[-1]]


def markers(memory, page):
    """Physical addresses of the marker pages, the last one the last page of memory."""
    step = memory // MARKERS
    return [k * step for k in range(1, MARKERS)] + [memory - page]


def marker_page(address, page):
    return struct.pack("<QQ", MARKER, address).ljust(page, b"\0")


def vmcoreinfo(machine):
    text = [f"OSRELEASE={RELEASE}", f"PAGESIZE={machine.page}", f"SYMBOL(_stext)={machine.image:x}"]
    root = machine.image + (ROOT - IMAGE if machine.arch == "aarch64" else ROOT)
    text.append(f"SYMBOL(swapper_pg_dir)={root % (1 << 64):x}")
    if machine.arch == "x86_64":
        text += ["SYMBOL(init_top_pgt)=" + f"{root:x}", "NUMBER(phys_base)=0", "NUMBER(pgtable_l5_enabled)=0", "KERNELOFFSET=0"]
    else:
        text += ["NUMBER(VA_BITS)=48", f"NUMBER(kimage_voffset)=0x{machine.image - IMAGE:x}", "NUMBER(PHYS_OFFSET)=0x0", "KERNELOFFSET=0"]
    return ("\n".join(text) + "\n").encode()


def stored_pages(machine, memory):
    tables = Tables(machine)
    if machine.arch == "x86_64":
        tables.map_image = tables.below.setdefault(511, ROOT + machine.page)
        tables.pages[tables.map_image] = {510: machine.leaf(0)}  # 0xffffffff80000000: the first gigabyte
        tables.pages[ROOT][511] = machine.table(tables.map_image)
    else:
        tables.map(machine.image, IMAGE)
    for address in markers(memory, machine.page):
        tables.map(machine.linear + address, address)
    pages = dict(tables.stored())
    pages.update((address, marker_page(address, machine.page)) for address in markers(memory, machine.page))
    pages[IMAGE] = bytes(machine.page)
    return sorted(pages.items())


def write_sparse(path, memory, page_size):
    arch = "aarch64" if page_size == 65536 else "x86_64"
    machine = MACHINES.get((arch, page_size))
    if not machine:
        raise LabError(f"pages of {page_size} bytes: 4096 (x86_64) or 65536 (aarch64)")
    pages, block = stored_pages(machine, memory), machine.page
    frames = memory // block
    bitmap_blocks = -(-frames // (8 * block))
    notes = vmcoreinfo(machine)
    uts = b"".join(word.encode().ljust(65, b"\0") for word in ("Linux", "sparse", RELEASE, "#1 SMP", arch, "(none)"))
    header = struct.pack("<8sI390s6xQQIIIIIIIIII", b"KDUMP   ", HEADER_VERSION, uts, 0, 0, 0, block, 1, 2 * bitmap_blocks, min(frames, 0xffffffff), 0, 0, 1, 0, 1)
    note_at = block + 512
    sub = struct.pack("<QIIQQQQQQQQQQQ", 0, 31, 0, 0, 0, note_at, len(notes), 0, 0, 0, 0, 0, 0, frames)
    bitmap = 2 * block
    descriptors = bitmap + 2 * bitmap_blocks * block
    data = descriptors + 24 * len(pages)
    bits = {}
    for address, _ in pages:
        frame = address // block
        bits[frame // 8] = bits.get(frame // 8, 0) | 1 << frame % 8
    with open(path, "wb") as file:
        file.write(header)
        file.seek(block)
        file.write(sub)
        file.seek(note_at)
        file.write(notes)
        for start in (bitmap, bitmap + bitmap_blocks * block):
            for byte, value in bits.items():
                file.seek(start + byte)
                file.write(bytes([value]))
        file.seek(descriptors)
        for number in range(len(pages)):
            file.write(struct.pack("<QIIQ", data + number * block, block, 0, 0))
        for _, content in pages:
            file.write(content)
    return machine
