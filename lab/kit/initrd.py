"""Initial RAM disks, written by hand: a cpio archive in the `newc` form needs neither root nor cpio."""
import stat


class Initrd:
    def __init__(self):
        self.entries = []
        for folder in ("bin", "proc", "sys", "dev", "tmp", "modules"):
            self.add_folder(folder)

    def add_folder(self, name):
        self.entries.append((name, stat.S_IFDIR | 0o755, b""))

    def add(self, name, data, mode=0o644):
        self.entries.append((name, stat.S_IFREG | mode, data.encode() if isinstance(data, str) else data))

    def archive(self):
        """The archive's bytes; the kernel takes it uncompressed."""
        pieces = []
        for number, (name, mode, data) in enumerate([*self.entries, ("TRAILER!!!", 0, b"")], start=1):
            encoded = name.encode() + b"\0"
            # newc: magic, then inode, mode, uid, gid, links, mtime, size, device, special device, name's size, check
            fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
            head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
            pieces += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]
        return b"".join(pieces)
