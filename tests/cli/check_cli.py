#!/usr/bin/env python3
"""The command line's manners: exit statuses, errors of one line, files written whole, help that teaches, a prompt that works; and that the man page and the completion tell
of every command and option there is.
usage: check_cli.py INQUEST"""
import os
import pathlib
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'dumps'))
import lab_dumps  # noqa: E402

LOG = ROOT / 'tests' / 'html' / 'hostile.log'
COMMANDS = ['report', 'shell', 'log', 'symbolize', 'index', 'archive', 'archive add', 'archive search', 'triage']


def run(program, *arguments, **more):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=60, **{'stdin': subprocess.DEVNULL, **more})


def check_status(checks, program, work):
    def ends(status, *arguments, says='', **more):
        done = run(program, *arguments, **more)
        what, err = ' '.join(map(str, arguments)), done.stderr.decode(errors='replace')
        checks.that(f'`{what}` ends with {status}', done.returncode == status, f'{done.returncode} {err}')
        if status:
            checks.that(f'`{what}`: one line on stderr, nothing on stdout', err.count('\n') == 1 and err.startswith('inquest') and not done.stdout, [done.stdout[:200], err])
        checks.that(f'`{what}` says {says!r}', says in err, err)
        return done

    ends(0, '--help'), ends(0, '--version')
    ends(2, says='inquest --help')
    ends(2, 'frobnicate', says='no such command: frobnicate')
    for command in ('report', 'shell', 'log', 'index', 'archive', 'archive add', 'archive search'):
        ends(2, *command.split(), says=f'inquest {command} --help')
    ends(2, 'report', LOG, '--nope', says='--nope')
    ends(2, 'report', LOG, '--format', 'xml', says='xml')
    ends(2, 'triage')
    for command in ('report', 'shell', 'log', 'index'):
        ends(1, command, work / 'missing', says='No such file')
    (work / 'empty').write_bytes(b'')
    (work / 'binary').write_bytes(bytes(range(256)) * 64)
    ends(1, 'report', work / 'empty', says='empty')
    ends(1, 'report', work / 'binary')
    ends(1, 'report', work, says=str(work))
    ends(1, 'report', '-', stdin=subprocess.DEVNULL, says='empty')
    ends(1, 'symbolize', '-d', work / 'missing', 'f+0x1', says='missing')
    ends(1, 'report', LOG, '--source', work / 'missing', says='--source')
    ends(1, 'archive', 'search', work / 'missing', 'word', says='missing')
    checks.that('a search makes no archive', not (work / 'missing').exists())
    ends(1, 'shell', LOG, '-c', 'rd 10', says='log')
    ends(1, 'shell', LOG, '-c', 'frobnicate', says='help')
    ends(0, 'report', LOG), ends(0, 'log', LOG), ends(0, 'log', LOG, '--events'), ends(0, 'shell', LOG, '-c', 'events')
    ends(0, 'report', ROOT / 'LICENSE')
    with open(LOG, 'rb') as log:
        checks.that('a log on standard input', b'double-rcu-callback' in ends(0, 'report', '-', stdin=log).stdout)


def check_files(checks, program, work):
    out = work / 'report.out'
    for form in ('text', 'markdown', 'html', 'json'):
        done = run(program, 'report', LOG, '--format', form, '-o', out)
        checks.that(f'-o with {form} writes the file and nothing else', done.returncode == 0 and not done.stdout and out.stat().st_size > 500, done.stderr)
        checks.that(f'{form} is the same on standard output', run(program, 'report', LOG, '--format', form).stdout == out.read_bytes())
        checks.that(f'{form}: no escape byte where there is no terminal', b'\x1b' not in out.read_bytes())
    before = out.read_bytes()
    checks.that('no temporary file stays', sorted(p.name for p in work.glob('report.out*')) == ['report.out'])
    done = run(program, 'report', work / 'missing', '-o', out)
    checks.that('a failure leaves the old file', done.returncode == 1 and out.read_bytes() == before)
    done = run(program, 'report', LOG, '-o', work / 'no' / 'such' / 'folder')
    checks.that('a missing folder is an error of one line', done.returncode == 1 and done.stderr.count(b'\n') == 1 and not (work / 'no').exists(), done.stderr)
    done = run(program, 'report', LOG, '-o', '/dev/null')
    checks.that('/dev/null stays what it is', done.returncode == 0 and stat.S_ISCHR(os.stat('/dev/null').st_mode))
    link = work / 'link'
    link.symlink_to(out)
    run(program, 'report', LOG, '-o', link)
    checks.that('behind a link the file is written', link.is_symlink() and out.read_bytes().startswith(b'Verdict'))
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([program, 'report', LOG], stdout=full, stderr=subprocess.PIPE, timeout=60)
    checks.that('a full disk is an error', done.returncode == 1 and b'standard output' in done.stderr, done.stderr)


def check_source(checks, program, work):
    tree = work / 'linux'
    (tree / 'lib').mkdir(parents=True)
    (work / 'secret.c').write_text('secret\n' * 50)
    (tree / 'lib' / 'twig.c').write_text(''.join(f'line {n} of <twig>\n' for n in range(1, 30)))
    log = work / 'warning.log'
    for place, quoted in (('lib/twig.c:12', True), ('../secret.c:12', False), (f'{work}/secret.c:12', False), ('lib/twig.c:900', False), ('lib/none.c:1', False)):
        log.write_text(LOG.read_text().replace('lib/<script>window.pwned=3</script>.c:12', place))
        text = run(program, 'report', log, '--source', tree, '--format', 'html').stdout.decode()
        checks.that(f'--source: {place} is {"quoted" if quoted else "not quoted"}', ('line 12 of &lt;twig&gt;' in text) == quoted and 'secret\n' not in text)


