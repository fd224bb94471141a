#!/usr/bin/env python3
"""Every claim's command, run through `inquest shell -c`, works and shows what the claim says: the values it names.
usage: check_commands.py INQUEST [--all]     --all: every dump of the casebook, not only those of `make check`"""
import re
import sys

import lab_dumps

sys.path.insert(0, str(lab_dumps.ROOT / 'lab'))
from kit.cases import casebook  # noqa: E402  (the path above comes first)


def tokens(evidence):
    """The values a reader would look for: addresses without 0x and leading zeroes."""
    for name in ('head', 'object_start', 'fault_address', 'address', 'next', 'call', 'milliseconds'):
        value = evidence['values'].get(name)
        if value and re.fullmatch(r'0x[0-9a-f]{5,}', value):
            yield value[2:]


def main():
    program = sys.argv[1]
    everything = '--all' in sys.argv[2:]
    checked = {case.name: case.check for case in casebook()}
    found = [d for d in lab_dumps.dumps() if not d.truth.get('casebook') and d.form in ('elf', 'kdump-lzo31')]
    found += [d for d in lab_dumps.dumps(form='kdump-zlib') if d.truth.get('casebook') and (everything or (d.truth['series'] == '6.1' and d.arch in checked.get(d.case, ())))]
    if not found:
        lab_dumps.skip('the lab has no dumps')
    checks = lab_dumps.Checks()
    for dump in found:
        r = lab_dumps.report(program, dump)
        for e in r['evidence']:
            result = lab_dumps.run(program, 'shell', *dump.paths, '-d', dump.debug, '-c', e['command'])
            out = result.stdout.decode(errors='replace')
            if not checks.that(f"{dump}: `{e['command']}`", result.returncode == 0 and out.strip(), result.stderr.decode(errors='replace')):
                continue
            for token in tokens(e):
                checks.that(f"{dump}: `{e['command']}` shows {token}", token in out, '\n' + e['claim'] + '\n' + out[:600])
    checks.finish()


main()
