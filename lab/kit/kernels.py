"""The kernels: which release Debian has today, and its parts in the cache.

A kernel's folder is `CACHE/RELEASE-ARCH/`: `image/vmlinuz`, `modules/*.ko` (stripped, as Debian ships them), `debug/`
(the unpacked -dbg package and the lab's own modules), `headers/` (to build modules), `dumps/`, and `kernel.json`,
written last: a folder without it is not complete.
"""
import json
import lzma
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from .apt import Apt
from .arches import ARCHES, host_arch
from .cache import building, cache_root, drop_leftovers, write_file
from .say import LabError, say


@dataclass(frozen=True)
class Series:
    """A line of kernels: `meta` is the package whose dependency names today's release (None: built from source)."""
    name: str
    meta: str
    arches: tuple = ("x86_64", "aarch64")
    page_size: int = 4096


SERIES = {series.name: series for series in (
    Series("6.1", "linux-image-cloud-{debian}-dbg"),
    Series("6.12", "linux-image-6.12-cloud-{debian}-dbg"),
    Series("64k", None, arches=("aarch64",), page_size=65536),
)}


@dataclass
class Kernel:
    series: str
    arch: object
    release: str
    folder: Path
    compiler: str                    # gcc-12: what the modules are built with
    waiting: object = None           # the thread that unpacks the debuginfo meanwhile
    failure: object = None           # what went wrong in it

    def modules(self, names):
        """Those of the modules `names` that are not built into the kernel, as (name, bytes)."""
        folder = self.folder / "modules"
        builtin = (folder / "modules.builtin").read_text()
        found = []
        for name in names:
            if (folder / f"{name}.ko").exists():
                found.append((name, (folder / f"{name}.ko").read_bytes()))
            elif f"/{name}.ko\n" not in builtin:
                raise LabError(f"{self.release} has no module {name} in {folder}; remove {self.folder} and make it again")
        return found

    @property
    def image(self):
        return self.folder / "image" / "vmlinuz"

    @property
    def debug(self):
        return self.folder / "debug"

    @property
    def lab_modules(self):
        """Where the debuginfo of the lab's own modules lies, beside that of the kernel's."""
        return self.debug / "usr" / "lib" / "debug" / "lib" / "modules" / self.release / "lab"

    @property
    def headers(self):
        return self.folder / "headers" / "build"

    def complete(self):
        """Waits for the debuginfo; then the folder is marked as complete."""
        if self.waiting:
            self.waiting.join()
            self.waiting = None
            if self.failure:
                raise self.failure
        if not (self.folder / "kernel.json").exists():
            mark_complete(self)


def mark_complete(kernel):
    write_file(kernel.folder / "kernel.json", json.dumps(
        {"series": kernel.series, "arch": kernel.arch.name, "release": kernel.release, "compiler": kernel.compiler}) + "\n")


def complete_kernels():
    """Every complete kernel of the cache, newest first."""
    marks = sorted(cache_root().glob("*/kernel.json"), key=lambda mark: mark.stat().st_mtime, reverse=True)
    found = []
    for mark in marks:
        facts = json.loads(mark.read_text())
        found.append(Kernel(facts["series"], ARCHES[facts["arch"]], facts["release"], mark.parent, facts["compiler"]))
    return found


def cached_kernel(series, arch):
    for kernel in complete_kernels():
        if kernel.series == series and kernel.arch == arch:
            return kernel
    return None


def debian_kernel(series, arch, fresh=False):
    """The kernel of `series` from the cache, or from Debian when the cache has none or `fresh` asks for today's."""
    kernel = None if fresh else cached_kernel(series.name, arch)
    if kernel:
        drop_leftovers(kernel.folder)
        return kernel
    apt = Apt(arch)
    apt.refresh(now=fresh)
    meta = series.meta.format(debian=arch.debian)
    release = apt.dependency(meta, r"linux-image-(\S+)-dbg").group(1)
    kernel = Kernel(series.name, arch, release, cache_root() / f"{release}-{arch.name}", "gcc-12")
    drop_leftovers(kernel.folder)
    fetch_parts(kernel, apt)
    return kernel


def fetch_parts(kernel, apt):
    """Fetches what the folder lacks; the debuginfo, by far the largest part, while the caller goes on."""
    version = apt.field(f"linux-image-{kernel.release}-dbg", "Version")
    if not kernel.debug.exists():
        say(f"kernel {kernel.release} ({kernel.arch.name}), package version {version}")
        kernel.waiting = threading.Thread(target=fetch_debug, args=(kernel, apt, version))
        kernel.waiting.start()
    try:
        if not (kernel.folder / "image").exists() or not (kernel.folder / "modules").exists():
            fetch_image(kernel, apt, version)
        if not (kernel.folder / "headers").exists():
            fetch_headers(kernel, apt, version)
    except BaseException:
        if kernel.waiting:
            kernel.waiting.join()
        raise


def fetch_debug(kernel, apt, version):
    try:
        with building(kernel.debug) as folder:
            apt.unpack([f"linux-image-{kernel.release}-dbg={version}"], folder)
    except LabError as error:
        kernel.failure = error


def fetch_image(kernel, apt, version):
    with building(kernel.folder / "image") as image, building(kernel.folder / "modules") as modules:
        unpacked = image / "unpacked"
        apt.unpack([f"linux-image-{kernel.release}-unsigned={version}"], unpacked)
        shutil.copyfile(unpacked / "boot" / f"vmlinuz-{kernel.release}", image / "vmlinuz")
        shutil.copyfile(unpacked / "boot" / f"config-{kernel.release}", image / "config")
        builtin = next(unpacked.glob("**/modules.builtin"))
        (modules / builtin.name).write_text(builtin.read_text())
        for module in unpacked.glob("**/*.ko*"):
            name = module.name.partition(".ko")[0] + ".ko"
            data = module.read_bytes()
            (modules / name).write_bytes(lzma.decompress(data) if module.suffix == ".xz" else data)
        shutil.rmtree(unpacked)


def fetch_headers(kernel, apt, version):
    """The headers of the guest's architecture, the build tools of this machine's; in the cache, not under /usr."""
    headers = f"linux-headers-{kernel.release}"
    common = apt.dependency(headers, r"linux-headers-\S+-common").group()
    kbuild = apt.dependency(headers, r"linux-kbuild-\S+").group()
    with building(kernel.folder / "headers") as folder:
        apt.unpack([f"{headers}={version}", f"{common}={version}"], folder)
        tools = apt
        if kernel.arch != host_arch():
            tools = Apt(host_arch())
            tools.refresh()
        tools.unpack([f"{kbuild}={version}"], folder)
        # Debian's headers name their common half by its absolute path, which is not where they were unpacked.
        (folder / "build").symlink_to(f"usr/src/{headers}")
        makefile = folder / "build" / "Makefile"
        final = kernel.folder / "headers"
        makefile.write_text(makefile.read_text().replace("/usr/src/", f"{final}/usr/src/"))
