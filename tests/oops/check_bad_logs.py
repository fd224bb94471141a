#!/usr/bin/env python3
"""Logs that nobody would write: junk, one endless line, a cut, NULs, colours, floods. Each gets an answer in bounded memory and the exit status
that the contract says; what is whole in it is still found.
usage: check_bad_logs.py INQUEST"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'dumps'))
import lab_dumps  # noqa: E402

if not (ROOT.parent / 'shared' / 'oops' / 'wild' / '001.log').exists():
    lab_dumps.skip('no ../shared/oops')
OOPS = (ROOT.parent / 'shared' / 'oops' / 'wild' / '001.log').read_bytes()
MIB = 1 << 20


class Answer:
    def __init__(self, status, output, error, memory):
        self.status, self.output, self.error, self.memory = status, output, error, memory

    def events(self):
        return json.loads(self.output)['events']


def ask(program, feed, *arguments):
    """Feeds the pieces of `feed` to the program's standard input; memory is its peak, in bytes."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=out, stderr=err)

        def write():
            try:
                for piece in feed:
                    child.stdin.write(piece)
                child.stdin.close()
            except BrokenPipeError:
                pass
        writer = threading.Thread(target=write)
        writer.start()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        writer.join()
        out.seek(0)
        err.seek(0)
        return Answer(child.returncode, out.read(), err.read().decode(errors='replace'), usage.ru_maxrss * 1024)


def log(program, feed, *more):
    return ask(program, feed, 'log', '-', '--events', '--format', 'json', *more)


def kinds(answer):
    return [e['kind'] for e in answer.events()]


def main():
    program = sys.argv[1]
    checks = lab_dumps.Checks()
    chance = random.Random(4)
    plain = log(program, [OOPS])
    wanted, calm = kinds(plain), plain.memory
    checks.that('the log itself', plain.status == 0 and len(wanted) >= 2, str(wanted))

    room = 1 if calm < 64 * MIB else 4  # a sanitizer's build keeps what was freed for a while

    def whole(name, feed, most=64 * MIB, least=1):
        answer = log(program, feed)
        if not checks.that(f'{name}: an answer', answer.status == 0, f'{answer.status}: {answer.error[-200:]}'):
            return
        found = kinds(answer)
        checks.that(f'{name}: the events are found', len(found) >= least and found[-len(wanted):] == wanted if least else True, str(found[:9]))
        checks.that(f'{name}: memory', answer.memory <= calm + most * room, f'{answer.memory >> 20} MiB against {calm >> 20}')

    refused = log(program, [chance.randbytes(8 * MIB), b'\n', OOPS])
    checks.that('binary junk in front: refused in one line', refused.status == 1 and refused.error.count('\n') == 1, refused.error[-200:])
    whole('a line of binary junk in the middle', [OOPS, chance.randbytes(8 * MIB), b'\n', OOPS])
    whole('NULs before', [bytes(64 * MIB), b'\n', OOPS])
    whole('a line of 1 GiB before', [b'x' * MIB] * 1024 + [b'\n', OOPS])
    whole('a line of 64 MiB of header words before', [b'BUG: Kernel panic Oops WARNING: ' * (MIB // 32)] * 64 + [b'\n', OOPS], least=0)
    whole('invalid UTF-8 in every line', [OOPS.replace(b'\n', b' \xff\xfe\xc3\n')])
    whole('NULs between the lines', [OOPS.replace(b'\n', b'\n\0\0\0')], least=0)
    whole('ANSI colours', [b''.join(b'\x1b[31m' + line + b'\x1b[0m\n' for line in OOPS.split(b'\n'))])
    whole('carriage returns', [OOPS.replace(b'\n', b'\r\n')])
    whole('a million lines of nothing', [b'\n' * MIB, OOPS])

    for share in (10, 40, 70, 95):
        cut = log(program, [OOPS[:len(OOPS) * share // 100]])
        checks.that(f'cut at {share} %: an answer', cut.status == 0, cut.error[-200:])
        checks.that(f'cut at {share} %: no event that was not there', kinds(cut) == wanted[:len(kinds(cut))], str(kinds(cut)))

    # One event a million times over. Each is counted; only so many are kept in full.
    line = b'[   12.345678] BUG: unable to handle page fault for address: ffff888100000000\n'
    flood = ask(program, [line * 10000] * 100, 'log', '-', '--events')
    checks.that('a header a million times: an answer', flood.status == 0, flood.error[-200:])
    checks.that('a header a million times: memory', flood.memory <= 1024 * MIB * room, f'{flood.memory >> 20} MiB')

    dull = b'Nov 24 23:59:59 host kernel: [  100.000000] eth0: link becomes ready\n' * 16384
    long = ask(program, [dull] * 256 + [OOPS], 'report', '-', '--format', 'json')
    checks.that('report of a long log: an answer', long.status == 0 and json.loads(long.output)['events'], long.error[-200:])
    checks.that('report of a long log: memory', long.memory <= 256 * MIB * room, f'{long.memory >> 20} MiB')

    for name, data in (('nothing', b''), ('blanks', b' \n\t\n'), ('junk', chance.randbytes(MIB)), ('NULs', bytes(MIB))):
        answer = log(program, [data])
        checks.that(f'{name} alone: no event', answer.status in (0, 1) and (answer.status == 1 or kinds(answer) == []), answer.error[-200:])
        checks.that(f'{name} alone: one clear line if it is refused', answer.status == 0 or answer.error.count('\n') == 1, answer.error)
        report = ask(program, [data], 'report', '-')
        checks.that(f'{name} alone: report', report.status in (0, 1) and 'Traceback' not in report.error, f'{report.status} {report.error[-200:]}')
    checks.finish()


if __name__ == '__main__':
    main()
