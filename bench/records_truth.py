#!/usr/bin/env python3
"""How often `inquest report LOG --archive` finds the true fix, measured through the command line as a user would ask.
usage: records_truth.py REPOSITORY TRUTH ARCHIVE [INQUEST]

Each crash of the truth table is asked about with the text of its own message, its thread left out (--exclude-thread); then again with
nothing left out, to see that the message itself is the first of the similar ones. Prints the table of docs/records.md."""
import csv
import email
import email.policy
import json
import pathlib
import subprocess
import sys
import tempfile


def messages(repository, wanted):
    """Message-ID -> raw bytes, of the messages wanted."""
    commits = subprocess.run(['git', '-C', repository, 'rev-list', 'HEAD'], capture_output=True, check=True).stdout.split()
    reader = subprocess.Popen(['git', '-C', repository, 'cat-file', '--batch', '--buffer'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    import threading
    threading.Thread(target=lambda: (reader.stdin.write(b''.join(c + b':m\n' for c in commits)), reader.stdin.close()), daemon=True).start()
    found = {}
    while line := reader.stdout.readline():
        fields = line.split()
        if fields[-1] == b'missing':
            continue
        raw = reader.stdout.read(int(fields[2]))
        reader.stdout.read(1)
        head = raw[:raw.find(b'\n\n')] if b'\n\n' in raw else raw
        at = head.lower().find(b'\nmessage-id:')
        name = head[at + 12:].split(b'>')[0].split(b'<')[-1].decode(errors='replace').strip() if at >= 0 else ''
        if name in wanted:
            found[name] = raw
    return found


def text_of(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    parts = []
    for part in message.walk():
        if part.get_content_maintype() == 'text' and part.get_content_subtype() != 'html':
            try:
                parts.append(part.get_content())
            except (LookupError, UnicodeError):
                parts.append(part.get_payload(decode=True).decode(errors='replace'))
    return '\n'.join(parts)


def ask(inquest, path, archive, *more):
    done = subprocess.run([inquest, 'report', path, '--archive', archive, '--format', 'json', *more], capture_output=True)
    return json.loads(done.stdout) if done.returncode == 0 else {'fixes': [], 'similar': []}


def main():
    repository, table, archive = sys.argv[1:4]
    inquest = sys.argv[4] if len(sys.argv) > 4 else str(pathlib.Path(__file__).resolve().parents[1] / 'build' / 'inquest')
    crashes = {}
    for row in csv.DictReader(open(table, encoding='utf-8'), delimiter='\t', quoting=csv.QUOTE_NONE):
        crash = crashes.setdefault(row['crash_msgid'], {'fixes': set(), 'high': False})
        crash['fixes'] |= {row['fix_msgid'], *row['all_fix_msgids'].split(',')}
        crash['high'] |= row['confidence'] == 'high'
    raw = messages(repository, crashes)
    ranks, own, absent = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = folder + '/log'
        for name, crash in crashes.items():
            if name not in raw:
                absent += 1
                continue
            pathlib.Path(path).write_text(text_of(raw[name]), encoding='utf-8', errors='replace')
            fixes = ask(inquest, path, archive, '--exclude-thread', name)['fixes']
            hits = [i for i, f in enumerate(fixes, 1) if crash['fixes'] & {f['message_id'], *f['other_versions']}]
            ranks.append((hits[0] if hits else 0, crash['high']))
            similar = ask(inquest, path, archive)['similar']
            own += bool(similar) and similar[0]['id'] == name
    print(f'{len(ranks)} crashes ({absent} not in the repository); own message first: {own} of {len(ranks)}\n')
    print('| through `inquest report` | n | 1 | 3 | 10 |\n|---|---|---|---|---|')
    for what, chosen in (('all crashes', ranks), ('pairs of high confidence', [r for r in ranks if r[1]])):
        n = max(1, len(chosen))
        print(f'| {what} | {len(chosen)} | ' + ' | '.join(f'{sum(0 < r <= k for r, _ in chosen) / n:.3f}' for k in (1, 3, 10)) + ' |')


main()
