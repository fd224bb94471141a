"""Debian packages by way of apt, without root and without touching the host's own apt.

Each architecture has a private apt state in the cache with Debian's archives as its only sources, so the lists of
any architecture can be read on any Debian host. Packages are unpacked, never installed,
and their files removed afterwards.
"""
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from .cache import cache_root, locked
from .say import LabError, step

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LISTS_STAY_FRESH = 6 * 3600  # seconds


def sources():
    mirror = os.environ.get("INQUEST_LAB_MIRROR", "http://deb.debian.org/debian")
    security = os.environ.get("INQUEST_LAB_SECURITY_MIRROR", "http://deb.debian.org/debian-security")
    archives = [(mirror, "bookworm"), (mirror, "bookworm-updates"), (security, "bookworm-security")]
    return "".join(f"deb [signed-by={KEYRING}] {archive} {suite} main\n" for archive, suite in archives)


class Apt:
    """apt for one architecture."""

    def __init__(self, arch):
        self.arch = arch
        self.name = f"apt-{arch.debian}"
        self.root = cache_root() / self.name

    def options(self):
        settings = {
            "Dir::State": self.root / "state", "Dir::State::status": self.root / "status",
            "Dir::Cache": self.root / "cache", "Dir::Etc::sourcelist": self.root / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null", "APT::Architecture": self.arch.debian,
            "APT::Architectures": self.arch.debian, "Acquire::Languages": "none", "APT::Sandbox::User": "root",
            "Acquire::Retries": "3",
        }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    def run(self, tool, *arguments, folder=None):
        try:
            return subprocess.run([tool, *self.options(), *arguments], cwd=folder, text=True, capture_output=True)
        except FileNotFoundError:
            raise LabError(f"{tool} is not here: the lab needs Debian's packages, so run it on Debian or Ubuntu")

    def refresh(self, now=False):
        """Fetches Debian's package lists unless they are fresh."""
        with locked(self.name):
            stamp = self.root / "refreshed"
            if not now and stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_STAY_FRESH:
                return
            for folder in ("state/lists/partial", "cache/archives/partial"):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
            (self.root / "status").touch()
            (self.root / "sources.list").write_text(sources())
            with step(f"fetching Debian's package lists for {self.arch.debian}"):
                done = self.run("apt-get", "update", "-q")
            if done.returncode != 0 or re.search(r"^(E|W: Failed to fetch)", done.stderr, re.M):
                raise LabError(f"apt-get update failed for {self.arch.debian}: {first_error(done)}; is Debian's "
                               "archive reachable? INQUEST_LAB_MIRROR names another mirror")
            stamp.touch()

    def dependency(self, package, pattern):
        """The first dependency of `package` that matches `pattern`, as its match."""
        done = self.run("apt-cache", "depends", package)
        for line in done.stdout.splitlines():
            found = re.fullmatch(pattern, line.partition("Depends: ")[2].strip())
            if found:
                return found
        raise LabError(f"apt knows no {package} that depends on {pattern} ({self.arch.debian}); try again with --fresh")

    def field(self, package, name):
        """A field of what apt would download for `package` (a name, or name=version)."""
        done = self.run("apt-cache", "show", "--no-all-versions", package)
        found = re.search(rf"^{name}: (.*)$", done.stdout, re.M)
        if not found:
            raise LabError(f"apt knows no package {package} for {self.arch.debian}; try again with --fresh")
        return found.group(1)

    def unpack(self, packages, folder):
        """Downloads `packages` and unpacks them over each other into `folder`."""
        size = sum(int(self.field(package, "Size")) for package in packages)
        names = " ".join(package.partition("=")[0] for package in packages)
        with tempfile.TemporaryDirectory(dir=Path(folder).parent, prefix=".building-debs-") as debs:
            with step(f"downloading {names} ({size / 1e6:.0f} MB)"):
                done = self.run("apt-get", "-q", "download", *packages, folder=debs)
            files = sorted(Path(debs).glob("*.deb"))
            if done.returncode != 0 or len(files) != len(packages):
                raise LabError(f"apt-get download {' '.join(packages)} failed: {first_error(done)}; try again with --fresh")
            with step(f"unpacking {names}"):
                for deb in files:
                    unpacked = subprocess.run(["dpkg-deb", "-x", deb, folder], text=True, capture_output=True)
                    if unpacked.returncode != 0:
                        raise LabError(f"dpkg-deb -x {deb.name} failed: {unpacked.stderr.strip()}; is the disk full?")
                    deb.unlink()


def first_error(done):
    for line in done.stderr.splitlines():
        if line.startswith(("E:", "W:")):
            return line
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}"
