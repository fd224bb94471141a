"""The cache folder: where everything the lab makes is kept, and how it stays whole.

A part is built in a folder whose name begins with `.building-` and renamed into place when it is complete, so
what stands under its own name is whole. Leftovers of a run that died are removed by the next run that holds
the same lock.
"""
import fcntl
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from .say import say

BUILDING = ".building-"


def cache_root():
    """`$INQUEST_LAB`, else `$XDG_CACHE_HOME/inquest-lab`, else `~/.cache/inquest-lab`."""
    if os.environ.get("INQUEST_LAB"):
        return Path(os.environ["INQUEST_LAB"]).absolute()
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]).absolute() / "inquest-lab"
    return Path.home() / ".cache" / "inquest-lab"


@contextmanager
def locked(name):
    """Holds the lock `name` of the cache; a second run waits and says so."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with open(root / f".lock-{name}", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run works on {name}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def building(target):
    """A folder to build `target` in: takes its name when the block ends well, vanishes when it does not."""
    target = Path(target)
    folder = target.parent / (BUILDING + target.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_file(source, target):
    """Puts the file `source` at `target` in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.parent / (BUILDING + target.name)
    shutil.copyfile(source, fresh)
    fresh.replace(target)


def write_file(target, text):
    """Writes a small file in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.parent / (BUILDING + target.name)
    fresh.write_text(text)
    fresh.replace(target)


def drop_leftovers(folder):
    """Removes what a run that died left half built under `folder` (whose lock the caller holds)."""
    for leftover in list(folder.glob(f"**/{BUILDING}*")) if folder.exists() else []:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
