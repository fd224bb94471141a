"""The lab's own kernel: Debian's 6.1 sources with pages of 64 KiB, for Debian ships none. A build of minutes."""
import os
import re
import shutil
from pathlib import Path

from .apt import Apt
from .arches import ARCHES, host_arch
from .cache import building, cache_root, drop_leftovers
from .cases import CASES
from .kernels import Kernel, cached_kernel, mark_complete
from .say import LabError, step
from .tools import run, tool

ARCH = ARCHES["aarch64"]
CONFIG = CASES.parent / "guest" / "64k.config"
# Two thirds of the sources that this configuration never compiles; their Kconfig files are read all the same.
UNUSED = ["drivers/gpu/*.[ch]", "drivers/net/*.[ch]", "drivers/media/*.[ch]", "drivers/staging/*.[ch]", "sound/*.[ch]", "tools/testing",
          "tools/perf"]
# What building a module takes of the tree; the rest goes when the kernel is built.
KEPT = ["Makefile", "Module.symvers", ".config", "include", "scripts", "arch/arm64/Makefile", "arch/arm64/include",
        "arch/arm64/kernel/vdso", "arch/arm64/kernel/vdso32"]


def kernel_64k():
    """The kernel, from the cache or built; built anew when its configuration has changed."""
    kernel = cached_kernel("64k", ARCH)
    if kernel and (kernel.folder / "image" / CONFIG.name).read_text() == CONFIG.read_text():
        drop_leftovers(kernel.folder)
        return kernel
    apt = Apt(host_arch())
    apt.refresh()
    version = re.match(r"[\d.]+", apt.field("linux-source-6.1", "Version")).group()
    release = f"{version}-lab-64k"
    kernel = Kernel("64k", ARCH, release, cache_root() / f"{release}-{ARCH.name}", "gcc-12")
    drop_leftovers(kernel.folder)
    with building(kernel.folder) as folder:
        tree = unpack_source(apt, folder)
        configure(tree)
        built = make(tree, "-s", "kernelrelease").strip().splitlines()[-1]
        if built != release:
            raise LabError(f"the sources call themselves {built}, not {release}; report it with the output of `apt-cache policy linux-source-6.1`")
        with step("building the kernel, ten minutes or more"):
            make(tree, "-j2", "Image", "modules")
        collect(tree, folder, release)
    mark_complete(kernel)
    return kernel


def unpack_source(apt, folder):
    """Debian's sources, in the folder that later holds the headers."""
    apt.unpack(["linux-source-6.1"], folder / "package")
    archive = next((folder / "package").glob("usr/src/linux-source-*.tar.xz"))
    tree = folder / "headers" / "build"
    tree.mkdir(parents=True)
    with step("unpacking the sources"):
        run([tool("tar"), "-xf", archive, "-C", tree, "--strip-components=1", *(f"--exclude=*/{name}" for name in UNUSED)],
            "unpacking the kernel's sources")
    shutil.rmtree(folder / "package")
    return tree


def make(tree, *targets):
    """The kernel's own make, politely: others may work on this machine."""
    return run([tool("nice"), "-n", "10", tool("make"), "-C", tree, "ARCH=arm64", f"CROSS_COMPILE={ARCH.prefix}",
                f"CC={tool(ARCH.prefix + 'gcc-12')}", f"HOSTCC={tool('gcc-12')}", "KBUILD_BUILD_USER=lab", "KBUILD_BUILD_HOST=lab",
                f"KCFLAGS=-ffile-prefix-map={tree}/=", *targets], f"building the 64k kernel ({' '.join(targets)})")


def configure(tree):
    with step("configuring the kernel"):
        make(tree, f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig")
    lost = missing_options(CONFIG.read_text(), (tree / ".config").read_text())
    if lost:
        raise LabError(f"the kernel's configuration lost {', '.join(lost)}: correct {CONFIG}")


def missing_options(wanted, got):
    """Options of the fragment that the sources would not take."""
    lines = set(got.splitlines())
    return [line for line in wanted.splitlines() if line.startswith("CONFIG_") and line not in lines]


def collect(tree, folder, release):
    """Lays the parts out as those of Debian's kernels and drops the rest of the tree."""
    for name in ("image", "modules", "debug/usr/lib/debug/boot"):
        (folder / name).mkdir(parents=True)
    (tree / "arch/arm64/boot/Image").rename(folder / "image" / "vmlinuz")
    shutil.copyfile(tree / ".config", folder / "image" / "config")
    shutil.copyfile(CONFIG, folder / "image" / CONFIG.name)
    shutil.copyfile(tree / "modules.builtin", folder / "modules" / "modules.builtin")
    (tree / "vmlinux").rename(folder / "debug/usr/lib/debug/boot" / f"vmlinux-{release}")
    keep_only(tree, KEPT)


def keep_only(tree, kept):
    """Removes from `tree` whatever is neither kept nor leads to something kept."""
    kept = [Path(name) for name in kept]
    for path, folders, files in os.walk(tree):
        here = Path(path).relative_to(tree)
        for name in files:
            if here / name not in kept:
                (Path(path) / name).unlink()
        for name in list(folders):
            below = here / name
            if below in kept or (Path(path) / name).is_symlink():
                folders.remove(name)
            elif not any(below in one.parents for one in kept):
                shutil.rmtree(Path(path) / name)
                folders.remove(name)

