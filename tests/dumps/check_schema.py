#!/usr/bin/env python3
"""The report's JSON against the contract of docs/report.md (schema 1): every field there with the right type, on dumps and on a text log; and that docs/report.md names every field.
usage: check_schema.py INQUEST"""
import json
import pathlib
import re
import sys

import lab_dumps

# A type is a Python type, a tuple of them, None for null, [type] for a list of, {name: type} for an object with at least these, MAP for names that are data.
NUMBER = (int, float)
ADDRESS = re.compile(r'0x[0-9a-f]+')
MAP = object()


def maybe(kind):
    return ('maybe', kind)


SOURCE = {'function': str, 'file': maybe(str), 'line': maybe(int)}
FRAME = {'address': maybe(ADDRESS), 'symbol': maybe(str), 'offset': int, 'size': int, 'module': maybe(str), 'reliable': bool, 'function': maybe(str), 'file': maybe(str),
         'line': maybe(int), 'inlined': [SOURCE]}
LOCAL = {'name': str, 'type': str, 'value': maybe(str)}
EVENT = {'id': re.compile(r'E\d+'), 'lines': [int], 'time': maybe(NUMBER), 'cpu': maybe(int), 'pid': maybe(int), 'comm': maybe(str), 'taint': maybe(str), 'kind': str, 'title': str,
         'alternates': [str], 'type': str, 'corrupted': bool, 'primary': bool, 'context': maybe(str), 'function': maybe(str), 'file': maybe(str), 'line': maybe(int),
         'guilty': {'function': maybe(str), 'file': maybe(str)}, 'signature': {'coarse': str, 'fine': str}, 'fault_address': maybe(ADDRESS), 'registers': (MAP, ADDRESS), 'frames': [FRAME]}
REPORT = {
    'schema': int,
    'dump': {'path': str, 'format': str, 'arch': maybe(str), 'page_size': maybe(int), 'partial': bool, 'dump_level': maybe(int), 'pages_stored': maybe(int), 'pages_filtered': maybe(int),
             'incomplete': bool},
    'system': {'kernel': maybe(str), 'cpus': maybe(int), 'date': maybe(int), 'uptime_seconds': maybe(NUMBER), 'load_average': maybe([NUMBER]), 'tasks': maybe(int), 'nodename': maybe(str),
               'release': maybe(str), 'version': maybe(str), 'machine': maybe(str), 'memory_bytes': maybe(int), 'panic': maybe(str), 'taints': [str]},
    'events': [EVENT],
    'crashed': maybe({'cpu': maybe(int), 'pid': maybe(int), 'comm': maybe(str), 'frames': [dict(FRAME, locals=[LOCAL])]}),
    'evidence': [{'id': re.compile(r'F\d+'), 'claim': str, 'origin': re.compile(r'log|register|memory|type|code|stack|graph'), 'command': str, 'values': (MAP, str)}],
    'verdicts': [{'cause': re.compile(r'[a-z]+(-[a-z]+)*'), 'confidence': NUMBER, 'summary': str,
                  'object': {'type': maybe(str), 'address': maybe(ADDRESS), 'member': maybe(str), 'cache': maybe(str)},
                  'guilty': {'function': maybe(str), 'file': maybe(str), 'line': maybe(int)}, 'evidence': [re.compile(r'F\d+')],
                  'alternatives': [{'cause': str, 'why_not': str}], 'would_settle': [str]}],
    'similar': [{'source': str, 'id': str, 'title': str, 'date': str, 'score': NUMBER}],
    'fixes': [{'commit': maybe(str), 'message_id': maybe(str), 'title': str, 'date': str, 'first_tag': maybe(str), 'status': re.compile('missing|present|unknown'), 'score': NUMBER,
               'for': [str], 'against': [str]}],
    'unread': [{'what': str, 'why': str}],
}


