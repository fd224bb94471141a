"""The forms a dump comes in, and the sets that `make check` and a demonstration need."""
from dataclasses import dataclass

from .cases import casebook
from .say import LabError


@dataclass(frozen=True)
class Form:
    """Forms of the same `boot` come from one run of the guest."""
    name: str
    boot: str            # a key of BOOTS
    arches: tuple
    description: str
    qmp: str = ""        # QEMU's name of the format
    makedumpfile: tuple = ()
    of: str = ""         # the form that it is derived from, without a run of the guest
    parts: int = 1


@dataclass(frozen=True)
class Boot:
    description: str
    memory: int                  # MiB
    vmcoreinfo: bool = False     # the vmcoreinfo device, and qemu_fw_cfg.ko to fill it
    kdump: bool = False          # the guest saves itself through a crash kernel
    cpu: tuple = ()              # -cpu by architecture, in place of the usual one


BOTH = ("x86_64", "aarch64")

BOOTS = {
    "qemu": Boot("saved by QEMU, VMCOREINFO note present", 256, vmcoreinfo=True),
    "bare": Boot("saved by QEMU, no VMCOREINFO", 256),
    "pac": Boot("saved by QEMU, pointer authentication in use", 256, vmcoreinfo=True, cpu=(("aarch64", "max,pauth-impdef=on"),)),
    "kdump": Boot("saved by the guest's own crash kernel", 640, kdump=True,
                  cpu=(("x86_64", "max,la57=off"),)),
}

FORMS = {form.name: form for form in (
    Form("elf", "qemu", BOTH, "QEMU's ELF", qmp="elf"),
    Form("kdump-zlib", "qemu", BOTH, "QEMU's kdump-compressed, flattened, zlib, every page", qmp="kdump-zlib"),
    Form("filtered31", "qemu", BOTH, "what makedumpfile -l -d 31 keeps of kdump-zlib", makedumpfile=("-l", "-d", "31"), of="kdump-zlib"),
    Form("elf-novmci", "bare", BOTH, "QEMU's ELF without a VMCOREINFO note", qmp="elf"),
    Form("elf-pac", "pac", ("aarch64",), "QEMU's ELF of a guest whose return addresses are signed", qmp="elf"),
    Form("kdump-lzo31", "kdump", BOTH, "the kernel's kdump, makedumpfile -l -d 31", makedumpfile=("-l", "-d", "31")),
    Form("kdump-zlib31", "kdump", BOTH, "the kernel's kdump, makedumpfile -c -d 31", makedumpfile=("-c", "-d", "31")),
    Form("split3", "kdump", BOTH, "the kernel's kdump in three parts, makedumpfile --split -l -d 31",
         makedumpfile=("--split", "-l", "-d", "31"), parts=3),
    Form("elf31", "kdump", BOTH, "the kernel's kdump as ELF, makedumpfile -E -d 31", makedumpfile=("-E", "-d", "31")),
    Form("flat31", "kdump", BOTH, "the kernel's kdump, flattened, makedumpfile -F -l -d 31", makedumpfile=("-F", "-l", "-d", "31")),
    Form("vmcore", "kdump", BOTH, "a copy of the crash kernel's /proc/vmcore"),
)}

CASEBOOK_FORM = "kdump-zlib"  # a sixth of what an ELF of the same memory takes

# What is made of which case, on which architecture; the 6.1 kernel unless another is asked for.
SETS = {
    "demo": [("stid_race", "x86_64", ("elf",))],
    "check": [
        ("stid_race", "x86_64", ("elf", "kdump-zlib", "elf-novmci", "kdump-lzo31", "kdump-zlib31", "split3", "elf31")),
        ("stid_race", "aarch64", ("elf", "kdump-zlib")),
        ("null_member", "x86_64", ("elf",)),
        ("null_member", "aarch64", ("elf",)),
        ("bug_on", "x86_64", ("kdump-lzo31",)),
        ("healthy", "x86_64", ("elf",)),
        ("nfsd_before", "x86_64", ("kdump-zlib",)),
        ("known_values", "x86_64", ("elf",)),
        ("known_values", "aarch64", ("elf",)),
        ("known_values_many", "x86_64", ("elf",)),
        ("known_values_many", "aarch64", ("elf",)),
    ],
    "casebook": (lambda case: case.arches, CASEBOOK_FORM),
    "casebook-filtered": (lambda case: case.arches, "filtered31"),
    "casebook-check": (lambda case: case.check, CASEBOOK_FORM),
}


def rows_of(name, series="6.1"):
    """The rows of a set; those of the casebook's are what its cases say of themselves."""
    rows = SETS[name]
    if isinstance(rows, list):
        return rows
    arches, form = rows
    return [(case.name, arch, (form,)) for arch in BOTH for case in casebook()
            if arch in arches(case) and (not case.kernels or series in case.kernels) and (case.ends == "panic" or not FORMS[form].of)]


def find_form(name, arch):
    form = FORMS.get(name)
    if not form:
        raise LabError(f"there is no form {name}: `lab/lab list` names them")
    if arch not in form.arches:
        raise LabError(f"the form {name} is made on {', '.join(form.arches)} only, not on {arch}")
    return form
