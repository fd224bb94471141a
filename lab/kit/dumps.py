"""Makes the dumps: one boot of the guest for all the forms that can come from it."""
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from .cache import BUILDING, building, write_file
from .cases import LAB
from .crashkernel import add_loader
from .formats import identify
from .forms import BOOTS, FORMS
from .initrd import Initrd
from .modules import guest_module, install_debuginfo
from .programs import busybox, makedumpfile
from .qemu import Guest, GuestError
from .refilter import write_elf
from .say import LabError, say, step
from .tools import run
from .truth import first_boot, loaded_modules, missing_from, read_truth, truth_of

CPUS = 2
ATTEMPTS = 3
PATIENCE = 240  # seconds until a guest that hangs is given up; a boot takes 10 on an idle machine
DISK_MODULES = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"]
CRASH_MEMORY = "crashkernel=192M"


def dump_folder(kernel, case, form):
    return kernel.folder / "dumps" / case.name / form.name


def dump_files(folder, form):
    if form.parts == 1:
        return [folder / "vmcore"]
    return [folder / f"vmcore.{part}" for part in range(1, form.parts + 1)]


def is_made(kernel, case, form):
    truth = dump_folder(kernel, case, form) / "truth.json"
    if not truth.exists():
        return False
    found = read_truth(truth)
    return found["fingerprint"] == case.fingerprint() and found.get("boot", case.boot_fingerprint()) == case.boot_fingerprint()


def refresh_answer(kernel, case, form):
    """The answer may be put better while the dump stays what it is."""
    path = dump_folder(kernel, case, form) / "truth.json"
    found = read_truth(path)
    if any(found.get(key) != value for key, value in case.answer().items()):
        write_file(path, json.dumps({**found, **case.answer()}, indent=1) + "\n")


def make_dumps(kernel, case, forms):
    """Makes those of `forms` that the cache lacks."""
    module = guest_module(kernel, case)
    missing = [form for form in forms if not is_made(kernel, case, form)]
    derived = [form for form in missing if form.of]
    sources = [FORMS[form.of] for form in derived]
    booted = {form.name: form for form in [*missing, *sources] if not form.of and not is_made(kernel, case, form)}.values()
    for name, boot in BOOTS.items():
        wanted = [form for form in booted if form.boot == name]
        if wanted:
            make_from_boot(kernel, case, boot, wanted, module)
    for form in derived:
        make_from_dump(kernel, case, form)
    for form in forms:
        refresh_answer(kernel, case, form)
    kernel.complete()
    install_debuginfo(kernel, case)


def make_from_dump(kernel, case, form):
    """The same memory in another form: the log and the truth are those of the dump it is made from."""
    source = dump_folder(kernel, case, FORMS[form.of])
    folder = kernel.folder / "dumps"
    with step(f"{case.name} on {kernel.arch.name} {kernel.release}: {form.description}"), tempfile.TemporaryDirectory(dir=folder, prefix=BUILDING) as name:
        work = Path(name)
        write_elf(source / "vmcore", work / "elf", kernel.arch)
        shutil.copyfile(source / "serial.log", work / "serial.log")
        derive(kernel, work / "elf", form, work)
        keep(kernel, case, BOOTS[form.boot], [form], work)


