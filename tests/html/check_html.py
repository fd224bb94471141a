#!/usr/bin/env python3
"""The HTML report as a reader meets it: one of a dump (of a log where the lab has none) and one of a log full of markup, opened in chromium at two widths.
usage: check_html.py INQUEST WORK_FOLDER
Skipped (77), and saying why, where node, npm, chromium or playwright-core cannot be had."""
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'dumps'))
import lab_dumps  # noqa: E402


def driver(work):
    """The folder that holds playwright-core, installed by the lock file: it brings no browser."""
    for name in ('package.json', 'package-lock.json'):
        shutil.copy(HERE / name, work / name)
    have = work / 'node_modules' / 'playwright-core' / 'package.json'
    if not have.exists():
        done = subprocess.run(['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts'], cwd=work, capture_output=True, timeout=180)
        if done.returncode != 0 or not have.exists():
            lab_dumps.skip('npm could not install playwright-core: ' + done.stderr.decode(errors='replace').strip()[-300:])
    return work


def main():
    program, work = sys.argv[1], pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get('INQUEST_CHROMIUM') or shutil.which('chromium')
    for tool, path in (('node', shutil.which('node')), ('npm', shutil.which('npm')), ('chromium', chromium)):
        if not path:
            lab_dumps.skip(f'no {tool}')
    modules = driver(work)
    reports = []
    found = lab_dumps.dumps(case='stid_race')
    if found:
        dump = found[0]
        reports.append(work / 'dump.html')
        done = lab_dumps.run(program, 'report', *dump.paths, '-d', dump.debug, '--format', 'html', '-o', reports[-1])
        if done.returncode != 0:
            sys.exit(f'{dump}: exit {done.returncode}: {done.stderr.decode(errors="replace")}')
    else:
        print('no dump in the lab: only a log is looked at')
    reports.append(work / 'hostile.html')
    done = lab_dumps.run(program, 'report', HERE / 'hostile.log', '--format', 'html', '-o', reports[-1])
    if done.returncode != 0:
        sys.exit(f'hostile.log: exit {done.returncode}: {done.stderr.decode(errors="replace")}')
    sys.exit(subprocess.run(['node', HERE / 'check.mjs', modules, chromium, work, *reports], timeout=240).returncode)


main()
