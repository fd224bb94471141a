#!/usr/bin/env python3
"""What others know of the lab's crashes, asked of real mail: the thread of the same crash first, the patch it names among the first five with
what speaks for it, and whether that patch is in the kernel that died, by its marks.
usage: check_records.py INQUEST"""
import json
import subprocess
import sys
import tempfile

import lab_dumps

MAIL = lab_dumps.ROOT.parent / 'shared' / 'mail' / 'linux-nfs-2019-2020.bundle'
WILD = lab_dumps.ROOT.parent / 'shared' / 'oops' / 'wild' / '001.log'
THREAD = '76C32636621C40EC87811F625761F2AF@alyakaslap'
COUNTED, SLOT = '2bbfed98a4d8', 'e6abc8caa6de'   # "Fix races between nfsd4_cb_release() and …", "Don't release the callback slot unless …"


def place(fixes, commit):
    return next((i for i, f in enumerate(fixes) if (f['commit'] or '').startswith(commit)), None)


def check_thread_and_fix(checks, what, report, status):
    similar, fixes = report['similar'], report['fixes']
    first = 1 if status != 'missing' else 3  # that kernel dies on the same path, but of a NULL pointer
    checks.that(f'{what}: the thread of the same crash first', THREAD in [s['id'] for s in similar[:first]], [s['id'] for s in similar[:3]])
    checks.that(f'{what}: says what agrees', similar and similar[0]['agrees'])
    at, other = place(fixes, COUNTED), place(fixes, SLOT)
    if not checks.that(f'{what}: {COUNTED} among the first five', at is not None and at < 5, [f['title'] for f in fixes]):
        return
    fix = fixes[at]
    checks.that(f'{what}: above {SLOT}', other is None or at < other, (at, other))
    checks.that(f'{what}: reasons', fix['for'] and (fix['against'] or status == 'unknown'), fix)
    checks.that(f'{what}: a modest confidence', fix['score'] <= 0.6, fix['score'])
    checks.that(f'{what}: {status} in this kernel', fix['status'] == status, (fix['status'], fix['status_reason']))
    if status != 'unknown':
        checks.that(f'{what}: by the member it adds', any('cl_cb_inflight of nfs4_client' in m for m in fix['marks']), fix['marks'])


def main():
    program = sys.argv[1]
    if not MAIL.exists():
        lab_dumps.skip(f'{MAIL} is absent')
    checks = lab_dumps.Checks()
    with tempfile.TemporaryDirectory() as folder:
        repository, archive = f'{folder}/repository', f'{folder}/archive'
        subprocess.run(['git', 'clone', '-q', '--bare', str(MAIL), repository], check=True)
        added = lab_dumps.run(program, 'archive', 'add', archive, '--mail', repository)
        checks.that('archive add', added.returncode == 0, added.stderr)
        more = ['--archive', archive]
        wild = lab_dumps.run(program, 'report', WILD, '--format', 'json', *more)
        check_thread_and_fix(checks, 'wild/001.log', json.loads(wild.stdout), 'unknown')
        for dump in lab_dumps.dumps(case='stid_race', form='kdump-lzo31') + lab_dumps.dumps(case='stid_race', arch='aarch64', form='kdump-zlib'):
            if 'nfsd' not in dump.truth['modules']:
                continue  # the lab's own 64K-page kernel has none
            if dump.release.startswith('6.1.'):
                check_thread_and_fix(checks, dump, lab_dumps.report(program, dump, *more), 'present')
        before = lab_dumps.dumps(case='nfsd_before')
        for dump in before:
            check_thread_and_fix(checks, dump, lab_dumps.report(program, dump, *more), 'missing')
        found = lab_dumps.run(program, 'archive', 'search', archive, 'nfsd4_cb_release', 'nfsd4_shutdown_callback').stdout.decode()
        checks.that('archive search', 'Fix races between nfsd4_cb_release' in found, found[:400])
        if not before:
            print('no dump of nfsd_before: `lab/lab make --set check` makes it')
    checks.finish()


main()
