"""The lab's dumps as tests see them: where they are, what is true of them, and how to ask the program about them."""
import json
import os
import pathlib
import subprocess
import sys

SKIP = 77  # what CTest takes for "skipped"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def cache():
    home = os.environ.get('INQUEST_LAB')
    if home:
        return pathlib.Path(home)
    base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return pathlib.Path(base) / 'inquest-lab'


class Dump:
    def __init__(self, truth_path):
        self.folder = truth_path.parent
        self.truth = json.loads(truth_path.read_text())
        self.case, self.form, self.arch = self.truth['case'], self.truth['form'], self.truth['arch']
        self.release = self.truth['release']
        self.debug = self.folder.parents[2] / 'debug'
        whole = self.folder / 'vmcore'
        self.paths = [whole] if whole.exists() else sorted(self.folder.glob('vmcore.[0-9]*'))

    def __str__(self):
        return f'{self.case}/{self.form} ({self.arch}, {self.release})'


def dumps(case=None, arch=None, form=None):
    """Every dump of the cache, oldest release first."""
    found = [Dump(t) for t in sorted(cache().glob('*/dumps/*/*/truth.json')) if '.building' not in str(t)]
    return [d for d in found if d.paths and (case is None or d.case == case) and (arch is None or d.arch == arch) and (form is None or d.form == form)]


def run(program, *arguments, timeout=120, **more):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=timeout, **more)


def report(program, dump, *more, paths=None):
    result = run(program, 'report', *(paths or dump.paths), '-d', dump.debug, '--format', 'json', *more)
    if result.returncode != 0:
        raise AssertionError(f'{dump}: exit {result.returncode}: {result.stderr.decode(errors="replace").strip()}')
    return json.loads(result.stdout)


class Checks:
    """Collects what holds and what does not, so that one run shows every fault."""

    def __init__(self):
        self.passed, self.failed = 0, 0

    def that(self, what, condition, detail=''):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f'FAILED: {what} {detail}', flush=True)
        return bool(condition)

    def finish(self):
        print(f'{self.passed} passed, {self.failed} failed')
        sys.exit(1 if self.failed else 0)


def skip(why):
    print(f'skipped: {why}')
    sys.exit(SKIP)
