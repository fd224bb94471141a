#!/usr/bin/env python3
"""What the index cache, a dump without debuginfo, a search and huge machines promise, asked of the whole program.
usage: check_instant.py INQUEST"""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

import lab_dumps

sys.path.insert(0, str(lab_dumps.ROOT / 'lab'))
from kit import sparse  # noqa: E402

NOWHERE = {'DEBUGINFOD_URLS': ''}


def ask(program, *arguments, cache=None, timeout=300):
    environment = dict(os.environ, **NOWHERE, **({'INQUEST_CACHE': str(cache)} if cache else {}))
    return subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=timeout, env=environment)


def cause_of(result):
    return json.loads(result.stdout)['verdicts'][0]['cause'] if result.returncode == 0 else f'exit {result.returncode}: {result.stderr.decode(errors="replace")[:300]}'


def reporting(program, dump, cache):
    return ask(program, 'report', *dump.paths, '-d', dump.debug, '--only-given', '--format', 'json', cache=cache)


def check_cache(checks, program, dump, folder):
    """Whatever befalls the cache, the answer is the same, at worst later."""
    cache = folder / 'cache'
    right = cause_of(reporting(program, dump, cache))
    checks.that(f'{dump}: the cause', right == dump.truth['cause'], right)
    indexes = sorted(cache.glob('*.index'))
    checks.that('an index was kept', bool(indexes))
    chance = random.Random(3)
    for what in ('truncated', 'flipped', 'of another version', 'empty', 'noise'):
        for index in indexes:
            data = bytearray(index.read_bytes())
            if what == 'truncated':
                del data[len(data) // 2:]
            elif what == 'flipped':
                data[chance.randrange(len(data))] ^= 0x10
            elif what == 'of another version':
                data[8:16] = b'\xff' * 8
            elif what == 'empty':
                data.clear()
            else:
                data[:] = chance.randbytes(len(data))
            index.write_bytes(data)
        checks.that(f'index {what}: the same answer', cause_of(reporting(program, dump, cache)) == right)
    for place in ('/dev/null', '/proc/nowhere', folder / 'vmcore-is-no-folder'):
        if isinstance(place, pathlib.Path):
            place.write_text('a file')
        checks.that(f'INQUEST_CACHE={place}: the same answer', cause_of(reporting(program, dump, place)) == right)
    full = folder / 'full'
    full.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', full], capture_output=True).returncode == 0:
        try:
            checks.that('a full disk: the same answer', cause_of(reporting(program, dump, full)) == right)
            checks.that('a full disk: nothing half written stays', all(p.suffix == '.index' for p in full.iterdir()), str(list(full.iterdir())))
        finally:
            subprocess.run(['umount', full], check=True)
    shutil.rmtree(cache)
    command = [program, 'report', *map(str, dump.paths), '-d', str(dump.debug), '--only-given', '--format', 'json']
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ, INQUEST_CACHE=str(cache))) for _ in range(2)]
    outputs = [p.communicate()[0] for p in both]
    checks.that('two that index at once: both right', all(json.loads(o)['verdicts'][0]['cause'] == right for o in outputs))


def check_bare(checks, program, dump, folder):
    """No debuginfo: the cause all the same, functions named, no file invented, and what debuginfo would add."""
    result = ask(program, 'report', *dump.paths, '--only-given', '--format', 'json', cache=folder / 'none')
    cause = cause_of(result)
    checks.that(f'{dump}, no debuginfo: the cause', cause == dump.truth['cause'], cause)
    if result.returncode:
        return
    report = json.loads(result.stdout)
    checks.that(f'{dump}, no debuginfo: confidence', report['verdicts'][0]['confidence'] >= 0.6, str(report['verdicts'][0]['confidence']))
    named = [f for f in report['crashed']['frames'] if f.get('symbol')]
    checks.that(f'{dump}, no debuginfo: functions have names', len(named) >= 5, str(len(named)))
    unread = ' '.join(u['what'] + ' ' + u['why'] for u in report['unread'])
    typed = 'BTF, the kernel' not in unread
    tasks = report['system']['tasks']
    checks.that(f'{dump}, no debuginfo: tasks are counted, or not known without types', tasks > 20 if typed else tasks is None, str(tasks))
    modules = ask(program, 'shell', *dump.paths, '--only-given', '-c', 'mod').stdout.decode()
    checks.that(f'{dump}, no debuginfo: modules are listed', not typed or all(m in modules for m in dump.truth['modules']), modules[:300])
    checks.that(f'{dump}, no debuginfo: no file is invented', not any(f.get('file') for f in report['crashed']['frames']))
    checks.that(f'{dump}, no debuginfo: what it would add', 'Debuginfo would add' in unread and dump.release in unread, unread[:300])


