"""How a guest loads its crash kernel: a program /load_crash_kernel KERNEL INITRD COMMAND_LINE for its RAM disk.

Where the kernel has kexec_file_load, one system call does it and the lab's own program of a page suffices. Debian's
arm64 kernels lack it; there Debian's kexec-tools come along, with the libraries they need.
"""
import re

from .cases import CASES
from .programs import program_files
from .tools import run, tool

# kexec-tools 2.0.25 look for _text in /proc/kallsyms, which Debian's arm64 kernels leave out (their table begins with
# _stext, 64 KiB above); without it they describe the kernel's own segment to the crash kernel as one of 2^64 bytes, and
# reading /proc/vmcore faults. So they are shown a table that has it.
SCRIPT = """#!/bin/busybox sh
sed -n 's/10000 T _stext$/00000 T _text/p' /proc/kallsyms > /tmp/kallsyms
cat /proc/kallsyms >> /tmp/kallsyms
mount --bind /tmp/kallsyms /proc/kallsyms
LD_LIBRARY_PATH=/kexec /kexec/kexec -p "$1" --initrd="$2" --command-line="$3"
status=$?
umount /proc/kallsyms
exit $status
"""


def add_loader(initrd, kernel, work):
    """Adds /load_crash_kernel and whatever it needs to the RAM disk."""
    if re.search(r"^CONFIG_KEXEC_FILE=y$", (kernel.folder / "image" / "config").read_text(), re.M):
        initrd.add("load_crash_kernel", own_loader(kernel, work), 0o755)
        return
    initrd.add("load_crash_kernel", SCRIPT, 0o755)
    initrd.add_folder("kexec")
    initrd.add_folder("lib")
    files, loader = program_files(kernel.arch, "kexec-tools", "kexec")
    for name, data in files:
        initrd.add(f"kexec/{name}", data, 0o755)
        if loader.endswith("/" + name):
            initrd.add(loader.lstrip("/"), data, 0o755)


def own_loader(kernel, work):
    """The lab's program, built static and without a C library."""
    program = work / "load_crash_kernel"
    run([tool(kernel.arch.prefix + "gcc-12"), "-Os", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector",
         "-fno-pie", "-no-pie", "-o", program, CASES.parent / "guest" / "load_crash_kernel.c"], "building load_crash_kernel")
    return program.read_bytes()
