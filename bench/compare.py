#!/usr/bin/env python3
"""What inquest, crash and drgn say of the same dumps, case by case: docs/comparison.md. Never a test.
usage: bench/compare.py [--no-crash] [--save DIR] [CASE ...]

The peers are judged kindly: a mark only asks that the name stands somewhere in what they printed, not that it is named as the
answer, and crash is given the commands (and the addresses) that someone who knows the answer would type. inquest is judged by
its first verdict as the casebook's score does. Times are CPU seconds (user and system), which a busy machine does not stretch."""
import argparse
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / 'tests' / 'dumps'), str(ROOT / 'tests' / 'casebook')]
sys.dont_write_bytecode = True
import lab_dumps  # noqa: E402  (the paths above come first)
import score  # noqa: E402

MARK = 7700770077  # printed before each command of crash: a quiet crash echoes none
INQUEST = ROOT / 'build' / 'inquest'

# As `kmem` marks an object that is free: it stands under the heading without brackets.
FREE = r'FREE / \[ALLOCATED\]\n +[0-9a-f]|use.after.free'
OWNER = 'p ((struct task_struct *)(((struct {0} *){{{1}}})->{2}.owner.counter & ~7UL))->comm'

# For each case: the commands after `mod -s`; words that would state the cause; who did it, where the victim is another.
CASES = {
    'null_helper': (['log | grep BUG:', 'bt -l', 'dis -l scan_station', 'struct radio_station {station}', 'struct radio_link -o'], r'NULL pointer', []),
    'uaf_poison': (['bt -l', 'dis -l beacon_report', 'struct beacon {beacon}', 'kmem {beacon}', 'rd -s {beacon} 64'],
                   FREE, ['beacon_retire', 'retire_work']),
    'double_free': (['bt -l', 'dis -l book_release', 'kmem {page}'], FREE + '|double.free', ['book_close']),
    'list_double_del': (['bt -l', 'log | grep list_del', 'struct visitor {visitor}', 'kmem {visitor}'], r'list_del corruption', []),
    'refcount_below_zero': (['bt -l', 'log | grep refcount_t', 'dis -l lease_revoke', 'struct lease {lease}'], r'underflow', []),
    'double_call_rcu': (['bt -l', 'dis -l rcu_do_batch', 'kmem {route}', 'struct route {route}'], FREE + '|twice', ['route_release']),
    'overflow_neighbour': (['bt -l', 'dis -l listener_notify', 'struct tap_listener {listener}', 'kmem {listener}', 'rd -8 {listener} 64'],
                           r'overflow|out.of.bounds|overwritten', ['frame_fill']),
    'bit_flip': (['bt -l', 'dis -l grove_count.isra.0', 'struct grove_tree {tree}', 'kmem {right_pointer}'], r'flip', []),
    'cleared_by_other_task': (['bt -l', 'dis -l track_dispatch.isra.0', 'struct yard_track {track}', 'foreach bt -l'],
                              r'\brace\b|\bcleared\b', ['track_clear']),
    'deadlock_two_mutexes': (['foreach UN bt -l', 'log | grep -A 24 blocked', 'struct berth {first}', 'struct berth {second}',
                              OWNER.format('berth', 'first', 'gate'),
                              OWNER.format('berth', 'second', 'gate'), 'dis -l shuttle_deliver'],
                             r'deadlock', ['shuttle_deliver']),
    'holder_asleep': (['foreach UN bt -l', 'log | grep -A 24 blocked', 'struct kiln_bus {bus}', OWNER.format('kiln_bus', 'bus', 'access'), 'ps | grep kiln'],
                      r'\bheld\b|\bholder\b', ['kiln_await_target']),
    'spinlock_held_looping': (['bt -a -l', 'log | grep stuck', 'struct plaza {plaza}', 'dis -l plaza_release'], r'soft lockup', ['plaza_release']),
    'stack_overflow_recursion': (['log | grep guard', 'bt -l'], r'guard page was hit', []),
    'oom_slab_leak': (['log | grep -i memory', 'kmem -i', 'kmem -s | sort -nk5 | tail -3'], r'leak', ['call_connect', 'call_disconnect']),
}

DRGN = '''
import sys
from drgn import Program
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import task_state_to_char
prog = Program()
prog.set_core_dump(sys.argv[1])
prog.load_debug_info(sys.argv[3:])
traces = [prog.crashed_thread().stack_trace()]
for task in for_each_task(prog):  # what a person asks next: who else is on a CPU, who is blocked
    if task.on_cpu or task_state_to_char(task) == 'D':
        traces.append(prog.stack_trace(task))
for trace in traces:
    print(trace)
for frame in (frame for trace in traces for frame in trace):
    if sys.argv[2] + '.c' in str(frame):  # the module's frames: those whose values are worth asking for
        for name in frame.locals():
            try:
                print(name, '=', frame[name])
            except Exception as error:
                print(name, 'has no value:', error)
'''


