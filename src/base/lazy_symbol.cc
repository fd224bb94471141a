// What the stubs of tools/lazy_library.py ask at their first call. Every library named there was found when inquest was built, so one that is missing
// now is a broken installation, as a missing shared library is for any program: it is said, and that is the end.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>

extern "C" void* inquest_lazy_symbol(const char* library, const char* name);

extern "C" void* inquest_lazy_symbol(const char* library, const char* name) {
  // Loaded again and again is loaded once: the loader counts.
  void* handle = ::dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  void* symbol = handle ? ::dlsym(handle, name) : nullptr;
  if (symbol) return symbol;
  const char* why = ::dlerror();
  std::fprintf(stderr, "inquest: %s is needed for this and cannot be used: %s\n", library, why ? why : name);
  ::_exit(1);
}
