"""The two architectures the lab boots, as a table."""
import platform
from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    name: str
    debian: str          # Debian's name for it
    kbuild: str          # ARCH= of the kernel's makefiles
    prefix: str          # of its binutils and compilers
    console: str
    arguments: str       # of the kernel's command line
    qemu: str
    machine: tuple       # QEMU's machine and processor; -cpu comes last so that a form can replace it


ARCHES = {
    # On a busy host the emulated timer may be late, which x86's boot takes for a broken machine: no_timer_check.
    # -cpu max has five-level page tables (la57); cortex-a57 is a plain Armv8.0 without pointer authentication.
    "x86_64": Arch("x86_64", "amd64", "x86", "x86_64-linux-gnu-", "ttyS0", "no_timer_check", "qemu-system-x86_64",
                   ("-machine", "q35", "-cpu", "max")),
    "aarch64": Arch("aarch64", "arm64", "arm64", "aarch64-linux-gnu-", "ttyAMA0", "", "qemu-system-aarch64",
                    ("-machine", "virt", "-cpu", "cortex-a57")),
}


def host_arch():
    """The architecture of this machine: what the compilers and build tools must run on."""
    return ARCHES.get(platform.machine(), ARCHES["x86_64"])
