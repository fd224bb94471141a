"""The cases: one folder a crash under `lab/cases/`, its module's source and a `case.json`."""
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from .say import LabError

CASES = Path(__file__).resolve().parent.parent / "cases"


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

    def fingerprint(self):
        """Changes when the module's source does: then its dumps no longer match its debuginfo."""
        digest = hashlib.sha256()
        for path in sorted([*self.folder.glob("*.[ch]"), *CASES.glob("*.h")]):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()[:16]


def load_case(folder):
    text = json.loads((folder / "case.json").read_text())
    return Case(folder.name, folder, **text)


def all_cases():
    return [load_case(path.parent) for path in sorted(CASES.glob("*/case.json"))]


def find_case(name):
    for case in all_cases():
        if case.name == name:
            return case
    raise LabError(f"there is no case {name}: `lab/lab list` names them")