def faults(value, kind, where):
    if isinstance(kind, tuple) and kind[0] == 'maybe':
        return [] if value is None else faults(value, kind[1], where)
    if isinstance(kind, tuple) and kind[0] is MAP:
        if not isinstance(value, dict):
            return [f'{where}: {value!r} is no object']
        return [f for name, v in value.items() for f in faults(v, kind[1], f'{where}.{name}')]
    if isinstance(kind, re.Pattern):
        return [] if isinstance(value, str) and kind.fullmatch(value) else [f'{where}: {value!r} is not like {kind.pattern}']
    if isinstance(kind, list):
        if not isinstance(value, list):
            return [f'{where}: {value!r} is no list']
        return [f for i, v in enumerate(value) for f in faults(v, kind[0], f'{where}[{i}]')]
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return [f'{where}: {value!r} is no object']
        return [f'{where}.{name}: missing' for name in kind if name not in value] + [f for name in kind if name in value for f in faults(value[name], kind[name], f'{where}.{name}')]
    # True is an int to Python, not to a reader of JSON.
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return [] if right else [f'{where}: {value!r} is no {kind}']


def check_whole(checks, name, r):
    """What a type does not say."""
    checks.that(f'{name}: schema 1', r['schema'] == 1)
    known = {e['id'] for e in r['evidence']}
    checks.that(f'{name}: a verdict', len(r['verdicts']) > 0)
    for v in r['verdicts']:
        checks.that(f'{name}: the evidence of {v["cause"]} is there', set(v['evidence']) <= known, v['evidence'])
        checks.that(f'{name}: confidence from 0 to 1', 0 <= v['confidence'] <= 1, v['confidence'])
    order = [v['confidence'] for v in r['verdicts']]
    checks.that(f'{name}: the best verdict first', order == sorted(order, reverse=True), order)
    checks.that(f'{name}: lines are two', all(len(e['lines']) == 2 and 1 <= e['lines'][0] <= e['lines'][1] for e in r['events']))
    load = r['system']['load_average']
    checks.that(f'{name}: three load averages', load is None or len(load) == 3, load)


def check_docs(checks):
    documented = (lab_dumps.ROOT / 'docs' / 'report.md').read_text()

    def names(kind):
        if isinstance(kind, tuple):
            kind = kind[1] if kind[0] == 'maybe' else {}
        if isinstance(kind, list):
            return names(kind[0])
        if isinstance(kind, dict):
            return [n for name, k in kind.items() for n in [name, *names(k)]]
        return []
    for name in names(REPORT):
        checks.that(f'docs/report.md tells of `{name}`', f'`{name}`' in documented)


def main():
    program = sys.argv[1]
    checks = lab_dumps.Checks()
    check_docs(checks)
    inputs = [(str(d), [*d.paths, '-d', d.debug]) for d in lab_dumps.dumps(case='stid_race')[:2] + lab_dumps.dumps(case='null_member')[:1]]
    if not inputs:
        print('no dump in the lab: only logs are checked')
    inputs += [(log.name, [log]) for log in (lab_dumps.ROOT / 'tests' / 'html' / 'hostile.log', lab_dumps.ROOT / 'LICENSE')]
    for name, arguments in inputs:
        for wanted, command in ((REPORT, ['report', *arguments, '--format', 'json']), ({'schema': int, 'events': [EVENT]}, ['log', *arguments, '--events', '--format', 'json'])):
            done = lab_dumps.run(program, *command)
            if not checks.that(f'{name}: {command[0]} exits with 0', done.returncode == 0, done.stderr.decode(errors='replace')):
                continue
            r = json.loads(done.stdout.decode())
            wrong = faults(r, wanted, command[0])
            checks.that(f'{name}: {command[0]} keeps the contract', not wrong, '\n  '.join(wrong[:20]))
            if wanted is REPORT and not wrong:
                check_whole(checks, name, r)
            if name == 'LICENSE':
                checks.that('a file without an event has an empty list of them', r['events'] == [], r['events'])
    # The checker itself can fail.
    checks.that('a wrong type is seen', faults({'schema': '1'}, {'schema': int}, 'x') and faults({'a': True}, {'a': int}, 'x') and faults({}, {'a': int}, 'x'))
    checks.finish()


main()
