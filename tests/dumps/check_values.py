#!/usr/bin/env python3
"""What is shown of parameters and locals against what a module of the lab noted itself before the crash (cases known_values and known_values_many): none may be wrong.
Prints how many of the noted values are shown, and how many of those the code had to give because DWARF had no place for them.
usage: check_values.py INQUEST"""
import re
import sys

import lab_dumps

VARIABLE = re.compile(r'^ {7}(?:parameter )?(.*?)(\w+) = (.*)$')


def number(text):
    """The number that a printed value begins with, or None."""
    found = re.match(r"(-?\d+|0x[0-9a-f]+)\b", text)
    return int(found.group(1), 0) if found else {'true': 1, 'false': 0}.get(text.split(' ')[0])


def frames(output):
    """(thread, function, name, text) of every variable line; inlined functions follow the line of the frame they are in, or stand above it."""
    thread, function = None, None
    for line in output.splitlines():
        task = re.match(r'PID: .*COMMAND: "desk_(\d+)"', line)
        if line.startswith('PID: '):
            thread, function = (int(task.group(1)) if task else None), None
            continue
        frame = re.match(r' *#\d+ \S+ (\w+)(?:\.[\w.]+)? at ', line)
        inlined = re.match(r' +\(inlined\) (\w+)', line)
        if frame or inlined:
            function = (frame or inlined).group(1)
            continue
        variable = VARIABLE.match(line)
        if variable and thread is not None and function:
            yield thread, function, variable.group(2), variable.group(1).strip(), variable.group(3)


BITS = {'u8': 8, 'bool': 8, 'u16': 16, 's16': 16, 'u32': 32, 'int': 32, 'unsigned int': 32, 'enum tone': 32}


def same(wanted, shown, kind):
    """Equal in the bits of the C type: the log prints the value widened to 64 bits."""
    return shown is not None and (wanted - shown) % (1 << BITS.get(kind, 64)) == 0


def main():
    program = sys.argv[1]
    checks = lab_dumps.Checks()
    dumps = lab_dumps.dumps(case='known_values') + lab_dumps.dumps(case='known_values_many')
    if not dumps:
        lab_dumps.skip('no dump of known_values')
    enumerators = {'TONE_LOW': 3, 'TONE_MIDDLE': 17, 'TONE_HIGH': 900}
    for dump in dumps:
        truth = {tuple(key[6:].split('__', 2)): value for key, value in dump.truth['facts'].items() if key.startswith('value_')}
        was = {}
        for key, value in dump.truth['facts'].items():
            if key.startswith('was_'):
                was.setdefault(tuple(key[4:].split('__')[:3]), []).append(value)
            if key.startswith('value_') and key.endswith('__was'):
                was.setdefault(tuple(key[6:].split('__')[:3]), []).append(value)
        if not checks.that(f'{dump}: values were noted', len(truth) > 50, len(truth)):
            continue
        asked = lab_dumps.run(program, 'shell', *dump.paths, '-d', dump.debug, '-c', 'foreach bt -v')
        shown, recovered, earlier, wrong, stale, unshown = set(), set(), set(), 0, 0, {}
        for thread, function, name, kind, text in frames(asked.stdout.decode()):
            key = (str(thread), function, name)
            if key not in truth:
                continue
            value = enumerators.get(text.split(' ')[0], number(text))
            # What it was when last known may be what it was before an assignment that left no trace: it must have been true once.
            if '(recovered: last known at ' in text and not same(truth[key], value, kind) and any(same(w, value, kind) for w in was.get(key, [])):
                earlier.add(key)
                shown.add(key)
                stale += 1
                continue
            if text.startswith('<'):
                unshown[key] = text
            elif checks.that(f'{dump}: {"/".join(key)}', same(truth[key], value, kind), f'{text} against {truth[key]} ({truth[key]:#x})'):
                shown.add(key)
                if '(recovered: last known at ' in text:
                    earlier.add(key)
                if '(recovered: ' in text:
                    recovered.add(key)
            else:
                wrong += 1
        seen = shown | set(unshown)
        print(f'{dump}: {len(shown)} of {len(seen)} noted values in live frames are shown ({100 * len(shown) / max(len(seen), 1):.1f} %), '
              f'{len(recovered)} of them recovered beyond DWARF, {len(earlier)} as last known ({stale} of these changed since); {wrong} wrong')
        checks.that(f'{dump}: most values are shown', len(shown) >= 0.6 * len(seen) and len(seen) >= 40, f'{len(shown)} of {len(seen)}')
        # On aarch64 DWARF has a place for all that can be had.
        checks.that(f'{dump}: some are recovered and marked', recovered or dump.arch != 'x86_64')
    checks.finish()


if __name__ == '__main__':
    main()
