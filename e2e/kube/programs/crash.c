/*
 * A container that crashes:
 *   crash now                       crashes immediately (for `kubectl exec`)
 *   crash TIMES MILLIS FILE [exit]  crashes MILLIS milliseconds after its start. FILE counts the starts. After TIMES
 *                                   crashes, waits for SIGTERM, or with `exit` exits immediately.
 * CRASH_MIB in the environment sets the size of the core in MiB.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned *memory;

static void end(int signal) { (void)signal; _exit(0); }

__attribute__((noinline)) void crash_here(void) { *(volatile int *)0 = 1; }

static void die(void) {
  const char *mib = getenv("CRASH_MIB");
  if (mib != NULL) {
    size_t words = strtoul(mib, NULL, 10) * (1 << 20) / sizeof(unsigned);
    unsigned state = 1;
    memory = malloc(words * sizeof(unsigned));
    /* Incompressible data. */
    for (size_t i = 0; i < words; i++) memory[i] = state = state * 1664525u + 1013904223u;
  }
  crash_here();
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "now") == 0) die();
  if (argc < 4) return 2;
  /* One byte for each start. */
  int file = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0600);
  long starts = lseek(file, 0, SEEK_END);
  if (file < 0 || starts < 0) return 3;
  if (starts < atol(argv[1])) {
    long millis = atol(argv[2]);
    if (write(file, ".", 1) != 1) return 3;
    nanosleep(&(struct timespec){ millis / 1000, millis % 1000 * 1000000 }, NULL);
    die();
  }
  if (argc > 4 && strcmp(argv[4], "exit") == 0) return 0;
  signal(SIGTERM, end);
  for (;;) pause();
}