def file_offset(program, dump, address):
    """Where a virtual address lies in an ELF dump."""
    text = ask(program, 'shell', *dump.paths, '--only-given', '-c', f'vtop {address:x}').stdout.decode()
    physical = int(re.search(rf'{address:x}\s+([0-9a-f]+)', text).group(1), 16)
    headers = subprocess.run(['readelf', '-lW', dump.paths[0]], capture_output=True, text=True, check=True).stdout
    for line in headers.splitlines():
        words = line.split()
        if words[:1] == ['LOAD'] and int(words[3], 16) <= physical < int(words[3], 16) + int(words[4], 16):
            return int(words[1], 16) + physical - int(words[3], 16)
    return None


def check_damaged_tables(checks, program, dump, folder):
    """BTF or kallsyms overwritten: what is left, said plainly."""
    notes = ask(program, 'shell', *dump.paths, '--only-given', '-c', 'sym __start_BTF', '-c', 'sym _stext').stdout.decode()
    with open(dump.paths[0], 'rb') as file:
        head = file.read(1 << 20)
    symbols = {name: int(value, 16) for name, value in re.findall(r'SYMBOL\((\w+)\)=([0-9a-f]+)', head.decode('latin-1'))}
    places = {'kallsyms': symbols.get('kallsyms_token_table')}
    if found := re.search(r'([0-9a-f]{16}) \(\w\) __start_BTF', notes):
        places['BTF'] = int(found.group(1), 16)
    for what, address in places.items():
        at = address and file_offset(program, dump, address)
        if not at:
            continue
        damaged = folder / 'damaged'
        shutil.copyfile(dump.paths[0], damaged)
        with open(damaged, 'r+b') as file:
            file.seek(at)
            file.write(b'\xa5' * 4096)
        result = ask(program, 'report', damaged, '--only-given', '--format', 'json')
        checks.that(f'{dump}, {what} damaged: a report', result.returncode == 0, result.stderr.decode(errors='replace')[:300])
        if result.returncode == 0:
            report = json.loads(result.stdout)
            checks.that(f'{dump}, {what} damaged: nothing is invented', report['verdicts'][0]['cause'] in (dump.truth['cause'], 'wild-call', 'unknown'), cause_of(result))
            checks.that(f'{dump}, {what} damaged: it says so', any(what in u['what'] + u['why'] for u in report['unread']), str(report['unread'])[:400])
        damaged.unlink()


def check_search(checks, program):
    """The same places in every form of one memory, each once."""
    answers = {}
    for form in ('kdump-lzo31', 'kdump-zlib31', 'elf31', 'split3'):
        for dump in lab_dumps.dumps(case='stid_race', arch='x86_64', form=form):
            value = next((v for k, v in dump.truth['facts'].items() if isinstance(v, str) and v.startswith('0xff')), None)
            if not value:
                continue
            text = ask(program, 'shell', *dump.paths, '--only-given', '-c', f'search {value[2:]}').stdout.decode()
            lines = text.splitlines()
            checks.that(f'{dump}: search finds something', bool(lines))
            checks.that(f'{dump}: each place once', len({line.split(':')[0] for line in lines}) == len(lines))
            checks.that(f'{dump}: every line has the value', all(value[2:] in line.split(':')[1] for line in lines), text[:300])
            answers.setdefault(dump.release, set()).add(text)
    for release, texts in answers.items():
        checks.that(f'{release}: all forms give the same places', len(texts) == 1)


def check_sizes(checks, program, folder):
    for size, page in (('512G', 65536), ('4T', 4096), ('24T', 4096)):
        path, memory = folder / size, sparse.parse_size(size)
        machine = sparse.write_sparse(path, memory, page)
        for physical in sparse.markers(memory, page)[::21]:
            address = machine.linear + physical
            text = ask(program, 'shell', path, '--only-given', '-c', f'vtop {address:x}', '-c', f'rd {address:x} 2', cache=folder / 'none').stdout.decode()
            checks.that(f'{size}: {address:x} translates', f'{address:x}  {physical:x}\n' in text, text[:300])
            checks.that(f'{size}: {address:x} reads', f'{sparse.MARKER:x} {physical:016x}' in text, text[:300])
        path.unlink()


def main():
    program = sys.argv[1]
    checks = lab_dumps.Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_sizes(checks, program, folder)
        check_search(checks, program)
        for case, form in (('stid_race', 'elf'), ('stid_race', 'kdump-lzo31'), ('null_member', 'elf')):
            for dump in lab_dumps.dumps(case=case, form=form):
                check_bare(checks, program, dump, folder)
        for dump in lab_dumps.dumps(case='stid_race', form='elf')[-2:]:
            check_damaged_tables(checks, program, dump, folder)
        for dump in lab_dumps.dumps(case='stid_race', arch='x86_64', form='kdump-lzo31')[-1:]:
            check_cache(checks, program, dump, folder)
    checks.finish()


main()