def run(arguments, **more):
    """Exit status, what was printed on both streams, CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, done.stdout.decode(errors='replace'), seconds


def word(names, text):
    return any(re.search(rf'(?<![\w.]){re.escape(name)}(?!\w)', text) for name in names)


def stands_in(text, truth, cause, culprits):
    """The kind judgement: which parts of the answer can be read anywhere in the text."""
    text = re.sub(r'\S*casebook/\w+/', '', text)  # the names of the folders give answers away
    thing = truth.get('object') or {}
    lines = [re.escape(place).replace(':', r'(:|: |, line )') + r'(?!\d)' for place in truth.get('guilty_lines') or []]
    return {
        'function': word(truth['guilty'].get('functions') or [], text),
        'line': any(re.search(line, text) for line in lines),
        'type': word(thing['type'], text) if thing.get('type') else None,
        'member': word(thing['member'], text) if thing.get('member') else None,
        'cause': bool(re.search(cause, text, re.I)),
        'culprit': word(culprits, text) if culprits else None,
    }


def inquest(dump, culprits):
    arguments = [INQUEST, 'report', *dump.paths, '-d', dump.debug, '--format', 'json']
    run(arguments)  # leaves the index behind: the next is warm
    status, text, seconds = run(arguments)
    if status != 0:
        return None, seconds, text
    verdict = json.loads(text)['verdicts'][0]
    marks = score.judge(dump.truth, verdict)
    marks = {'function': marks['function'], 'line': marks['line'], 'type': marks['object'], 'member': marks['member'], 'cause': marks['cause'],
             'culprit': word(culprits, json.dumps(verdict)) if culprits else None}
    return marks, seconds, text


def crash(dump, vmlinux, module, commands, judge):
    """Marks for what `bt` alone prints, and for all of the commands."""
    with tempfile.TemporaryDirectory() as folder:
        facts = dump.truth['facts']
        steps = [f'mod -s {module.stem} {module}', *(command.format(**facts) for command in commands)]
        marked = ['bt', *steps]
        script = pathlib.Path(folder, 'commands')
        script.write_text(''.join(f'p {MARK}\n{step}\n' for step in marked) + 'quit\n')
        status, text, seconds = run(['nice', '-n', '5', 'crash', '-s', '-i', script, vmlinux, dump.paths[0]])
    if status != 0:
        return None, None, seconds, text
    parts = re.split(rf'^\$\d+ = {MARK}$', re.sub(r'^crash> .*$', '', text, flags=re.M), flags=re.M)[1:]
    return judge(''.join(parts[:1])), judge(''.join(parts)), seconds, text


def drgn(dumps, vmlinux, module, judge):
    """The first form it opens: (form, marks, seconds, text)."""
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, 'trace.py')
        script.write_text(DRGN)
        for dump in dumps:
            status, text, seconds = run(['/usr/bin/python3', script, dump.paths[0], module.stem, vmlinux, module])
            if status == 0 or 'not an ELF core file' not in text:
                break
    return dump.form, judge(text) if status == 0 else None, seconds, text


def shown(marks):
    if marks is None:
        return 'failed'
    return ' '.join({True: 'yes', False: 'no', None: '-'}[mark].ljust(8) for mark in marks.values())


def compare(dump, filtered, options):
    commands, cause, culprits = CASES[dump.case]
    vmlinux, module = next(dump.debug.rglob('vmlinux*')), next(dump.debug.rglob(dump.truth['module'] + '.ko'))

    def judge(text):
        return stands_in(text, dump.truth, cause, culprits)

    def line(tool, form, seconds, count, marks, text):
        print(f'{dump.case:25} {tool:12} {form:11} {seconds:7.2f} {count:8} {shown(marks)}', flush=True)
        if options.save:
            pathlib.Path(options.save, f'{dump.case}.{tool.replace(" ", "-")}').write_text(text)

    marks, seconds, text = inquest(dump, culprits)
    line('inquest', dump.form, seconds, 1, marks, text)
    form, marks, seconds, text = drgn([dump, *filtered], vmlinux, module, judge)
    line('drgn', form, seconds, 3, marks, text)
    if not options.no_crash:
        alone, rest, seconds, text = crash(dump, vmlinux, module, commands, judge)
        line('crash bt', dump.form, seconds, 1, alone, text)
        line('crash', dump.form, seconds, 1 + len(commands) + (not any(c.startswith('bt') for c in commands)), rest, text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('cases', nargs='*', metavar='CASE', default=list(CASES))
    parser.add_argument('--no-crash', action='store_true', help='crash takes ten CPU seconds for each case')
    parser.add_argument('--save', metavar='DIR', help='keep what each tool printed')
    options = parser.parse_args()
    if options.save:
        os.makedirs(options.save, exist_ok=True)
    print(f"{'case':25} {'tool':12} {'form':11} {'CPU s':>7} commands function line     type     member   cause    culprit")
    for case in options.cases:
        found = {form: [d for d in lab_dumps.dumps(case=case, arch='x86_64', form=form) if d.truth['series'] == '6.1']
                 for form in ('kdump-zlib', 'filtered31')}
        if found['kdump-zlib']:
            compare(found['kdump-zlib'][-1], found['filtered31'][-1:], options)
        else:
            print(f'{case}: no dump; lab/lab make {case} --form kdump-zlib,filtered31', flush=True)


main()
