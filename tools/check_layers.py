#!/usr/bin/env python3
"""Checks that includes in src/ point down only, as layers.txt says. Prints each that does not; exit 1 if any."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
allowed = {}
for line in (root / 'layers.txt').read_text().splitlines():
    if line.strip() and not line.startswith('#'):
        room, _, below = line.partition(':')
        allowed[room.strip()] = set(below.split())


def reach(room, seen=None):
    seen = set() if seen is None else seen
    for below in allowed.get(room, ()):
        if below not in seen:
            seen.add(below)
            reach(below, seen)
    return seen


bad = 0
for path in sorted((root / 'src').rglob('*')):
    if path.suffix not in ('.cc', '.h', '.def'):
        continue
    room = path.relative_to(root / 'src').parts[0]
    if room not in allowed:
        print(f'{path}: room {room} is not in layers.txt')
        bad += 1
        continue
    may = reach(room) | {room}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([a-z]+)/', line)
        if found and found.group(1) not in may:
            print(f'{path.relative_to(root)}:{number}: {room} may not include {found.group(1)}')
            bad += 1
print('layers: ' + ('ok' if not bad else f'{bad} includes point up'))
sys.exit(1 if bad else 0)
