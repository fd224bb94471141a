#!/usr/bin/env python3
"""The casebook's score: what `inquest report` says of each of its dumps, against what is true.

usage: score.py INQUEST [--kernel SERIES] [--arch ARCH] [--case CASE] [--form FORM] [--no-debuginfo] [--check]

Asks for a report on every dump of the casebook that the lab's cache holds (`make casebook` fills it), and prints a
line for each and the totals. `--check` takes the dozen that `make check` has and fails below bars.json."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'dumps'), str(HERE.parents[1] / 'lab')]
sys.dont_write_bytecode = True
import lab_dumps  # noqa: E402  (the paths above come first)
from kit.cases import casebook  # noqa: E402

SURE = 0.8  # a verdict of at least this confidence must not be wrong
PARTS = ('cause', 'object', 'member', 'cache', 'function', 'module', 'line', 'task')
NO_VERDICT = {'cause': 'no report', 'confidence': 0, 'object': {}, 'guilty': {}}


def bare(name):
    """`struct foo *` and `foo` are one type, `foo.constprop.0` and `foo` one function."""
    name = (name or '').replace('struct ', '').replace('*', '').strip()
    return name.partition('.')[0]


def judge(truth, verdict):
    """Each part of the answer: True, False, or None where the case has no such part."""
    thing, guilty = verdict.get('object') or {}, verdict.get('guilty') or {}
    want, who = truth.get('object') or {}, truth.get('guilty') or {}
    types = [thing.get('type'), *(thing.get('types') or [])]
    members = [member for member in [thing.get('member'), *(thing.get('members') or [])] if member]
    place = f"{os.path.basename(guilty.get('file') or '')}:{guilty.get('line')}"

    def named(key, holds):
        return any(holds(name) for name in want[key]) if want.get(key) else None

    return {
        'cause': verdict['cause'] in (truth.get('accepted') or [truth['cause']]),
        'object': named('type', lambda name: name in map(bare, types)),
        'member': named('member', lambda name: any(name == member or name in member.replace('->', '.').split('.') for member in members)),
        'cache': named('cache', lambda name: name == thing.get('cache')),
        'function': bare(guilty.get('function')) in who['functions'] if who.get('functions') else None,
        'module': (guilty.get('module') or '').strip('[]') == who['module'] if who.get('module') else None,
        'line': place in truth['guilty_lines'] if truth.get('guilty_lines') else None,
        'task': guilty.get('task') in who['task'] if who.get('task') else None,
    }


def ask(program, dump, options, scratch):
    """The first verdict, and the seconds it took."""
    debug = [] if options.no_debuginfo else ['-d', dump.debug]
    environment = dict(os.environ)
    if options.no_debuginfo:  # nothing to be found in an index of earlier runs, or on the network
        environment.update(INQUEST_CACHE=scratch, DEBUGINFOD_URLS='')
    start = time.monotonic()
    try:
        result = lab_dumps.run(program, 'report', *dump.paths, *debug, '--format', 'json', env=environment)
        seconds = time.monotonic() - start
        if result.returncode == 0:
            return json.loads(result.stdout)['verdicts'][0], seconds
        print(f'{dump}: exit {result.returncode}: {result.stderr.decode(errors="replace").strip()[:300]}')
    except subprocess.TimeoutExpired as error:
        print(f'{dump}: no report in {error.timeout} s')
    except (ValueError, KeyError, IndexError) as error:
        print(f'{dump}: the report cannot be read: {error!r}')
    return NO_VERDICT, time.monotonic() - start


def chosen(options):
    """The dumps to ask about: of cases whose sources are still those the dump was made of, newest release of each kernel."""
    cases = {case.name: case for case in casebook()}
    found = {}
    for dump in lab_dumps.dumps(form=options.form):
        truth, case = dump.truth, cases.get(dump.case)
        if not case or truth['fingerprint'] != case.fingerprint():
            continue
        if options.check and (truth['series'] != '6.1' or dump.arch not in case.check):
            continue
        if options.kernel in (None, truth['series']) and options.arch in (None, dump.arch) and options.case in (None, dump.case):
            truth.update(case.answer())  # the answer may be put better than when the dump was made
            found[truth['series'], dump.arch, dump.case] = dump
    return [found[key] for key in sorted(found)]


def row(dump, verdict, marks, seconds):
    signs = ' '.join({True: 'yes', False: 'NO ', None: '-  '}[marks[part]].ljust(len(part)) for part in PARTS)
    return (f"{dump.case:26} {dump.arch:8} {dump.truth['series']:5} {verdict['cause']:26} {verdict['confidence']:4.2f}  "
            f"{signs} {seconds:6.2f}")


def totals(results):
    """Percent right of those that have the part; verdicts that were sure and wrong; the median time."""
    score = {}
    for part in PARTS:
        marks = [marks[part] for _, _, marks, _ in results if marks[part] is not None]
        if marks:
            score[part] = round(100 * sum(marks) / len(marks), 1)
    score['sure_and_wrong'] = sum(1 for _, verdict, marks, _ in results if verdict['confidence'] >= SURE and not marks['cause'])
    sure = sum(1 for _, verdict, _, _ in results if verdict['confidence'] >= SURE)
    score['sure'] = sure
    score['median_seconds'] = round(statistics.median(seconds for *_, seconds in results), 2)
    score['longest_seconds'] = round(max(seconds for *_, seconds in results), 2)
    return score


def below(score, bars):
    """What falls short of the bars, in words."""
    short = [f'{part} {score[part]} %, wanted {bars[part]} %' for part in PARTS if part in bars and score.get(part, 100) < bars[part]]
    if score['sure_and_wrong'] > bars['sure_and_wrong']:
        short.append(f"{score['sure_and_wrong']} wrong verdicts of confidence {SURE} or more")
    return short


def parse():
    parser = argparse.ArgumentParser(description='The score of the casebook.')
    parser.add_argument('program', metavar='INQUEST')
    parser.add_argument('--kernel')
    parser.add_argument('--arch')
    parser.add_argument('--case')
    parser.add_argument('--form', default='kdump-zlib')
    parser.add_argument('--no-debuginfo', action='store_true', help='with what the dump itself holds: BTF and kallsyms')
    parser.add_argument('--check', action='store_true', help='the dozen of make check, against bars.json')
    parser.add_argument('--json', metavar='FILE', help='the same for programs')
    return parser.parse_args()


def main():
    options = parse()
    found = chosen(options)
    if not found:
        lab_dumps.skip('the lab has no dumps of the casebook: lab/lab make --set casebook-check')
    print(f"{'case':26} {'arch':8} {'on':5} {'verdict':26} conf  {' '.join(PARTS)} seconds")
    results = []
    with tempfile.TemporaryDirectory(prefix='inquest-score-') as scratch:
        for dump in found:
            verdict, seconds = ask(options.program, dump, options, scratch)
            results.append((dump, verdict, judge(dump.truth, verdict), seconds))
            print(row(*results[-1]), flush=True)
    score = totals(results)
    print(f"{len(results)} dumps: " + ', '.join(f'{part} {score[part]} %' for part in PARTS if part in score))
    print(f"verdicts of confidence {SURE} or more: {score['sure']}, of them wrong: {score['sure_and_wrong']}; "
          f"median {score['median_seconds']} s, longest {score['longest_seconds']} s")
    if options.json:
        rows = [{'case': d.case, 'arch': d.arch, 'kernel': d.truth['series'], 'verdict': v, 'right': m, 'seconds': s} for d, v, m, s in results]
        pathlib.Path(options.json).write_text(json.dumps({'dumps': rows, 'score': score}, indent=1) + '\n')
    short = below(score, json.loads((HERE / 'bars.json').read_text())) if options.check else []
    for text in short:
        print(f'below the bar: {text}')
    sys.exit(1 if short else 0)


if __name__ == '__main__':
    main()
