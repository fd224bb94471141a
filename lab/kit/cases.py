"""The cases: one folder a crash under `lab/cases/` or `lab/casebook/`, its module's source and a `case.json`."""
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from .arches import ARCHES
from .say import LabError

LAB = Path(__file__).resolve().parent.parent
CASES = LAB / "cases"        # those the tests know by name
CASEBOOK = LAB / "casebook"  # those the score is counted over
GUILTY = re.compile(r"[ \t]*/\* guilty\b[^*]*\*/")  # the comment that marks a guilty line


@dataclass(frozen=True)
class Case:
    name: str
    folder: Path
    description: str
    cause: str                                    # the slug a perfect answer names
    accepted: list                                # slugs an honest answer may name as well
    ends: str                                     # "panic", or "running": dumped while it works
    modules: list = field(default_factory=list)   # the kernel's own, loaded before, in this order
    trigger: str = ""                             # shell line that runs in the guest once the module is loaded
    log: list = field(default_factory=list)       # regular expressions the guest's log holds, in this order
    arguments: str = ""                           # added to the guest's command line
    patience: int = 10                            # seconds the guest has to crash once the trigger has run
    arches: list = field(default_factory=lambda: list(ARCHES))
    kernels: list = field(default_factory=list)   # series it can be made on; empty: all
    check: list = field(default_factory=list)     # architectures on which `make check` has it
    object: dict = field(default_factory=dict)    # {"type": [names], "member": [names], "cache": [names]} of the object concerned
    guilty: dict = field(default_factory=dict)    # {"functions": [names], "module": name, "task": [names]}

    @property
    def sources(self):
        return sorted([*self.folder.glob("*.[ch]"), *self.folder.glob("*.inc")])

    @property
    def module(self):
        """What the module is called: as its only .c file is, which need not give the case away."""
        return next(path.stem for path in self.sources if path.suffix == ".c")

    @property
    def source(self):
        return f"lab/{self.folder.parent.name}/{self.name}/{self.module}.c"

    @property
    def in_casebook(self):
        return self.folder.parent == CASEBOOK

    def fingerprint(self):
        """Changes when the module's source does: then its dumps no longer match its debuginfo. Marks do not count."""
        digest = hashlib.sha256()
        for path in sorted([*self.sources, *CASES.glob("*.h")]):
            digest.update(path.name.encode() + b"\0" + GUILTY.sub("", path.read_text()).encode())
        return digest.hexdigest()[:16]

    def boot_fingerprint(self):
        """Changes when the guest is to be started or driven in another way."""
        return hashlib.sha256(json.dumps([self.arguments, self.trigger, self.modules, self.ends]).encode()).hexdigest()[:16]

    def guilty_lines(self):
        """FILE:LINE of every line that carries the mark."""
        return [f"{path.name}:{number}" for path in self.sources
                for number, line in enumerate(path.read_text().splitlines(), start=1) if GUILTY.search(line)]

    def answer(self):
        """What a perfect verdict says, as truth.json has it."""
        return {"description": self.description, "cause": self.cause, "accepted": self.accepted, "object": self.object,
                "guilty": self.guilty, "guilty_lines": self.guilty_lines()}


def load_case(folder):
    text = json.loads((folder / "case.json").read_text())
    return Case(folder.name, folder, **text)


def all_cases():
    return [load_case(path.parent) for home in (CASES, CASEBOOK) for path in sorted(home.glob("*/case.json"))]


def casebook():
    return [case for case in all_cases() if case.in_casebook]


def find_case(name):
    for home in (CASES, CASEBOOK):
        if Path(name).name == name and (home / name / "case.json").exists():
            return load_case(home / name)
    raise LabError(f"there is no case {name}: `lab/lab list` names them")
