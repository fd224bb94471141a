"""The programs of this machine that the lab runs, and the Debian packages they come in."""
import os
import shutil
import subprocess
import sys

from .arches import ARCHES, host_arch
from .say import LabError, say


def host_packages():
    """What must be installed here, as Debian names it. Kernels, headers and busybox are unpacked into the cache
    instead, for they belong to the guest."""
    packages = ["apt", "dpkg", "debian-archive-keyring", "python3", "make", "binutils", "gcc-12", "libc6-dev", "libelf1",
                "qemu-system-x86", "qemu-system-arm", "qemu-user", "makedumpfile"]
    for arch in ARCHES.values():
        if arch != host_arch():
            triple = arch.prefix.rstrip("-").replace("_", "-")
            packages += [f"gcc-12-{triple}", f"binutils-{triple}"]
    return packages


def packages_64k():
    """What building a kernel needs on top."""
    return ["bc", "bison", "flex", "libelf-dev", "libssl-dev", "xz-utils", "perl", "kmod"]


def missing_packages():
    wanted = [*host_packages(), *packages_64k()]
    done = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Abbrev}\n", *wanted], text=True, capture_output=True)
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.split()[1:] == ["ii"]}
    return [package for package in wanted if package not in installed]


def install_packages():
    """Installs what is missing; does nothing, and asks for no password, when nothing is."""
    missing = missing_packages()
    if not missing:
        return
    root = ["env"] if os.geteuid() == 0 else ["sudo", "env"]
    if root[0] == "sudo" and not shutil.which("sudo"):
        raise LabError("installing packages needs root and there is no sudo here: run `lab packages --install` as root")
    say("installing " + " ".join(missing))
    apt_get = [*root, "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    subprocess.run([*apt_get, "update"], stdout=sys.stderr)  # a source that cannot be reached need not stop the installation
    if subprocess.run([*apt_get, "install", "-y", "--no-install-recommends", *missing], stdout=sys.stderr).returncode != 0:
        raise LabError("apt-get install failed, see its lines above; run `apt-get install " + " ".join(missing) + "` by hand")


def tool(name):
    """The path of a program, or an error that says how to get it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not path:
        raise LabError(f"{name} is not installed: run `lab/lab packages --install`")
    return path


def check_tools(arch, kdump):
    """Fails before anything is downloaded if a program is missing that a dump on `arch` takes."""
    names = ["apt-get", "dpkg-deb", "make", f"{arch.prefix}gcc-12", f"{arch.prefix}strip", arch.qemu]
    if kdump:
        names += ["makedumpfile"] if arch == host_arch() else [f"qemu-{arch.name}", f"{arch.prefix}readelf"]
    for name in names:
        tool(name)


def run(command, what, folder=None):
    """Runs a program that must succeed; its last lines become the error."""
    done = subprocess.run([str(word) for word in command], cwd=folder, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if "error:" in line or "not found" in line] or lines[-1:] or ["it said nothing"]
        raise LabError(f"{what} failed (status {done.returncode}): {errors[0]}")
    return done.stdout
