#!/usr/bin/env python3
"""inquest against its peers on the same files, in one run: a table with each ratio, its bar, and whether it is met. Never a test.
usage: bench/run.py [--runs N] [--only WORD]...      (make bench)

A pair is measured in turn, ours and the peer's, so that what else the machine does falls on both; figures are medians."""
import argparse
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / 'tests' / 'dumps'), str(ROOT / 'lab'), str(ROOT / 'bench')]
import lab_dumps  # noqa: E402
from kit import sparse  # noqa: E402

INQUEST = ROOT / 'build' / 'inquest'
SCAN = ROOT / 'build' / 'bench_scan'
PYTHON = '/usr/bin/python3'  # Debian's drgn is its module

DRGN = '''
import sys
from drgn import Program
from drgn.helpers.linux.pid import for_each_task
prog = Program()
prog.set_core_dump(sys.argv[2])
prog.load_debug_info(sys.argv[3:])
if sys.argv[1] == 'crashed':
    print(prog['init_uts_ns'].name.release.string_().decode(), sum(1 for _ in for_each_task(prog)))
    try:
        print(prog.crashed_thread().stack_trace())
    except Exception as error:
        print(error)
else:
    count = 0
    for task in for_each_task(prog):
        try:
            print(prog.stack_trace(task))
            count += 1
        except Exception as error:
            print(error)
    print(count)
'''

# scripts/decode_stacktrace.sh's way with a frame: nm for the symbol's address, addr2line for the line.
DECODE = '''
while read -r symbol offset; do
  base=$(nm "$1" 2>/dev/null | awk -v s="$symbol" '$3 == s && ($2 == "t" || $2 == "T") { print $1; exit }')
  printf '%s+%s ' "$symbol" "$offset"
  addr2line -i -e "$1" "$(printf '%x' $((0x$base + offset)))"
done
'''


class Times(list):
    memory = 0  # MiB, the most of any run

    @property
    def seconds(self):
        return statistics.median(self)


