// Loads a crash kernel as `kexec -p -s` does, and needs no C library: load_crash_kernel KERNEL INITRD COMMAND_LINE
#define AT_FDCWD (-100)
#define KEXEC_FILE_ON_CRASH 2

#if defined(__x86_64__)
enum { kOpenat = 257, kExit = 60, kKexecFileLoad = 320 };
static long call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return result;
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
#elif defined(__aarch64__)
enum { kOpenat = 56, kExit = 93, kKexecFileLoad = 294 };
static long call(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}
__asm__(".globl _start\n_start: mov x0, sp\n bl start\n");
#endif

// `stack` is what the kernel hands a new program: the count of arguments, then the arguments.
__attribute__((noreturn, used)) void start(long *stack)
{
	char **argv = (char **)(stack + 1);
	long result = 22; // EINVAL

	if (stack[0] == 4) {
		long kernel = call(kOpenat, AT_FDCWD, (long)argv[1], 0, 0, 0);
		long initrd = call(kOpenat, AT_FDCWD, (long)argv[2], 0, 0, 0);
		long length = 1; // the kernel counts the closing zero

		while (argv[3][length - 1])
			length++;
		result = -call(kKexecFileLoad, kernel, initrd, length, (long)argv[3], KEXEC_FILE_ON_CRASH);
	}
	for (;;)
		call(kExit, result, 0, 0, 0, 0); // the exit status is the error's number
}
