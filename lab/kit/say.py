"""How the lab speaks: progress on stderr, one line a step; errors as one line; results alone on stdout."""
import sys
import time
from contextlib import contextmanager


class LabError(Exception):
    """The lab cannot do what was asked. Its text is one line: what, where, what to do."""


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text):
    """Says what begins, and when it is done how long it took."""
    say(f"{text} ...")
    started = time.monotonic()
    yield
    say(f"{text}: {time.monotonic() - started:.1f} s")
