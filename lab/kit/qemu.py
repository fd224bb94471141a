"""A guest in QEMU: pure emulation, so that it runs, and races, alike on every host."""
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .say import LabError
from .tools import tool


class GuestError(LabError):
    """The guest did not do what its case says; another attempt may go better."""


class Guest:
    """Use as a context manager: the emulator ends with the block."""

    def __init__(self, arch, kernel, initrd, memory, command_line, serial, devices=(), cpu=None, cpus=2):
        self.serial = Path(serial)
        self.serial.write_text("")
        # A socket's path may have 107 bytes at most, which a cache folder can exceed.
        self.sockets = tempfile.TemporaryDirectory(prefix="lab-")
        self.monitor = os.path.join(self.sockets.name, "qmp")
        machine = [*arch.machine[:-1], cpu or arch.machine[-1]]
        # The emulator must not outlive the lab, however that ends: a guest that has panicked spins for ever.
        self.command = [tool("setpriv"), "--pdeathsig", "KILL", tool(arch.qemu), *machine, "-accel", "tcg,thread=multi", "-m", str(memory), "-smp", str(cpus),
                        "-kernel", str(kernel), "-initrd", str(initrd), "-append", command_line, "-display", "none",
                        "-nodefaults", "-no-user-config", "-no-reboot", "-serial", f"file:{serial}",
                        "-qmp", f"unix:{self.monitor},server,nowait", *devices]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()
        self.sockets.cleanup()

    def log(self):
        return self.serial.read_text(errors="replace")

    def wait_for(self, pattern, seconds):
        """Waits until the serial log holds `pattern`."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.log()):
            self.check(deadline, pattern, seconds)
            time.sleep(0.1)

    def wait_for_end(self, seconds):
        """Waits until the guest has powered itself off."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            self.check(deadline, "power-off", seconds)
            time.sleep(0.1)
        if self.process.returncode != 0:
            self.check(deadline, "power-off", seconds)

    def check(self, deadline, what, seconds):
        if self.process.poll() is not None:
            reason = (self.process.stderr.read().strip().splitlines() or ["no message"])[-1]
            raise GuestError(f"QEMU ended (status {self.process.returncode}) before {what}: {reason}; its log: {self.last_line()}")
        failed = re.search(r"lab: (failed .*)", self.log())
        if failed:
            raise GuestError(f"the guest {failed.group(1).strip()}")
        if time.monotonic() > deadline:
            raise GuestError(f"the guest did not reach {what} in {seconds} s; its last line: {self.last_line()}")

    def last_line(self):
        return ([line for line in self.log().splitlines() if line.strip()] or ["nothing"])[-1]

    def dump(self, path, form):
        """Saves the guest's memory by QEMU; stops it meanwhile."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(self.monitor)
            stream = channel.makefile("rw")
            stream.readline()  # the greeting
            self.ask(stream, "qmp_capabilities")
            self.ask(stream, "dump-guest-memory", paging=False, protocol=f"file:{path}", format=form)

    @staticmethod
    def ask(stream, command, **arguments):
        stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        stream.flush()
        for line in stream:
            answer = json.loads(line)
            if "return" in answer:
                return
            if "error" in answer:
                raise LabError(f"QEMU refused {command}: {answer['error'].get('desc')}")
        raise LabError(f"QEMU closed its monitor during {command}")
