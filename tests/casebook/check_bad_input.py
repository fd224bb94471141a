#!/usr/bin/env python3
"""The casebook's dumps with something crucial taken away: a report is made all the same, and what it is sure of is right.
usage: check_bad_input.py INQUEST

Taken away, one at a time: the pages that hold the objects concerned; the module's debuginfo; the text of the log."""
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'dumps'), str(HERE.parents[1] / 'lab')]
sys.dont_write_bytecode = True
import lab_dumps  # noqa: E402  (the paths above come first)
from kit.arches import ARCHES  # noqa: E402
from kit.cases import casebook  # noqa: E402
from kit.refilter import START_KERNEL_MAP, Kdump, direct_mapping, write_elf  # noqa: E402
from score import SURE, judge  # noqa: E402

MOST = 4  # dumps that are tried: each costs some ten seconds


def object_frames(dump, whole):
    """The page frames of the addresses that the module told of itself."""
    shift, frames = direct_mapping(whole), set()
    for value in dump.truth['facts'].values():
        if isinstance(value, str) and re.fullmatch('0x[0-9a-f]{16}', value):
            frame = (int(value, 16) - shift) // whole.block
            if frame in whole.place:
                frames.add(frame)
    return frames


def log_frames(program, dump, whole):
    """The page frames of the log's text, asked of the program itself."""
    result = lab_dumps.run(program, 'shell', *dump.paths, '-d', dump.debug, '-c', 'p -x log_buf', '-c', 'p -d log_buf_len')
    numbers = re.findall(r'= (?:\$\d+ = )?(?:\([^)]*\) )?"?(0x[0-9a-f]{16}|\d+)', result.stdout.decode(errors='replace'))
    if len(numbers) < 2:
        return set()
    at, length = int(numbers[0], 0), int(numbers[1], 0)
    physical = at - START_KERNEL_MAP + whole.fact('NUMBER(phys_base)', 10) if at >= START_KERNEL_MAP else at - direct_mapping(whole)
    return {frame for frame in range(physical // whole.block, (physical + length) // whole.block + 1)}


def try_one(checks, program, dump, what, paths, debug):
    result = lab_dumps.run(program, 'report', *paths, '-d', debug, '--format', 'json')
    text = result.stderr.decode(errors='replace')
    if not checks.that(f'{dump}: a report {what}', result.returncode == 0, text[:400]):
        return
    verdict = lab_dumps.json.loads(result.stdout)['verdicts'][0]
    sure = verdict['confidence'] >= SURE
    checks.that(f'{dump}: a sure verdict {what} is right', not sure or judge(dump.truth, verdict)['cause'], f"{verdict['cause']} {verdict['confidence']}")
    print(f"{dump}, {what}: {verdict['cause']} {verdict['confidence']:.2f}", flush=True)


def main():
    program = sys.argv[1]
    checked = {case.name for case in casebook() if 'x86_64' in case.check}
    found = [d for d in lab_dumps.dumps(arch='x86_64', form='kdump-zlib') if d.case in checked and d.truth['series'] == '6.1'][:MOST]
    if not found:
        lab_dumps.skip('the lab has no dumps of the casebook: lab/lab make --set casebook-check')
    checks = lab_dumps.Checks()
    for dump in found:
        whole = Kdump(dump.paths[0])
        with tempfile.TemporaryDirectory(prefix='inquest-bad-') as folder:
            target = pathlib.Path(folder) / 'vmcore'
            objects, log = object_frames(dump, whole), log_frames(program, dump, whole)
            checks.that(f'{dump}: the log is found', log)
            for what, frames in (('without the pages of its objects', objects), ('without its log', log)):
                write_elf(whole, target, ARCHES[dump.arch], without=frames)
                try_one(checks, program, dump, what, [target], dump.debug)
        kernel = next(dump.debug.glob('usr/lib/debug/**/vmlinux*'))
        try_one(checks, program, dump, "without the module's debuginfo", dump.paths, kernel)
    checks.finish()


if __name__ == '__main__':
    main()
