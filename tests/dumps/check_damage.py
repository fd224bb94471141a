#!/usr/bin/env python3
"""Bad input: each gives a report of what is left or one clear line, never a crash, a hang or an invented cause.
usage: check_damage.py INQUEST"""
import json
import os
import random
import shutil
import struct
import sys
import tempfile

import lab_dumps


def answered(checks, what, result, accusation_allowed=('double-rcu-callback', 'wild-call', 'unknown', 'null-dereference')):
    """A report (exit 0, JSON) or exit 1 with one line on standard error."""
    errors = result.stderr.decode(errors='replace').strip()
    if result.returncode == 0:
        try:
            r = json.loads(result.stdout)
        except ValueError as error:
            return checks.that(what, False, f'no JSON: {error}')
        cause = r['verdicts'][0]['cause']
        return checks.that(what, cause in accusation_allowed, cause)
    return checks.that(what, result.returncode == 1 and errors and '\n' not in errors, f'exit {result.returncode}: {errors[:400]}')


def ask(program, dump, *paths, debug=None):
    arguments = ['report', *paths, '--format', 'json', '--only-given']
    if debug is not None:
        arguments += ['-d', debug]
    return lab_dumps.run(program, *arguments, timeout=300)


def copy_part(source, target, size):
    with open(source, 'rb') as a, open(target, 'wb') as b:
        while size > 0:
            piece = a.read(min(size, 1 << 20))
            if not piece:
                return
            b.write(piece)
            size -= len(piece)


def noise(path, start, size, seed):
    with open(path, 'r+b') as f:
        f.seek(start)
        f.write(random.Random(seed).randbytes(size))


def check_truncation(checks, program, dump, folder):
    source = dump.paths[0]
    size = source.stat().st_size
    for percent in (1, 50, 99):
        target = os.path.join(folder, f'cut{percent}')
        copy_part(source, target, size * percent // 100)
        answered(checks, f'{dump} cut at {percent} %', ask(program, dump, target, debug=dump.debug))
        os.unlink(target)


def check_noise(checks, program, dump, folder):
    """The bitmap, the descriptors, the pages of a kdump file, where its header says they are."""
    source = dump.paths[0]
    with open(source, 'rb') as f:
        head = f.read(4096)
    if head[:8] != b'KDUMP   ':
        return
    block, sub_blocks, bitmap_blocks = struct.unpack_from('<iii', head, 428)  # block_size, sub_hdr_size, bitmap_blocks of struct disk_dump_header
    bitmap = (1 + sub_blocks) * block
    descriptors = bitmap + bitmap_blocks * block
    places = {'bitmap': (bitmap, 4096), 'descriptors': (descriptors, 24 * 2000), 'pages': (source.stat().st_size // 2, 1 << 20), 'header': (block, 512)}
    for name, (start, size) in places.items():
        target = os.path.join(folder, 'noisy')
        shutil.copyfile(source, target)
        noise(target, start, size, name)
        answered(checks, f'{dump}: noise over the {name}', ask(program, dump, target, debug=dump.debug))
        os.unlink(target)


def main():
    program = sys.argv[1]
    checks = lab_dumps.Checks()
    with tempfile.TemporaryDirectory() as folder:
        empty, text, binary = (os.path.join(folder, n) for n in ('empty', 'text', 'binary'))
        open(empty, 'w').close()
        open(text, 'w').write('a letter to a friend\n')
        open(binary, 'wb').write(random.Random(1).randbytes(100000))
        result = lab_dumps.run(program, 'report', empty)
        checks.that('empty file', result.returncode == 1 and result.stderr.count(b'\n') == 1, result.stderr)
        result = lab_dumps.run(program, 'report', text, '--format', 'json')
        checks.that('a text without events', result.returncode == 0 and json.loads(result.stdout)['verdicts'][0]['cause'] == 'unknown', result.stderr)
        result = lab_dumps.run(program, 'report', binary)
        checks.that('noise', result.returncode == 1 and result.stderr.count(b'\n') == 1, result.stderr)
        result = lab_dumps.run(program, 'report', os.path.join(folder, 'missing'))
        checks.that('a missing file', result.returncode == 1 and result.stderr.count(b'\n') == 1, result.stderr)
        result = lab_dumps.run(program, 'report')
        checks.that('no input is wrong usage', result.returncode == 2, result.returncode)
        result = lab_dumps.run(program, 'log', text, '--events', '--format', 'json')
        checks.that('no events is an empty list', result.returncode == 0 and json.loads(result.stdout) == {'schema': 1, 'events': []}, result.stdout)

        dumps = lab_dumps.dumps(case='stid_race')
        by_form = {(d.arch, d.form): d for d in dumps if d.release.startswith('6.1.')}
        if not by_form:
            print('the lab has no dumps: the rest is left out')
            checks.finish()
        for key in (('x86_64', 'elf31'), ('x86_64', 'kdump-lzo31'), ('x86_64', 'kdump-zlib31'), ('x86_64', 'kdump-zlib'), ('aarch64', 'kdump-zlib')):
            if key in by_form:
                check_truncation(checks, program, by_form[key], folder)
                check_noise(checks, program, by_form[key], folder)
        check_debuginfo(checks, program, by_form, dumps, folder)
        split = by_form.get(('x86_64', 'split3'))
        if split:
            one = lab_dumps.report(program, split, paths=split.paths[:1])
            checks.that('one part finds the others', one['verdicts'][0]['cause'] == 'double-rcu-callback')
            alone = os.path.join(folder, 'vmcore.1')
            shutil.copyfile(split.paths[0], alone)
            answered(checks, 'one part alone', ask(program, split, alone, debug=split.debug))
    checks.finish()


def check_debuginfo(checks, program, by_form, dumps, folder):
    dump = by_form.get(('x86_64', 'kdump-lzo31'))
    if not dump:
        return
    answered(checks, 'no debuginfo at all', ask(program, dump, *dump.paths))
    other = next((d for d in dumps if d.arch == 'x86_64' and not d.release.startswith('6.1.')), None)
    foreign = next((d for d in dumps if d.arch == 'aarch64'), None)
    for name, wrong in (('another release', other), ('another architecture', foreign)):
        if not wrong:
            continue
        vmlinux = next(wrong.debug.rglob('vmlinux*'), None)
        if vmlinux:
            result = ask(program, dump, *dump.paths, debug=vmlinux)
            answered(checks, f'the vmlinux of {name}', result)
            said = (result.stdout + result.stderr).decode(errors='replace')
            checks.that(f'the vmlinux of {name} is refused, and that is said', 'build' in said or 'release' in said, said[-600:])
    if other:
        module = next(other.debug.rglob('nfsd.ko'), None)
        if module:
            answered(checks, 'a module of another kernel', ask(program, dump, *dump.paths, debug=module))


main()
