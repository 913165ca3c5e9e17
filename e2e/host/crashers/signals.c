// signals NAME: crashes with that signal, by a real fault if possible.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((noinline)) static int divide(volatile int a, volatile int b) { return a / b; }

__attribute__((noinline)) static void past_the_end(void) {
  char name[] = "/tmp/koredump-bus-XXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  volatile char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  *page = 1;
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  if (!strcmp(name, "FPE")) return divide(1, 0);
  if (!strcmp(name, "ILL")) __builtin_trap();
  if (!strcmp(name, "BUS")) past_the_end();
  if (!strcmp(name, "QUIT")) raise(SIGQUIT);
  if (!strcmp(name, "TRAP")) raise(SIGTRAP);
  if (!strcmp(name, "SYS")) raise(SIGSYS);
  return 2;
}
