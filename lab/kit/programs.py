"""Debian's programs of a guest's architecture, with their libraries: unpacked into the cache, to go into a guest's RAM
disk or to run here under QEMU's user emulation."""
import re

from .apt import Apt
from .arches import host_arch
from .cache import building, cache_root
from .say import LabError
from .tools import run, tool


def unpacked(arch, package):
    """The folder that holds `package` and the libraries below it."""
    folder = cache_root() / f"programs-{arch.name}" / package
    if not folder.exists():
        apt = Apt(arch)
        apt.refresh()
        with building(folder) as fresh:
            apt.unpack(with_libraries(apt, package), fresh)
    return folder


def with_libraries(apt, package):
    """`package` and the packages of libraries it depends on, however far below."""
    found, waiting = [], [package]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            waiting += re.findall(r"Depends: ((?:lib|zlib)\S+)", apt.run("apt-cache", "depends", name).stdout)
    return found


def program_files(arch, package, program):
    """What `program` needs to run, as (file name, bytes), and the name of its dynamic loader."""
    folder = unpacked(arch, package)
    files = {path.name: path for path in folder.glob("**/*") if path.is_file()}
    found, waiting, loader = {}, [program], None
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in files:
            raise LabError(f"{program} needs {name}, which is not in {folder}; remove it and try again")
        found[name] = files[name].read_bytes()
        layout = run([tool(arch.prefix + "readelf"), "-ldW", files[name]], f"readelf {name}")
        waiting += re.findall(r"\(NEEDED\).*\[(.*)\]", layout)
        loader = loader or re.search(r"program interpreter: (\S+)\]", layout).group(1)
    name = loader.rpartition("/")[2]
    found[name] = files[name].read_bytes()
    return sorted(found.items()), loader


def makedumpfile(arch):
    """The command that runs makedumpfile for dumps of `arch`: each build of it reads its own architecture only."""
    if arch == host_arch():
        return [tool("makedumpfile")]
    folder = unpacked(arch, "makedumpfile")
    return [tool(f"qemu-{arch.name}"), "-L", folder, folder / "usr" / "bin" / "makedumpfile"]


def busybox(arch):
    """The guest's userland: Debian's static busybox of its architecture."""
    folder = unpacked(arch, "busybox-static")
    for place in ("bin/busybox", "usr/bin/busybox"):
        if (folder / place).exists():
            return (folder / place).read_bytes()
    raise LabError(f"there is no busybox in {folder}; remove it and try again")
