#!/usr/bin/env python3
"""Commands of the shell against each other: what `p`, `list`, `task`, `kmem` say must be what `ps`, `mod`, `sym` and `struct` say of the same memory.
usage: check_shell.py INQUEST"""
import re
import sys

import lab_dumps


class Asked:
    """One dump, asked; an answer is (standard output, standard error)."""

    def __init__(self, program, dump, checks):
        self.program, self.dump, self.checks = program, dump, checks

    def __call__(self, command):
        result = lab_dumps.run(self.program, 'shell', *self.dump.paths, '-d', self.dump.debug, '-c', command)
        return result.stdout.decode(errors='replace'), result.stderr.decode(errors='replace')

    def that(self, command, condition, answer):
        return self.checks.that(f'{self.dump}: `{command}`', condition, str(answer)[:500])

    def says(self, command, pattern):
        out, err = self(command)
        self.that(command, re.search(pattern, out), out + err)
        return out

    def refuses(self, command, words):
        out, err = self(command)
        self.that(command, not out.strip() and words in err and err.count('\n') == 1, out + err)


def tasks_of(ps):
    """(pid, address, comm) of every line."""
    for line in ps.splitlines():
        row = re.match(r'[> ] +(\d+) +\d+ +-?\d+ +([0-9a-f]{16}) +\S+ +\S+ +\d+ +\d+  (.*)', line)
        if row:
            yield int(row.group(1)), row.group(2), row.group(3).strip('[]')


def expressions(ask, tasks):
    address = ask.says('sym init_task', r'^[0-9a-f]{16} \(D\) init_task')[:16]
    ask.says('p &init_task', r'^\$1 = \(struct task_struct \*\) 0x' + address)
    ask.says('p *init_task.real_parent', r'^\$1 = \{\n')
    ask.says('p init_task.comm', r'"swapper/0')
    ask.says('p -x (char)(init_task.comm[0] + 1) & 0xff', r'^\$1 = 0x74\n')
    ask.says('p/x sizeof(struct list_head) << 4', r'^\$1 = 0x100\n')
    ask.says('p ((struct task_struct *)((char *)init_task.tasks.next - ((char *)&init_task.tasks - (char *)&init_task)))->pid', r'^\$1 = 1\n')
    for pid, at, comm in tasks[:3] + tasks[-3:]:
        ask.says(f'p ((struct task_struct *)0x{at})->comm', '"' + re.escape(comm))
        ask.says(f'p (*(struct task_struct *)0x{at}).pid', rf'^\$1 = {pid}\n')
    for wrong, words in (('p *5', '* needs a pointer'), ('p init_task.', 'name is missing'), ('p nosuch', 'no variable nosuch'), ('p (struct nosuch *)1', 'no struct nosuch'),
                         ('p *(struct page *)8', '0x8: 0x8 is'), ('p ' + '(' * 500, 'levels inside one another'), ('foreach nosuchname bt', 'no task is called nosuchname'),
                         ('list', 'where does the list start'), ('task 999999', 'no such task'), ('list list_head.nosuch modules', 'has no member nosuch')):
        ask.refuses(wrong, words)


def lists(ask, tasks):
    out, err = ask('list task_struct.tasks -s task_struct.pid,comm init_task')
    found = [(int(pid), at) for at, pid in re.findall(r'^([0-9a-f]{16})\n  pid = (\d+)$', out, re.M)]
    known = {(pid, at) for pid, at, _ in tasks}
    ask.that('list task_struct.tasks … init_task', len(found) > 10 and set(found) <= known and 'stopped' not in out, out + err)
    again, _ = ask('list -H &init_task.tasks -o task_struct.tasks')
    ask.that('list -H …', again.split() == [at for _, at in found[1:]], again)
    names = re.findall(r'name = "([^"\\]+)', ask('list -H modules -o module.list -s module.name')[0])
    loaded = re.findall(r'^[0-9a-f]{16}  (\S+)', ask('mod')[0], re.M)
    ask.that('list -H modules … is what `mod` says', sorted(names) == sorted(loaded) and loaded, f'{names} {loaded}')
    ask.says('list module.list modules', r'^[0-9a-f]{16}\n')


