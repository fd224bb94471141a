"""What is known of a dump without reading it: written beside it as truth.json, for the tests to compare with."""
import json
import re

from .kernels import SERIES

FACT = re.compile(r"\blab: (\w+) (.+)$")
# Deaths by die() and what leads there; a lockup, a stall or a hung task is none.
OOPS = re.compile(r"(?:BUG: unable to handle |BUG: kernel NULL |BUG: (?:TASK |IRQ )?stack guard page |kernel BUG at |Unable to handle kernel |"
                  r"Internal error: |general protection fault|divide error: |double fault: |invalid opcode: |Oops: ).*$")
PANIC = re.compile(r"Kernel panic - not syncing: .*$")
STAMP = re.compile(r"^\[\s*(\d+\.\d+)\] ?(?:\[[^]]*\] ?)?")


def first_boot(serial):
    """The log of the kernel that crashed, without that of its crash kernel."""
    starts = [found.start() for found in re.finditer(r"^.*Linux version ", serial, re.M)]
    return serial[:starts[1]] if len(starts) > 1 else serial


def facts_of(serial):
    """The `lab: KEY VALUE` lines; numbers become numbers, addresses stay text."""
    facts = {}
    for line in serial.replace("\r", "").splitlines():
        found = FACT.search(line)
        if found:
            key, value = found.groups()
            facts[key] = int(value) if re.fullmatch(r"\d+", value) else value.strip()
    return facts


def first_match(pattern, serial):
    for line in serial.replace("\r", "").splitlines():
        found = pattern.search(line)
        if found:
            return found.group(0)
    return None


def missing_from(serial, expected):
    """The first of `expected` (regular expressions, in order) that the log lacks, or None."""
    at = 0
    for pattern in expected:
        found = re.compile(pattern).search(serial, at)
        if not found:
            return pattern
        at = found.end()
    return None


def truth_of(case, kernel, form, boot, serial, node, cpus, containers):
    """Everything truth.json holds; `serial` is the guest's whole log."""
    log = first_boot(serial)
    facts = facts_of(log)
    tasks = facts.pop("tasks", None)
    at_panic = facts.pop("tasks_at_panic", None)
    facts.pop("ready", None)
    version = re.search(r"(Linux version .*)$", log.replace("\r", ""), re.M)
    return {
        "case": case.name, "form": form.name, "arch": kernel.arch.name, "release": kernel.release, "series": kernel.series,
        **case.answer(), "casebook": case.in_casebook,
        "module": case.module, "modules": [*loaded_modules(kernel, case, boot), case.module], "source": case.source,
        "fingerprint": case.fingerprint(), "boot": case.boot_fingerprint(), "arguments": case.arguments,
        "cpus": cpus, "memory_bytes": boot.memory << 20, "page_size": SERIES[kernel.series].page_size,
        "paging_levels": paging_levels(kernel, boot), "vmcoreinfo": boot.vmcoreinfo or boot.kdump, "nodename": node,
        "version": version.group(1) if version else None,
        # Threads, the idle ones not counted. The panic's count is exact; the other precedes the crash by some
        # milliseconds, in which a kernel thread may come or go.
        "tasks": tasks if at_panic is None else at_panic, "tasks_exact": at_panic is not None,
        "oops": first_match(OOPS, log), "panic": first_match(PANIC, log),
        "facts": facts, "containers": containers,
    }


def loaded_modules(kernel, case, boot):
    """The kernel's own modules that the guest loads before the case's, in this order. The lab's own kernel has none."""
    if SERIES[kernel.series].meta is None:
        return []
    return (["qemu_fw_cfg"] if boot.vmcoreinfo else []) + case.modules


def paging_levels(kernel, boot):
    if kernel.arch.name == "x86_64":
        return 4 if "la57=off" in dict(boot.cpu).get("x86_64", "") else 5
    return {4096: 4, 16384: 4, 65536: 3}[SERIES[kernel.series].page_size]  # at 48 bits of virtual address


def read_truth(path):
    return json.loads(path.read_text())
