#!/usr/bin/env python3
"""Every claim's command, run through `inquest shell -c`, works and shows what the claim says: the values it names.
usage: check_commands.py INQUEST"""
import re
import sys

import lab_dumps


def tokens(evidence):
    """The values a reader would look for: addresses without 0x and leading zeroes."""
    for name in ('head', 'object_start', 'fault_address', 'address', 'next', 'call', 'milliseconds'):
        value = evidence['values'].get(name)
        if value and re.fullmatch(r'0x[0-9a-f]{5,}', value):
            yield value[2:]


def main():
    program = sys.argv[1]
    found = [d for d in lab_dumps.dumps() if d.form in ('elf', 'kdump-lzo31')]
    if not found:
        lab_dumps.skip('the lab has no dumps')
    checks = lab_dumps.Checks()
    for dump in found:
        r = lab_dumps.report(program, dump)
        evidence = {e['id']: e for e in r['evidence']}
        for i in r['verdicts'][0]['evidence']:
            e = evidence[i]
            result = lab_dumps.run(program, 'shell', *dump.paths, '-d', dump.debug, '-c', e['command'])
            out = result.stdout.decode(errors='replace')
            if not checks.that(f"{dump}: `{e['command']}`", result.returncode == 0 and out.strip(), result.stderr.decode(errors='replace')):
                continue
            for token in tokens(e):
                checks.that(f"{dump}: `{e['command']}` shows {token}", token in out, '\n' + e['claim'] + '\n' + out[:600])
    checks.finish()


main()