def tasks_and_caches(ask, tasks):
    pid, at, comm = next(t for t in tasks if t[0] == 1)
    ask.says('task 1', rf'TASK: {at} .*COMMAND: "{re.escape(comm)}"')
    ask.says('task 1', r'\n  parent +[0-9a-f]{16}  pid 0 ')
    ask.says(f'task -R pid,tgid {at}', r'\n  pid = 1\n  tgid = 1\n')
    signal = re.search(r'= 0x([0-9a-f]+)', ask(f'struct task_struct.signal {at}')[0]).group(1)
    told = ask.says(f'kmem {signal}', r'signal|kmalloc|UDP')
    cache = re.search(r'^([0-9a-f]{16}) +\d+  \S+$', told, re.M).group(1)
    shared = int(re.search(r'= (\d+)', ask(f'struct kmem_cache.refcount {cache}')[0]).group(1))
    ask.that('kmem tells merged caches', ('merged' in told) == (shared > 1), told)
    if shared > 1 and 'they are' in told:
        ask.that('kmem names those that share it', len(told.split('they are ')[1].split('\n')[0].split(', ')) == shared, told)
    ask.says(f'references {at} 10', r'-> ' + at)
    ask.says('callbacks delayed_work_timer_fn', r'code that ran at load time \(__init\) is gone and was not looked at\n$')


def queues(ask, init):
    """What runs by `runq` and by `ps`; timers and files by their commands and by their structures."""
    running = {line.split()[1] for line in ask('ps')[0].splitlines() if line.startswith('>')}
    told = ask('runq')[0]
    ask.that('runq', set(re.findall(r'CURRENT: PID: (\d+)', told)) == running and running, f'{running} {told}')
    ask.that('runq -c 0', ask('runq -c 0')[0].count('RUNQUEUE') == 1, '')
    ask.refuses('runq -c 4000', 'no such CPU')
    timers = re.findall(r'^ +(\d+) +(-?\d+)  ([0-9a-f]{16})  ([0-9a-f]{16})  <(\S+)', ask('timer')[0], re.M)
    ask.that('timer', len(timers) > 5 and all(not name.startswith('(') for *_, name in timers), timers)
    for expires, left, at, function, _ in timers[:3]:
        ask.says(f'struct timer_list.expires,function {at}', rf'  expires = {expires}\n  function = 0x{function} ')
        ask.says(f'p (long)({expires} - jiffies)', rf'^\$1 = {left}\n')
    table = re.findall(r'^ +(\d+) ([0-9a-f]{16}) ([0-9a-f]{16}) ([0-9a-f]{16}) (\S+) +(\S+)$', ask('files 1')[0], re.M)
    ask.that('files 1', {'0', '1', '2'} <= {row[0] for row in table} and all(row[5].startswith('/') for row in table), table)
    for fd, file, dentry, inode, *_ in table[:2]:
        ask.says(f'p ((struct task_struct *)0x{init})->files->fdt->fd[{fd}]', file)
        ask.says(f'p ((struct file *)0x{file})->f_path.dentry', dentry)
        ask.says(f'p ((struct dentry *)0x{dentry})->d_inode', inode)
    ask.says('files 1', r'\nROOT: /    CWD: /')


def main():
    program = sys.argv[1]
    checks = lab_dumps.Checks()
    found = [d for d in lab_dumps.dumps(form='elf') if d.case in ('stid_race', 'known_values')]
    if not found:
        lab_dumps.skip('the lab has no dumps')
    for dump in found:
        ask = Asked(program, dump, checks)
        tasks = list(tasks_of(ask('ps')[0]))
        if not checks.that(f'{dump}: ps', len(tasks) > 20, len(tasks)):
            continue
        expressions(ask, [t for t in tasks if t[0]])
        lists(ask, tasks)
        tasks_and_caches(ask, tasks)
        queues(ask, next(at for pid, at, _ in tasks if pid == 1))
    checks.finish()


main()