def make_from_boot(kernel, case, boot, forms, module):
    what = f"{case.name} on {kernel.arch.name} {kernel.release}: {boot.description}"
    folder = kernel.folder / "dumps"
    folder.mkdir(exist_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(dir=folder, prefix=BUILDING) as name:
            work = Path(name)
            try:
                with step(what):
                    boot_and_save(kernel, case, boot, forms, module, work)
                    keep(kernel, case, boot, forms, work)
                return
            except GuestError as error:
                log = folder / f"{case.name}.failed.log"
                shutil.copyfile(work / "serial.log", log)
                if attempt == ATTEMPTS:
                    raise LabError(f"{error}; the guest's log is {log}")
                say(f"attempt {attempt} of {ATTEMPTS}: {error}")


def node_name(case):
    return "lab-" + case.module.replace("_", "-")


def boot_and_save(kernel, case, boot, forms, module, work):
    """Boots, crashes and saves; leaves FORM/vmcore* and serial.log in `work`."""
    arguments = [f"console={kernel.arch.console}", kernel.arch.arguments, "panic=0 oops=panic", case.arguments, CRASH_MEMORY if boot.kdump else ""]
    (work / "initrd").write_bytes(initrd_for(kernel, case, boot, module, work))
    devices = ["-device", "vmcoreinfo"] if boot.vmcoreinfo else []
    disk = work / "disk"
    if boot.kdump:
        with open(disk, "wb") as file:
            file.truncate((boot.memory + 64) << 20)
        devices += ["-drive", f"file={disk},format=raw,if=none,id=disk,cache=unsafe", "-device", "virtio-blk-pci,drive=disk"]
    with Guest(kernel.arch, kernel.image, work / "initrd", boot.memory, " ".join(filter(None, arguments)), work / "serial.log", devices,
               dict(boot.cpu).get(kernel.arch.name), CPUS) as guest:
        if boot.kdump:
            guest.wait_for_end(PATIENCE * 2 + case.patience)
        else:
            guest.wait_for("end Kernel panic" if case.ends == "panic" else r"lab: ready[\s\S]*lab: tasks \d+\s", PATIENCE + case.patience)
            for form in forms:
                (work / form.name).mkdir()
                guest.dump(work / form.name / "vmcore", form.qmp)
    missing = missing_from(first_boot(guest.log()), case.log)
    if missing:
        raise GuestError(f"the guest's log does not hold {missing!r}; its last line: {guest.last_line()}")
    if boot.kdump:
        full = save_of_crash_kernel(guest.log(), disk)
        for form in forms:
            derive(kernel, full, form, work)


def save_of_crash_kernel(log, disk):
    """The copy of /proc/vmcore, cut to its length."""
    size = None
    for line in log.splitlines():
        if "lab: vmcore_bytes " in line:
            size = int(line.split()[-1])
    if size is None or "lab: vmcore saved" not in log:
        raise GuestError("the crash kernel did not save /proc/vmcore")
    with open(disk, "r+b") as file:
        file.truncate(size)
    return disk


def derive(kernel, full, form, work):
    """What makedumpfile makes of /proc/vmcore, as the crash kernel would have: it reads the same bytes."""
    (work / form.name).mkdir()
    files = dump_files(work / form.name, form)
    if not form.makedumpfile:
        shutil.copyfile(full, files[0])
        return
    what = f"makedumpfile {' '.join(form.makedumpfile)}"
    command = [*makedumpfile(kernel.arch), *form.makedumpfile, full]
    if "-F" not in form.makedumpfile:
        run([*command, *files], what)
        return
    with open(files[0], "wb") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise LabError(f"{what} failed (status {done.returncode}): {(done.stderr.strip().splitlines() or ['no message'])[-1]}")


def keep(kernel, case, boot, forms, work):
    """Puts each form into its own folder of the cache, complete with its log and its truth."""
    serial = (work / "serial.log").read_text(errors="replace")
    for form in forms:
        containers = [identify(file) for file in dump_files(work / form.name, form)]
        check_form(form, containers)
        with building(dump_folder(kernel, case, form)) as folder:
            for file in dump_files(work / form.name, form):
                dig_holes(file)
                file.chmod(0o644)  # QEMU and makedumpfile keep their dumps to themselves
                file.rename(folder / file.name)
            (folder / "serial.log").write_text(serial)
            truth = truth_of(case, kernel, form, boot, serial, node_name(case), CPUS, containers)
            (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


def check_form(form, containers):
    """Refuses a dump that is not what its form says."""
    for found in containers:
        expected = {"container": "elf"}
        if form.qmp == "elf":
            expected["vmcoreinfo"] = BOOTS[form.boot].vmcoreinfo
        elif form.qmp:
            expected = {"container": "flattened", "compression": "zlib"}
        elif "-F" in form.makedumpfile:
            expected = {"container": "flattened", "dump_level": 31}
        elif form.makedumpfile and "-E" not in form.makedumpfile:
            expected = {"container": "kdump", "compression": "lzo" if "-l" in form.makedumpfile else "zlib", "dump_level": 31,
                        "split": form.parts > 1, "incomplete": False}
        wrong = [f"{key} is {found.get(key)}, not {value}" for key, value in expected.items() if found.get(key) != value]
        if wrong:
            raise LabError(f"the {form.name} dump is not what it should be: {', '.join(wrong)}")


def dig_holes(file):
    """Gives back the disk blocks that hold only zeroes; an ELF dump of a small guest is mostly that."""
    program = shutil.which("fallocate")
    if program:
        subprocess.run([program, "--dig-holes", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def initrd_for(kernel, case, boot, module, work):
    """The guest's RAM disk. That of a kdump boot holds the crash kernel and the crash kernel's own RAM disk."""
    modules = kernel.modules(loaded_modules(kernel, case, boot))
    crash_line = f"console={kernel.arch.console} {kernel.arch.arguments} irqpoll nr_cpus=1 reset_devices" if boot.kdump else ""
    initrd = base_initrd(kernel.arch, case, modules, crash_line)
    initrd.add(f"modules/{case.module}.ko", module.read_bytes())
    if boot.kdump:
        initrd.add("vmlinuz", kernel.image.read_bytes())
        initrd.add("crash.initrd", base_initrd(kernel.arch, case, kernel.modules(DISK_MODULES), "").archive())
        add_loader(initrd, kernel, work)
    return initrd.archive()


def base_initrd(arch, case, modules, crash_line):
    initrd = Initrd()
    initrd.add("bin/busybox", busybox(arch), 0o755)
    initrd.add("init", (LAB / "guest" / "init").read_bytes(), 0o755)
    names = " ".join(name for name, _ in modules)
    initrd.add("lab.conf", f"CASE={case.module}\nENDS={case.ends}\nPATIENCE={case.patience}\nNODE={node_name(case)}\nMODULES='{names}'\n"
                           f"CRASH_COMMAND_LINE='{crash_line}'\nTRIGGER='{case.trigger}'\n")
    for name, data in modules:
        initrd.add(f"modules/{name}.ko", data)
    return initrd
