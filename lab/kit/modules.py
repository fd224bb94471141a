"""Builds the crash modules: with debuginfo for the debugger, stripped for the guest."""
import shutil

from .arches import host_arch
from .cache import building, replace_file
from .cases import CASES
from .say import say, step
from .tools import run, tool

KBUILD = """obj-m := {name}.o
# The guest's log and the debuginfo name the files as this repository does, not as they lie in the cache.
ccflags-y := -ffile-prefix-map={folder}=lab -ffile-prefix-map={headers}=
"""


def guest_module(kernel, case):
    """The stripped module of `case`; built when missing or when its source has changed. The dumps of another build
    of the module go with it, for its debuginfo no longer fits them."""
    built = kernel.folder / "lab-modules" / case.name
    module = built / f"{case.module}.ko"
    stamp = built / "fingerprint"
    if stamp.exists() and stamp.read_text() == case.fingerprint():
        return module
    dumps = kernel.folder / "dumps" / case.name
    if dumps.exists():
        say(f"the source of {case.name} has changed: its dumps are made anew")
        shutil.rmtree(dumps)
    with step(f"building {case.module}.ko for {kernel.release} ({kernel.arch.name})"), building(built) as folder:
        build(kernel, case, folder)
        (folder / "fingerprint").write_text(case.fingerprint())
    return module


def build(kernel, case, folder):
    lab = folder / "lab"  # laid out as in the repository, for the modules include lab_truth.h by its relative path
    source = lab / case.folder.parent.name / case.name
    source.mkdir(parents=True)
    (lab / "cases").mkdir(exist_ok=True)
    for path in case.sources:
        shutil.copy(path, source)
    for path in CASES.glob("*.h"):
        shutil.copy(path, lab / "cases")
    (source / "Kbuild").write_text(KBUILD.format(name=case.module, folder=lab, headers=kernel.folder / "headers"))
    prefix = kernel.arch.prefix
    compiler = tool(prefix + kernel.compiler)
    # Debian's headers choose the compiler by CROSS_COMPILE; on the same architecture it is named without a prefix.
    cross = [] if kernel.arch == host_arch() else [f"CROSS_COMPILE={prefix}"]
    # Without BTF: Debian's headers leave out the vmlinux it is made against, and newer ones want pahole all the same.
    run([tool("make"), "-C", kernel.headers, f"M={source}", f"ARCH={kernel.arch.kbuild}", *cross, f"CC={compiler}",
         "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"], f"building {case.module}.ko")
    full = source / f"{case.module}.ko"
    run([tool(prefix + "strip"), "--strip-debug", "-o", folder / full.name, full], f"stripping {full.name}")
    full.rename(folder / f"{case.module}.ko.debug")
    shutil.rmtree(lab)


def install_debuginfo(kernel, case):
    """Puts the module's debuginfo beside the kernel's; `complete` must have been waited for."""
    full = kernel.folder / "lab-modules" / case.name / f"{case.module}.ko.debug"
    target = kernel.lab_modules / f"{case.module}.ko"
    if not target.exists() or target.read_bytes() != full.read_bytes():
        replace_file(full, target)
