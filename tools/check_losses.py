#!/usr/bin/env python3
"""Checks that docs/losses.md names every row of src/base/losses.def, with the same sentence, and no other. Exit 1 if not."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
rows = dict(re.findall(r'^INQUEST_LOSS\(k(\w+), "(.*)"\)', (root / 'src/base/losses.def').read_text(), re.M))
page = dict(re.findall(r'^\| (\w+) \| (.*?) \|', (root / 'docs/losses.md').read_text(), re.M))
page.pop('name', None)
wrong = [n for n in rows if page.get(n) != rows[n]] + [n for n in page if n not in rows]
for name in wrong:
    print(f'docs/losses.md and src/base/losses.def differ over {name}')
print('losses: ' + ('ok' if not wrong else f'{len(wrong)} wrong'))
sys.exit(1 if wrong else 0)
