#!/usr/bin/env python3
"""Writes an assembler file with a stub for every function a shared library exports: the first call loads the library.
usage: lazy_library.py x86_64|aarch64 LIBRARY.so OUTPUT.S

A stub jumps through a slot. At first the slot leads to code that saves every register an argument may be in, asks inquest_lazy_symbol()
(src/base/lazy_symbol.cc) for the function's address, keeps it in the slot and jumps there. Variables that a library exports get no stub:
whoever uses one is told by the linker."""
import os
import re
import subprocess
import sys

COMMON = {
    # System V ABI: six integer registers, eight vector ones, and al, how many of these a variadic call uses. At a stub rsp is 8 off 16.
    'x86_64': '''
inquest_lazy_{tag}:
  push %rdi; push %rsi; push %rdx; push %rcx; push %r8; push %r9; push %rax; push %r10
  sub $136, %rsp
  movups %xmm0, (%rsp); movups %xmm1, 16(%rsp); movups %xmm2, 32(%rsp); movups %xmm3, 48(%rsp)
  movups %xmm4, 64(%rsp); movups %xmm5, 80(%rsp); movups %xmm6, 96(%rsp); movups %xmm7, 112(%rsp)
  lea inquest_lazy_{tag}_soname(%rip), %rdi
  mov %r11, %rsi
  call inquest_lazy_symbol
  mov %rax, %r11
  movups (%rsp), %xmm0; movups 16(%rsp), %xmm1; movups 32(%rsp), %xmm2; movups 48(%rsp), %xmm3
  movups 64(%rsp), %xmm4; movups 80(%rsp), %xmm5; movups 96(%rsp), %xmm6; movups 112(%rsp), %xmm7
  add $136, %rsp
  pop %r10; pop %rax; pop %r9; pop %r8; pop %rcx; pop %rdx; pop %rsi; pop %rdi
  mov %r11, (%r10)
  jmp *%r11
''',
    # AAPCS64: x0 to x7, x8 (where a large result goes), q0 to q7; x16 and x17 are a stub's own.
    'aarch64': '''
inquest_lazy_{tag}:
  stp x29, x30, [sp, #-224]!
  stp x0, x1, [sp, #16]; stp x2, x3, [sp, #32]; stp x4, x5, [sp, #48]; stp x6, x7, [sp, #64]; stp x8, x16, [sp, #80]
  stp q0, q1, [sp, #96]; stp q2, q3, [sp, #128]; stp q4, q5, [sp, #160]; stp q6, q7, [sp, #192]
  adrp x0, inquest_lazy_{tag}_soname
  add x0, x0, :lo12:inquest_lazy_{tag}_soname
  mov x1, x17
  bl inquest_lazy_symbol
  mov x17, x0
  ldp x0, x1, [sp, #16]; ldp x2, x3, [sp, #32]; ldp x4, x5, [sp, #48]; ldp x6, x7, [sp, #64]; ldp x8, x16, [sp, #80]
  ldp q0, q1, [sp, #96]; ldp q2, q3, [sp, #128]; ldp q4, q5, [sp, #160]; ldp q6, q7, [sp, #192]
  ldp x29, x30, [sp], #224
  str x17, [x16]
  br x17
''',
}
STUB = {
    'x86_64': '''
.globl {name}
.type {name}, @function
{name}: jmp *9f(%rip)
8: lea 7f(%rip), %r11
  lea 9f(%rip), %r10
  jmp inquest_lazy_{tag}
.data
.balign 8
9: .quad 8b
.section .rodata
7: .asciz "{name}"
.text''',
    'aarch64': '''
.globl {name}
.type {name}, %function
{name}:
  adrp x16, 9f
  ldr x16, [x16, :lo12:9f]
  br x16
8: adrp x17, 7f
  add x17, x17, :lo12:7f
  adrp x16, 9f
  add x16, x16, :lo12:9f
  b inquest_lazy_{tag}
.data
.balign 8
9: .quad 8b
.section .rodata
7: .asciz "{name}"
.text''',
}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ, LC_ALL='C')).stdout


def functions(library):
    names = set()
    for line in output_of('nm', '-D', '--defined-only', library).splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in 'TWi' and not words[2].startswith('_'):
            names.add(re.split('@', words[2])[0])
    return sorted(names)


def main():
    machine, library, output = sys.argv[1:]
    soname = re.search(r'SONAME\).*\[(.*)\]', output_of('readelf', '-d', library))
    tag = re.sub(r'\W', '_', os.path.basename(output).split('.')[0])
    names = functions(library)
    if not names:
        sys.exit(f'lazy_library: {library} exports no functions')
    text = ['.text', COMMON[machine].replace('{tag}', tag)]
    text += [STUB[machine].replace('{name}', name).replace('{tag}', tag) for name in names]
    text += ['.section .rodata', f'inquest_lazy_{tag}_soname: .asciz "{soname.group(1) if soname else os.path.basename(library)}"',
             '.section .note.GNU-stack,"",%progbits', '']
    os.makedirs(os.path.dirname(output), exist_ok=True)
    with open(output, 'w', encoding='ascii') as file:
        file.write('\n'.join(text))


main()
