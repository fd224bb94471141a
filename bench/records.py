#!/usr/bin/env python3
"""Archives of mail and commits against git and notmuch on the same messages: prints the table of docs/records.md.
usage: records.py MAIL_REPOSITORY [--git REPOSITORY] [--times N] [--no-notmuch] [--folder DIR]

--times N: the list N times over (Message-IDs made anew), to see what a query costs over so many messages. Peers that are not installed are left out,
which is said. Processor seconds and wall seconds: the machine may be busy."""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
INQUEST = ROOT / 'build' / 'inquest'
QUERIES = ['nfsd4_cb_release', 'nfs4_put_stid idr_remove', 'rpc_wait_bit_killable', 'refcount underflow nfsd_file_free', 'svc_destroy',
           'use-after-free delegation race', 'nfs_lock_and_join_requests', 'xprt_calc_majortimeo shift-out-of-bounds', 'remove_proc_entry nfsd', 'nfsd4_shutdown_callback']


def messages(repository):
    commits = subprocess.run(['git', '-C', repository, 'rev-list', '--reverse', 'HEAD'], capture_output=True, check=True).stdout.split()
    reader = subprocess.Popen(['git', '-C', repository, 'cat-file', '--batch', '--buffer'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=lambda: (reader.stdin.write(b''.join(c + b':m\n' for c in commits)), reader.stdin.close()), daemon=True).start()
    while line := reader.stdout.readline():
        if line.rstrip().endswith(b'missing'):
            continue
        yield reader.stdout.read(int(line.split()[2]))
        reader.stdout.read(1)


def multiply(repository, times, into):
    """The list `times` over as one public-inbox repository."""
    subprocess.run(['git', 'init', '-q', '--bare', into], check=True)
    writer = subprocess.Popen(['git', '-C', into, 'fast-import', '--quiet'], stdin=subprocess.PIPE)
    name = re.compile(rb'<([^<>\s@]+@[^<>\s]+)>')
    for copy in range(times):
        for number, raw in enumerate(messages(repository)):
            head, body = raw[:raw.find(b'\n\n')], raw[raw.find(b'\n\n'):]
            lines = [name.sub(rb'<%d-\1>' % copy, line) if line[:1] in b' \t' or line.lower().startswith((b'message-id', b'references', b'in-reply')) else line for line in head.split(b'\n')]
            raw = b'\n'.join(lines) + body
            writer.stdin.write(b'commit refs/heads/master\ncommitter a <a@x> %d +0000\ndata 1\nm\nM 644 inline m\ndata %d\n%s\n' % (1500000000 + number, len(raw), raw))
    writer.stdin.close()
    writer.wait()
    subprocess.run(['git', '-C', into, 'symbolic-ref', 'HEAD', 'refs/heads/master'], check=True)


def run(*command, **more):
    """Wall and processor seconds, peak MiB, output."""
    start = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    output = process.stdout.read().decode(errors='replace')
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status and command[0] != 'git':  # a mirror may lack its largest objects
        raise SystemExit(f'{command}: {output[-300:]}')
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output


def row(what, *cells):
    print('| ' + ' | '.join([what, *cells]) + ' |', flush=True)


def latency(command):
    times = [run(*command(q))[:2] for q in QUERIES for _ in range(3)]
    wall, processor = ([t[k] * 1000 for t in times] for k in (0, 1))
    return f'{statistics.median(wall):.0f} ms, {statistics.median(processor):.0f} ms of processor (at most {max(processor):.0f})'


def add(archive, kind, repository, unit):
    wall, cpu, peak, output = run(INQUEST, 'archive', 'add', archive, kind, repository)
    count = int(re.search(r'(\d+) added', output).group(1))
    size = sum(f.stat().st_size for f in pathlib.Path(archive).iterdir())
    row(f'`archive add {kind}`, {count} {unit}', f'{wall:.1f} s, {cpu:.1f} s of processor', f'{count / wall:.0f} a second', f'{peak:.0f} MiB', f'{size / max(count, 1) / 1024:.2f} KiB each')
    again = run(INQUEST, 'archive', 'add', archive, kind, repository)
    row('the same again, nothing new', f'{again[0]:.2f} s', '', '', '')


def notmuch(repository, folder):
    if not shutil.which('notmuch'):
        return row('notmuch', 'not installed', '', '', '')
    mail = pathlib.Path(folder) / 'maildir'
    for part in ('cur', 'new', 'tmp'):
        (mail / part).mkdir(parents=True)
    count = 0
    for count, raw in enumerate(messages(repository), 1):
        (mail / 'cur' / f'{count}:2,').write_bytes(raw)
    config = pathlib.Path(folder) / 'notmuch-config'
    config.write_text(f'[database]\npath={mail}\n[user]\nname=x\nprimary_email=x@x\n[new]\ntags=\n')
    environment = dict(os.environ, NOTMUCH_CONFIG=str(config))
    wall, cpu, peak, _ = run('notmuch', 'new', '--quiet', env=environment)
    size = sum(f.stat().st_size for f in (mail / '.notmuch').rglob('*') if f.is_file())
    row(f'`notmuch new`, {count} files', f'{wall:.1f} s, {cpu:.1f} s of processor', f'{count / wall:.0f} a second', f'{peak:.0f} MiB', f'{size / count / 1024:.2f} KiB each')
    os.environ['NOTMUCH_CONFIG'] = str(config)
    row('`notmuch search --limit=20`', latency(lambda q: ('notmuch', 'search', '--limit=20', q)), '', '', '')
    shutil.rmtree(mail)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('mail')
    parser.add_argument('--git')
    parser.add_argument('--times', type=int, default=0)
    parser.add_argument('--no-notmuch', action='store_true')
    parser.add_argument('--folder')
    parser.add_argument('--inquest', default=INQUEST)
    options = parser.parse_args()
    globals()['INQUEST'] = options.inquest
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f'{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n| what | time | rate | memory | size |\n|---|---|---|---|---|')
        add(f'{folder}/archive', '--mail', options.mail, 'messages')
        row('`archive search`, a process each', latency(lambda q: (INQUEST, 'archive', 'search', f'{folder}/archive', q)), '', '', '')
        row('`git log --grep` (titles only)', latency(lambda q: ('git', '-C', options.mail, 'log', '--oneline', '-F', f'--grep={q.split()[0]}')), '', '', '')
        wall, cpu, _, _ = run('git', '-C', options.mail, 'log', '--oneline', f'-S{QUERIES[0]}')
        row('`git log -S`, one function', f'{wall:.1f} s, {cpu:.1f} s of processor', '', '', '')
        if not options.no_notmuch:
            notmuch(options.mail, folder)
        if options.git:
            add(f'{folder}/history', '--git', options.git, 'commits')
            wall, cpu, _, _ = run('git', '-C', options.git, 'log', '--oneline', '-Smemory_driver')
            row('`git log -S` there', f'{wall:.1f} s, {cpu:.1f} s of processor', '', '', '')
        if options.times:
            multiply(options.mail, options.times, f'{folder}/many')
            add(f'{folder}/large', '--mail', f'{folder}/many', 'messages')
            row('`archive search` there, a process each', latency(lambda q: (INQUEST, 'archive', 'search', f'{folder}/large', q)), '', '', '')


main()