def check_help(checks, program):
    options = {}
    man = (ROOT / 'man' / 'inquest.1').read_text().replace('\\-', '-')
    for command in COMMANDS:
        text = run(program, *command.split(), '--help').stdout.decode()
        checks.that(f'{command} --help teaches by example', f'Examples:\n  inquest {command}' in text or f'  inquest {command} ' in text, text)
        options[command] = re.findall(r'^ +(?:(-\w),)?(--[\w-]+)', text, re.M)
        for short, long in options[command]:
            if long != '--help':
                checks.that(f'the man page tells of {command} {long}', long in man and (not short or short in man))
        checks.that(f'the man page tells of {command}', f'inquest {command}' in man)
    listed = run(program, '--help').stdout.decode()
    for command in COMMANDS:
        if ' ' not in command:
            checks.that(f'--help lists {command}', re.search(rf'^  {command} +\S', listed, re.M))
    shell = run(program, 'shell', LOG, '-c', 'help').stdout.decode()
    for name in re.findall(r'^  (\S+)', shell, re.M):
        checks.that(f'help {name} teaches', name in ('help', 'quit') or 'usage: ' in run(program, 'shell', LOG, '-c', f'help {name}').stdout.decode())
    known = {name for list_ in options.values() for pair in list_ for name in pair if name} | {'--version', '-l', '-xo'}
    told = set(re.findall(r'(?<![\w-])(--?[a-z][a-z-]*)', re.sub(r'\\f[A-Z]', '', man)))
    checks.that('the man page tells of no option that is not there', told <= known, told - known)
    return options


def check_completion(checks, program, options):
    def offers(*words):
        script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _inquest; printf "%s\\n" "${COMPREPLY[@]}"'
        return subprocess.run(['bash', '-c', script, 'bash', ROOT / 'completion' / 'inquest.bash', program, *words], capture_output=True, timeout=30).stdout.decode().split()

    commands = offers('')
    for command in COMMANDS:
        if ' ' not in command:
            checks.that(f'completion offers {command}', command in commands, commands)
        for short, long in options[command]:
            checks.that(f'completion offers {command} {long}', long in offers(*command.split(), '-'), offers(*command.split(), '-'))
    checks.that('completion of a begun command', offers('rep') == ['report'], offers('rep'))
    checks.that('completion of archive', set(offers('archive', '')) >= {'add', 'search'}, offers('archive', ''))
    checks.that('completion of a format', set(offers('report', '--format', '')) == {'text', 'markdown', 'html', 'json'}, offers('report', '--format', ''))
    checks.that('completion of triage formats', set(offers('triage', '--format', '')) == {'text', 'json'}, offers('triage', '--format', ''))
    checks.that('completion of files', any(o.endswith('LICENSE') for o in offers('report', str(ROOT) + '/LIC')), offers('report', str(ROOT) + '/LIC'))


class Terminal:
    """The program on a pseudo terminal."""

    def __init__(self, home, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=str(home), TERM='xterm', COLUMNS='100')
            os.execv(command[0], [str(c) for c in command])
        self.seen = ''

    def wait_for(self, text, seconds=20):
        end = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode(errors='replace')
                except OSError:
                    break
        found = text in self.seen
        self.seen = self.seen.split(text, 1)[-1] if found else self.seen
        return found

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, seconds=20):
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            self.wait_for('\0', 0.1)
        os.kill(self.pid, signal.SIGKILL)
        return None


def check_prompt(checks, program, work):
    t = Terminal(work, program, 'shell', LOG)
    checks.that('the prompt comes', t.wait_for('inquest> '), t.seen)
    t.type('event E1\n')
    checks.that('a command answers', t.wait_for('drop_node') and t.wait_for('inquest> '), t.seen)
    t.type('frobnicate\n')
    checks.that('a wrong one is told and the prompt returns', t.wait_for('no such command') and t.wait_for('inquest> '), t.seen)
    t.type('eve')
    t.type('\t')
    checks.that('tab lists what fits', t.wait_for('events'), t.seen)
    t.type('nts\n')
    checks.that('and the line goes on', t.wait_for('E2') and t.wait_for('inquest> '), t.seen)
    # A key that comes while the prompt sets the terminal may be lost to it, as with any line editor: so a pause, and further tries.
    time.sleep(0.5)
    t.type('half a line')
    given_up = False
    for _ in range(4):
        time.sleep(0.3)
        t.type('\x03')
        given_up = given_up or t.wait_for('inquest> ')
        if given_up:
            break
    checks.that('Ctrl-C gives the line up', given_up, t.seen)
    time.sleep(0.5)
    t.type('\x1b[A\n')
    checks.that('the arrow brings the last line back', t.wait_for('E2') and t.wait_for('inquest> '), t.seen)
    t.type('quit\n')
    checks.that('quit leaves with 0', t.end() == 0)
    checks.that('history is kept', 'frobnicate' in (work / '.inquest_history').read_text())
    status = None
    for _ in range(4):
        t = Terminal(work, program, 'shell', LOG)
        checks.that('it opens again', t.wait_for('inquest> '), t.seen)
        time.sleep(0.7)
        t.type('\x04')
        status = t.end(seconds=8)
        if status == 0:
            break
    checks.that('Ctrl-D leaves with 0', status == 0, t.seen)
    t = Terminal(work, program, 'report', LOG)
    checks.that('colours on a terminal', t.wait_for('\x1b[1m'), t.seen[:200])
    t.end()


def main():
    program = os.path.abspath(sys.argv[1])
    checks = lab_dumps.Checks()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        check_status(checks, program, work)
        check_files(checks, program, work)
        check_source(checks, program, work)
        check_completion(checks, program, check_help(checks, program))
        check_prompt(checks, program, work)
    checks.finish()


main()
