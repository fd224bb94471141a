#!/usr/bin/env python3
"""inquest against its peers on the same files, in one run: a table with ratios. Never a test.
usage: bench/run.py [--runs N]      (make bench)"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'dumps'))
import lab_dumps  # noqa: E402

INQUEST = ROOT / 'build' / 'inquest'

DRGN = '''
import sys
from drgn import Program
from drgn.helpers.linux.pid import for_each_task
prog = Program()
prog.set_core_dump(sys.argv[1])
prog.load_debug_info(sys.argv[2:])
print(prog['init_uts_ns'].name.release.string_().decode(), sum(1 for _ in for_each_task(prog)))
try:
    print(prog.crashed_thread().stack_trace())
except Exception as error:
    print(error)
'''


def measure(arguments, runs, before=None, **more):
    """Median wall seconds and the peak memory (MiB) of the last run; None if it failed."""
    times = []
    for _ in range(runs):
        if before:
            before()
        start = time.monotonic()
        done = subprocess.run([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        times.append(time.monotonic() - start)
        if done.returncode != 0:
            print(f"  {' '.join(str(a) for a in arguments[:3])}…: exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-200:]}", file=sys.stderr)
            return None
    return statistics.median(times)


def row(name, seconds, peer):
    if seconds is None:
        return f'| {name} | failed | |'
    ratio = f'{seconds / peer:.3f} ×' if peer else ''
    return f'| {name} | {seconds:.3f} | {ratio} |'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--runs', type=int, default=5)
    runs = parser.parse_args().runs
    dumps = [d for d in lab_dumps.dumps(case='stid_race', arch='x86_64', form='kdump-lzo31') if d.release.startswith('6.1.')]
    if not dumps:
        sys.exit('bench: no dump; make it with `lab/lab make stid_race --form kdump-lzo31`')
    dump = dumps[0]
    vmcore, vmlinux = dump.paths[0], next(dump.debug.rglob('vmlinux*'))
    module = next(dump.debug.rglob('stid_race.ko'))
    with tempfile.TemporaryDirectory() as folder:
        cache = os.path.join(folder, 'cache')
        environment = dict(os.environ, INQUEST_CACHE=cache)
        report = [INQUEST, 'report', vmcore, '-d', dump.debug, '--format', 'json']
        script = os.path.join(folder, 'trace.py')
        pathlib.Path(script).write_text(DRGN)
        commands = os.path.join(folder, 'commands')
        pathlib.Path(commands).write_text('bt\nquit\n')
        cold = measure(report, runs, before=lambda: shutil.rmtree(cache, ignore_errors=True), env=environment)
        warm = measure(report, runs, env=environment)
        drgn = measure(['/usr/bin/python3', script, vmcore, vmlinux, module], runs)
        crash = measure(['crash', '-s', '-i', commands, vmlinux, vmcore], max(1, runs // 2)) if shutil.which('crash') else None
        log = measure([INQUEST, 'log', vmcore], runs, env=environment)
        dmesg = measure(['makedumpfile', '--dump-dmesg', vmcore, os.path.join(folder, 'dmesg')], runs, before=lambda: pathlib.Path(folder, 'dmesg').unlink(missing_ok=True))
        address = 'rcu_do_batch+0x19a'
        one = measure([INQUEST, 'symbolize', '-d', vmlinux, '--only-given', address], runs, env=environment)
        addr2line = measure(['eu-addr2line', '-fie', vmlinux, address], runs)
    print(f'Dump: {dump}, {vmcore.stat().st_size >> 20} MiB; {os.cpu_count()} cores; medians of {runs}, page cache warm; seconds.\n')
    print('| what | seconds | ratio |\n|---|---|---|')
    print(row('`crash` start + `bt`', crash, None))
    print(row('`drgn` open, tasks, trace of the crashed thread', drgn, None))
    print(row('`inquest report`, cold (no index), against `drgn`', cold, drgn))
    print(row('`inquest report`, warm, against `drgn`', warm, drgn))
    print(row('`inquest report`, warm, against `crash`', warm, crash))
    print(row('`makedumpfile --dump-dmesg`', dmesg, None))
    print(row('`inquest log`, against `makedumpfile`', log, dmesg))
    print(row('`eu-addr2line -fie`, one address', addr2line, None))
    print(row('`inquest symbolize`, one address, warm, against `eu-addr2line`', one, addr2line))


main()
