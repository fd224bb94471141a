#!/usr/bin/env python3
"""Writes chains.inc: chains of functions with parameters and locals of many kinds, assigned on all ways, in loops and by calls, each
of which notes what it holds after every assignment. usage: generate.py > chains.inc"""
import random

CHAINS, DEPTH = 4, 8
TYPES = ['u64', 'int', 'u32', 'bool', 'long', 'u16', 'struct desk *', 'struct task_struct *']
HELPERS = {'u64': 'get_u64', 'int': 'get_int', 'u32': 'get_u32', 'bool': 'get_bool', 'long': 'get_long', 'u16': 'get_u16', 'struct desk *': 'get_desk',
           'struct task_struct *': 'get_task'}
pick = random.Random(20261125)


def declare(kind, name):
    return f'{kind}{"" if kind.endswith("*") else " "}{name}'


class Function:
    def __init__(self, chain, depth):
        self.name = f'chain{chain}_{depth}'
        self.next = f'chain{chain}_{depth + 1}' if depth + 1 < DEPTH else None
        self.parameters = [('struct desk *', 'desk')] + [(pick.choice(TYPES), f'p{i}') for i in range(pick.randint(1, 7))]
        self.locals = [(pick.choice(TYPES), f'v{i}') for i in range(pick.randint(2, 7))]
        self.lines = []
        self.set = []  # variables with a value
        self.loops = 0

    def numbers(self):
        return [name for kind, name in self.parameters + self.set if not kind.endswith('*')]

    def value(self, kind):
        same = [name for k, name in self.parameters + self.set if k == kind]
        if kind == 'struct task_struct *':
            return pick.choice(same + ['current'])
        if kind.endswith('*'):
            return pick.choice(same + ['desk', 'desk->next'])
        numbers = self.numbers()
        forms = [str(pick.randint(0, 300)), f'desk->counts[{pick.randint(0, 15)}]']
        if same:
            forms += same * 2
        if numbers:
            forms += [f'{pick.choice(numbers)} + {pick.randint(1, 99)}', f'{pick.choice(numbers)} ^ {pick.choice(numbers)}', f'{pick.choice(numbers)} * {pick.randint(3, 11)}']
        text = pick.choice(forms)
        return f'({text}) & 1' if kind == 'bool' else text

    def put(self, depth, text):
        self.lines.append('\t' * depth + text)

    def note(self, depth, name):
        self.put(depth, f'NOTE(desk, {name});')

    def assign(self, depth, variable):
        kind, name = variable
        value = f'{HELPERS[kind]}(desk, {pick.choice(self.numbers() + ["7"])})' if pick.random() < 0.5 else self.value(kind)
        self.put(depth, f'SET({name}, {value});')

    def condition(self):
        numbers = self.numbers()
        if not numbers:
            return f'desk->counts[{pick.randint(0, 15)}] & 1'
        name = pick.choice(numbers)
        return pick.choice([f'{name}', f'!{name}', f'{name} == {pick.randint(0, 3)}', f'{name} != {pick.randint(0, 300)}', f'{name} & {1 << pick.randint(0, 4)}',
                            f'{name} > {pick.randint(0, 200)}'])

    def statement(self, depth):
        what = pick.random()
        if what < 0.55 or depth > 3:
            self.assign(depth, pick.choice(self.set))
        elif what < 0.8:
            self.put(depth, f'if ({self.condition()}) {{')
            for _ in range(pick.randint(1, 2)):
                self.statement(depth + 1)
            if pick.random() < 0.4:
                self.put(depth, '} else {')
                self.statement(depth + 1)
            self.put(depth, '}')
        elif what < 0.9:
            self.put(depth, f'get_int(desk, {pick.randint(0, 15)});')
        elif self.loops < 2 and depth < 3:
            name = f'i{self.loops}'
            self.loops += 1
            self.put(depth, f'for ({name} = 0; {name} < {pick.randint(2, 4)}; {name}++) {{')
            self.note(depth + 1, name)
            self.statement(depth + 1)
            self.put(depth + 1, f'desk->counts[{name}]++;')
            self.put(depth, '}')
            self.note(depth, name)

    def text(self, after):
        for _, name in self.parameters[1:]:
            if pick.random() < 0.8:
                self.note(1, name)
        for variable in self.locals:
            self.assign(1, variable)
            self.set.append(variable)
        for _ in range(pick.randint(3, 9)):
            self.statement(1)
        kept = pick.sample(self.numbers(), k=min(len(self.numbers()), pick.randint(0, 3)))
        if after:
            call = f'{after.name}({", ".join(["desk"] + [self.value(kind) for kind, _ in after.parameters[1:]])})'
        else:
            call = 'chain_wait(desk)'
        self.put(1, f'return {" + ".join([call] + kept)};')
        head = f'static noinline long {self.name}({", ".join(declare(k, n) for k, n in self.parameters)})\n{{\n'
        names = ''.join(f'\t{declare(kind, name)};\n' for kind, name in self.locals) + ''.join(f'\tint i{i};\n' for i in range(self.loops))
        return head + names + '\n' + '\n'.join(self.lines) + '\n}\n\n'



def main():
    out = []
    for chain in range(CHAINS):
        functions = [Function(chain, depth) for depth in range(DEPTH)]
        texts = [f.text(functions[i + 1] if i + 1 < DEPTH else None) for i, f in enumerate(functions)]
        out += reversed(texts)
        out.append(f'static long start_chain{chain}(struct desk *desk)\n{{\n\treturn {functions[0].name}('
                   + ', '.join(['desk'] + ['current' if k == 'struct task_struct *' else 'desk' if k.endswith('*') else str(pick.randint(0, 9)) for k, _ in functions[0].parameters[1:]]) + ');\n}\n\n')
    print('/* Made by generate.py. */\n' + ''.join(out), end='')


if __name__ == '__main__':
    main()