def run_once(arguments, times, environment, stdin=None):
    start = time.monotonic()
    with open(stdin or os.devnull, 'rb') as given:
        child = subprocess.Popen([str(a) for a in arguments], stdin=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    times.append(time.monotonic() - start)
    times.memory = max(times.memory, usage.ru_maxrss / 1024)
    if child.returncode:
        sys.exit(f"bench: {' '.join(str(a) for a in arguments)[:200]}: exit {child.returncode}")
    return output


class Bench:
    def __init__(self, options, folder):
        self.runs, self.only, self.folder = options.runs, options.only, pathlib.Path(folder)
        self.environment = dict(os.environ, INQUEST_CACHE=str(self.folder / 'cache'))
        self.rows = []

    def wanted(self, name):
        return not self.only or any(word in name for word in self.only)

    def pair(self, ours, peer, runs=None, before=None, stdin=None, peer_stdin=None, warm=True):
        """Ours and the peer's in turn; the peer as often as `runs` says."""
        mine, theirs = Times(), Times()
        if warm:
            run_once(ours, Times(), self.environment, stdin)
        for i in range(self.runs):
            if before:
                before()
            run_once(ours, mine, self.environment, stdin)
            if i < (runs or self.runs):
                run_once(peer, theirs, self.environment, peer_stdin or stdin)
        return mine, theirs

    def row(self, name, mine, theirs, peer, ratio, bar, unit='s', at_least=False):
        met = ratio >= bar if at_least else ratio <= bar
        verdict = 'met' if met else f'missed by {abs(ratio / bar - 1) * 100:.0f} %'
        sign = '≥' if at_least else '≤'
        self.rows.append(f'| {name} | {mine:.3f} {unit} | {peer} | {theirs:.3f} {unit} | {ratio:.3f} × | {sign} {bar} × | {verdict} |')
        print(self.rows[-1], flush=True)

    def compare(self, name, ours, peer_name, peer, bar, **how):
        if not self.wanted(name):
            return None
        mine, theirs = self.pair(ours, peer, **how)
        self.row(name, mine.seconds, theirs.seconds, peer_name, mine.seconds / theirs.seconds, bar)
        return mine, theirs


def find(case, form):
    dumps = [d for d in lab_dumps.dumps(case=case, arch='x86_64', form=form) if d.release.startswith('6.1.')]
    if not dumps:
        sys.exit(f'bench: no dump; make it with `lab/lab make {case} --form {form}`')
    return dumps[-1]


def text_symbols(vmlinux):
    symbols = []
    for line in subprocess.run(['nm', '-S', vmlinux], capture_output=True, text=True, check=True).stdout.splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in 'tT' and int(words[1], 16) > 16:
            symbols.append((int(words[0], 16), int(words[1], 16), words[3]))
    once = {}
    for _, _, name in symbols:
        once[name] = once.get(name, 0) + 1
    return [s for s in sorted(symbols) if once[s[2]] == 1 and re.fullmatch(r'\w+', s[2])]


def debuginfo_rows(bench, dump, vmlinux, module):
    vmcore, cache = dump.paths[0], bench.folder / 'cache'
    script = bench.folder / 'trace.py'
    script.write_text(DRGN)
    drgn = [PYTHON, script, 'crashed', vmcore, vmlinux, module]
    trace = [INQUEST, 'shell', vmcore, '-d', vmlinux, '-d', module, '--only-given', '-c', 'sys', '-c', 'bt']
    bench.compare('cold: open, tasks, trace with inlines', trace, 'drgn', drgn, 0.8, before=lambda: shutil.rmtree(cache, ignore_errors=True), warm=False)
    bench.compare('warm: open, tasks, trace with inlines', trace, 'drgn', drgn, 0.1)
    report = [INQUEST, 'report', vmcore, '-d', dump.debug, '--format', 'json']
    if bench.wanted('peak memory of a warm report'):
        mine, theirs = bench.pair(report, drgn, runs=2)
        bench.row('peak memory of a warm report', mine.memory, theirs.memory, 'drgn', mine.memory / theirs.memory, 0.4, 'MiB')
    commands = bench.folder / 'commands'
    commands.write_text('quit\n')
    bench.compare('warm report, verdict included', report, 'crash to its prompt', ['crash', '-s', '-i', commands, vmlinux, vmcore], 0.02, runs=2)
    bench.compare('log, no debuginfo', [INQUEST, 'log', vmcore], 'makedumpfile --dump-dmesg', ['makedumpfile', '--dump-dmesg', '-f', vmcore, bench.folder / 'dmesg'], 1.5)


def symbol_rows(bench, vmlinux):
    symbols = text_symbols(vmlinux)
    choose = random.Random(7)
    ours = [INQUEST, 'symbolize', '-d', vmlinux, '--only-given']
    bench.compare('symbolize one address with inlines', [*ours, '--exact', 'rcu_do_batch+0x19a'], 'eu-addr2line -fie', ['eu-addr2line', '-fie', vmlinux, 'rcu_do_batch+0x19a'], 0.5)
    addresses = bench.folder / 'addresses'
    picked = [choose.choice(symbols) for _ in range(1000)]
    addresses.write_text(''.join(f'{start + choose.randrange(size):#x}\n' for start, size, _ in picked))
    bench.compare('symbolize 1,000 random addresses', [*ours, '--exact', '-'], 'llvm-symbolizer', ['llvm-symbolizer', f'--obj={vmlinux}', '--inlines'], 0.2, stdin=addresses)
    frames, pairs = bench.folder / 'oops', bench.folder / 'frames'
    picked = [(name, choose.randrange(1, size), size) for start, size, name in (choose.choice(symbols) for _ in range(40))]
    frames.write_text('[    4.701085] Call Trace:\n' + ''.join(f'[    4.701085]  {name}+{offset:#x}/{size:#x}\n' for name, offset, size in picked))
    pairs.write_text(''.join(f'{name} {offset:#x}\n' for name, offset, _ in picked))
    decode = bench.folder / 'decode.sh'
    decode.write_text(DECODE)
    bench.compare('an oops log of 40 frames', ours, 'nm and addr2line a frame', ['bash', decode, vmlinux], 0.01, runs=1, stdin=frames, peer_stdin=pairs)


def search_rows(bench):
    for form in ('kdump-zlib31', 'kdump-lzo31', 'elf31', 'elf'):
        name = f'one value in every stored page ({form})'
        if not bench.wanted(name):
            continue
        words = run_once([SCAN, find('stid_race', form).paths[0], 'ffff8c3582511dc0', max(7, bench.runs)], Times(), bench.environment).decode().split()
        unpack, search = float(words[1]), float(words[3])
        bench.row(name, search, unpack, 'unpacking alone', search / unpack, 1.15)


def thread_rows(bench):
    name = 'stacks of 5,000 threads'
    if not bench.wanted(name):
        return
    dump = find('many_threads', 'kdump-lzo31')
    vmlinux, module = next(dump.debug.rglob('vmlinux*')), next(dump.debug.rglob('many_threads.ko'))
    script = bench.folder / 'stacks.py'
    script.write_text(DRGN)
    ours = [INQUEST, 'shell', dump.paths[0], '-d', vmlinux, '-d', module, '--only-given', '-c', 'foreach bt']
    mine, theirs = bench.pair(ours, [PYTHON, script, 'all', dump.paths[0], vmlinux, module], runs=1)
    bench.row(name, 5000 / mine.seconds, 5000 / theirs.seconds, 'drgn', theirs.seconds / mine.seconds, 20, '/s', at_least=True)


def size_rows(bench):
    name = 'open and translate, 512 GB to 24 TB'
    if not bench.wanted(name):
        return
    times = []
    for size, page in (('512G', 65536), ('4T', 4096), ('24T', 4096)):
        path, memory = bench.folder / size, sparse.parse_size(size)
        machine = sparse.write_sparse(path, memory, page)
        address = machine.linear + sparse.markers(memory, page)[-1]
        one = Times()
        for _ in range(bench.runs + 1):
            output = run_once([INQUEST, 'shell', path, '--only-given', '-c', f'vtop {address:x}'], one, bench.environment).decode()
        if f'{address:x}  {memory - page:x}' not in output:
            sys.exit(f'bench: {size}: wrong answer: {output}')
        times.append(one)
    least, most = min(t.seconds for t in times), max(t.seconds for t in times)
    bench.row(name + ': time', most, least, 'the fastest of the three', most / least, 2)
    least, most = min(t.memory for t in times), max(t.memory for t in times)
    bench.row(name + ': memory', most, least, 'the smallest of the three', most / least, 2, 'MiB')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--runs', type=int, default=7)
    parser.add_argument('--only', action='append', default=[], metavar='WORD', help='rows whose name holds it')
    options = parser.parse_args()
    dump = find('stid_race', 'kdump-lzo31')
    vmlinux, module = next(dump.debug.rglob('vmlinux*')), next(dump.debug.rglob('stid_race.ko'))
    print(f'Dump: {dump}, {dump.paths[0].stat().st_size >> 20} MiB; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when it began; medians of {options.runs}, page cache warm.\n')
    print('| what | inquest | against | it | ratio | bar | |\n|---|---|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        debuginfo_rows(bench, dump, vmlinux, module)
        symbol_rows(bench, vmlinux)
        search_rows(bench)
        thread_rows(bench)
        size_rows(bench)


main()
