#!/usr/bin/env python3
"""`inquest triage` as a whole: the seed's crashes fall into the seed's groups; a kill loses nothing and repeats nothing; processes share.
usage: check_triage.py INQUEST"""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

SEED = pathlib.Path(__file__).parent / 'seed'
# The groups of the seed's section of stacks, with its dates.
GROUPS = [
    {'count': 3, 'first': '2023-05-18 09:46:52', 'last': '2024-01-05 09:05:11', 'title': 'nfs4_put_stid < nfsd4_cb_recall_release < nfsd4_run_cb_work',
     'members': ['2023-05-18-09:46:52', '2024-01-04-18:37:07', '2024-01-05-09:05:11']},
    {'count': 5, 'first': '2024-07-10', 'last': '2024-07-15', 'title': 'nfsd4_cb_recall_release < nfsd4_cb_release < rpc_free_task',
     'members': ['20240710', '20240712-104419', '20240712-105545', '20240713', '20240715']},
    {'count': 1, 'first': '2024-07-14 00:51:20', 'last': '2024-07-14 00:51:20', 'title': 'radix_tree_free_nodes', 'members': ['20240714-005120']},
    {'count': 3, 'first': '2024-07-11', 'last': '2024-07-14 14:52:04', 'title': 'with no warning before', 'members': ['20240711', '20240714-115213', '20240714-145204']},
]
failures = []


def check(what, holds, detail=''):
    if not holds:
        failures.append(what)
        print(f'FAILED: {what} {detail}', flush=True)


def triage(*arguments, expect=0):
    done = subprocess.run([sys.argv[1], 'triage', '--only-given', '--format', 'json', *map(str, arguments)], capture_output=True, text=True)
    check(f'exit status of triage {arguments}', done.returncode == expect, f'{done.returncode} {done.stderr[-300:]}')
    return json.loads(done.stdout) if done.stdout else {'groups': [], 'inputs': []}


def log_of(number):
    """A small log of its own: one of seven crashes, at its own time."""
    function = f'driver{number % 7}_release'
    return (f'[{1000 + number}.000001] BUG: unable to handle page fault for address: ffff88800{number:07x}\n'
            f'[{1000 + number}.000002] CPU: 1 PID: {number} Comm: worker Not tainted 6.1.0-{number % 3}-test #1\n'
            f'[{1000 + number}.000003] RIP: 0010:{function}+0x12/0x40 [driver]\n[{1000 + number}.000004] Call Trace:\n'
            f'[{1000 + number}.000005]  {function}_all+0x22/0x90 [driver]\n[{1000 + number}.000006]  do_exit+0x33/0xa0\n')


def recorded(catalogue):
    with sqlite3.connect(catalogue) as db:
        return [p for (p,) in db.execute('SELECT path FROM crash')]


def seed_groups(folder):
    catalogue = folder / 'seed.catalogue'
    first = triage('--catalogue', catalogue, SEED)
    check('four groups', len(first['groups']) == len(GROUPS), [g['group'] for g in first['groups']])
    for wanted in GROUPS:
        keys = {i['group'] for i in first['inputs'] if pathlib.Path(i['path']).stem in wanted['members']}
        check(f"{wanted['members']} are one group", len(keys) == 1, keys)
        group = next((g for g in first['groups'] if g['group'] in keys), {})
        for name in ('count', 'first', 'last'):
            check(f"{wanted['title']}: {name}", group.get(name) == wanted[name], group.get(name))
        check('title', wanted['title'] in group.get('title', ''), group.get('title'))
        check('all under one verdict', group.get('verdict') == 'double-rcu-callback', group.get('verdict'))
        check('new', group.get('state') == 'new')
    again = triage('--catalogue', catalogue, SEED)
    check('asked again, all are repeated', all(i['outcome'] == 'repeated' for i in again['inputs']))
    check('and known', all(g['state'] == 'known' and g['before'] == g['count'] for g in again['groups']))
    notes(folder, catalogue, first)


def notes(folder, catalogue, first):
    group = next(g for g in first['groups'] if g['count'] == 5)['group']
    noted = triage('--catalogue', catalogue, '--note', f'{group}=ticket 4711')
    check('a note is kept', next(g for g in noted['groups'] if g['group'] == group)['note'] == 'ticket 4711')
    later = folder / '20250101-120000.log'
    later.write_text((SEED / '20240713.log').read_text().replace('[1', '[8'))
    told = triage('--catalogue', catalogue, later)
    check('a later crash is known', told['inputs'][0]['outcome'] == 'known' and told['inputs'][0]['group'] == group, told['inputs'])
    check('since when, how often, which ticket', [told['groups'][0][k] for k in ('before', 'first', 'note')] == [5, '2024-07-10', 'ticket 4711'], told['groups'])
    report = json.loads(subprocess.run([sys.argv[1], 'report', '--only-given', '--format', 'json', '--catalogue', catalogue, later], capture_output=True).stdout)
    met = report['similar'][0] if report['similar'] else {}
    check('a report knows one\'s own crashes', met.get('source') == 'catalogue' and met.get('id') == group and any('4711' in a for a in met.get('agrees', [])), met)
    triage('--catalogue', catalogue, '--note', 'nosuchgroup=x', expect=1)


def two_processes(folder):
    logs = folder / 'thousand'
    logs.mkdir()
    for n in range(1000):
        (logs / f'{n}.log').write_text(log_of(n))
    catalogue = folder / 'shared.catalogue'
    command = [sys.argv[1], 'triage', '--only-given', '--jobs', '1', '--catalogue', catalogue, logs]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    for p in both:
        check('two processes at once', p.wait() == 0)
    paths = recorded(catalogue)
    check('1,000 inputs, each recorded once', len(paths) == 1000 and len(set(paths)) == 1000, len(paths))
    return logs


def killed(folder, logs):
    catalogue = folder / 'killed.catalogue'
    command = [sys.argv[1], 'triage', '--only-given', '--catalogue', catalogue, logs]
    for delay in (0.01, 0.05, 0.15, 0.3, 0.5):
        victim = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(delay)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
    last = triage('--catalogue', catalogue, logs)
    paths = recorded(catalogue)
    check('killed five times, nothing lost', len(set(paths)) == 1000, len(set(paths)))
    check('nothing repeated', len(paths) == 1000, len(paths))
    check('the last run tells of all', all(i['outcome'] in ('new', 'known', 'repeated') for i in last['inputs']))


def damage(folder):
    broken = folder / 'broken.catalogue'
    broken.write_bytes(b'z' * 8192)
    done = triage('--catalogue', broken, SEED, expect=1)
    check('a damaged catalogue costs only its memory', len(done['groups']) == len(GROUPS))
    mixed = folder / 'mixed'
    mixed.mkdir()
    (mixed / 'good.log').write_text(log_of(1))
    (mixed / 'readme').write_text('nothing happened here\n')
    (mixed / 'vmcore').write_bytes(b'KDUMP   ' + b'\x06' + bytes(4000))
    (mixed / 'junk').write_bytes(bytes(range(256)) * 64)
    outcomes = {pathlib.Path(i['path']).name: i['outcome'] for i in triage(mixed)['inputs']}
    check('each input by itself', outcomes == {'good.log': 'new', 'readme': 'no-crash', 'vmcore': 'failed', 'junk': 'no-crash'}, outcomes)


with tempfile.TemporaryDirectory() as name:
    seed_groups(pathlib.Path(name))
    killed(pathlib.Path(name), two_processes(pathlib.Path(name)))
    damage(pathlib.Path(name))
print('triage: ' + (f'{len(failures)} failed' if failures else 'ok'))
sys.exit(1 if failures else 0)
