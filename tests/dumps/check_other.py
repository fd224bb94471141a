#!/usr/bin/env python3
"""The lab's other cases: the cause is one of those its case.json accepts, and no healthy kernel is accused.
usage: check_other.py INQUEST"""
import json
import sys
import tempfile

import lab_dumps


def check_null_member(checks, dump, r):
    v = r['verdicts'][0]
    checks.that(f'{dump}: the struct', 'parcel_ring' in (v['object']['type'] or ''), v['object'])
    checks.that(f'{dump}: the member', 'head' in ' '.join(v['object']['members']), v['object'])
    checks.that(f'{dump}: the variable', 'ring' in v['summary'] or 'queue' in v['summary'], v['summary'])
    checks.that(f'{dump}: the line', v['guilty']['line'] and 'null_member.c' in (v['guilty']['file'] or ''), v['guilty'])
    checks.that(f'{dump}: confidence', v['confidence'] >= 0.8, v['confidence'])


def check_log_with_debuginfo(checks, program, dump):
    """The log alone, as somebody pastes it, with the vmlinux: the dump's lines and cause, with less confidence than the dump gives."""
    text = lab_dumps.run(program, 'log', *dump.paths)
    with tempfile.NamedTemporaryFile(suffix='.log') as log:
        log.write(text.stdout)
        log.flush()
        r = json.loads(lab_dumps.run(program, 'report', log.name, '-d', dump.debug, '--format', 'json').stdout)
    whole = lab_dumps.report(program, dump)
    v = r['verdicts'][0]
    checks.that(f'{dump}, its log with debuginfo: cause', v['cause'] == whole['verdicts'][0]['cause'], v['cause'])
    checks.that(f'{dump}, its log with debuginfo: confidence', 0.5 <= v['confidence'] < whole['verdicts'][0]['confidence'], v['confidence'])
    checks.that(f'{dump}, its log with debuginfo: guilty line', v['guilty']['line'] == whole['verdicts'][0]['guilty']['line'], v['guilty'])
    lines = [[(f.get('file'), f.get('line')) for f in e['frames']] for e in r['events']]
    wanted = [[(f.get('file'), f.get('line')) for f in e['frames']] for e in whole['events']]
    checks.that(f'{dump}, its log with debuginfo: lines', lines == wanted and lines[0] and lines[0][0][1], lines[:1])


def main():
    program = sys.argv[1]
    found = [d for d in lab_dumps.dumps() if d.case != 'stid_race' and not d.truth.get('casebook')]  # scored by tests/casebook
    if not found:
        lab_dumps.skip('the lab has no such dumps')
    checks = lab_dumps.Checks()
    for dump in lab_dumps.dumps(case='stid_race', form='kdump-lzo31') + lab_dumps.dumps(case='stid_race', arch='aarch64', form='kdump-zlib'):
        if '64k' not in dump.release:
            check_log_with_debuginfo(checks, program, dump)
    for dump in found:
        try:
            r = lab_dumps.report(program, dump)
        except (AssertionError, ValueError) as error:
            checks.that(f'{dump}: a report', False, error)
            continue
        v = r['verdicts'][0]
        accepted = dump.truth.get('accepted') or [dump.truth['cause']]
        checks.that(f'{dump}: cause', v['cause'] in accepted, f"{v['cause']} {v['confidence']:.2f}, accepted {accepted}")
        checks.that(f'{dump}: release', r['system']['release'] == dump.release)
        if dump.case == 'null_member':
            check_null_member(checks, dump, r)
        if v['cause'] == 'unknown':
            checks.that(f'{dump}: unknown accuses with no confidence', v['confidence'] == 0)
        print(f"{dump}: {v['cause']} {v['confidence']:.2f}", flush=True)
    checks.finish()


main()
