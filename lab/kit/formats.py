"""What a dump file is, read from its first bytes: the lab's check that a form is what it claims to be."""
import struct
from pathlib import Path

ELF_MACHINES = {62: "x86_64", 183: "aarch64"}
# Enough for the first two blocks. QEMU writes blocks of 64 KiB for aarch64, whatever the guest's page size.
HEADERS = 4 * 65536
COMPRESSIONS = {0x1: "zlib", 0x2: "lzo", 0x4: "snappy", 0x20: "zstd"}


def identify(path):
    """A dict: container (elf, kdump, flattened) and what its header says."""
    with open(path, "rb") as file:
        head = file.read(HEADERS)
    if head.startswith(b"\x7fELF"):
        return identify_elf(head)
    if head.startswith(b"makedumpfile\0"):
        # A header of 4096 bytes, then records: offset and size, big endian, and the bytes.
        inner = bytearray(HEADERS)
        at = 4096
        while at + 16 <= len(head):
            offset, size = struct.unpack_from(">qq", head, at)
            data = head[at + 16:at + 16 + size]
            if offset < 0 or offset + len(data) > len(inner):
                break
            inner[offset:offset + len(data)] = data
            at += 16 + size
        return {**identify_kdump(bytes(inner)), "container": "flattened"}
    if head.startswith(b"KDUMP   "):
        return identify_kdump(head)
    return {"container": "unknown"}


def identify_elf(head):
    machine, = struct.unpack_from("<H", head, 18)
    table, = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    facts = {"container": "elf", "machine": ELF_MACHINES.get(machine, machine), "loads": 0, "vmcoreinfo": False}
    for index in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", head, table + index * size)
        if kind == 4:
            notes = head[offset:offset + length]
            facts["vmcoreinfo"] = facts["vmcoreinfo"] or b"VMCOREINFO\0" in notes
        facts["loads"] += kind == 1
    return facts


def identify_kdump(head):
    """disk_dump_header: signature 8, version 4, utsname 390, padding 6, time 16, then status and block size."""
    status, block_size = struct.unpack_from("<Ii", head, 424)
    level, split = struct.unpack_from("<ii", head, block_size + 8)
    return {"container": "kdump", "compression": COMPRESSIONS.get(status & 0x27, "none"), "incomplete": bool(status & 0x8),
            "block_size": block_size, "dump_level": level, "split": bool(split)}


def disk_bytes(path):
    """What the file takes on disk: less than its size where it has holes."""
    return Path(path).stat().st_blocks * 512
