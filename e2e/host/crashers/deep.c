// deep [MILLIS]: writes to a null pointer in main → deep1 → deep2 → deep3, after MILLIS milliseconds. DEEP_COMM in the
// environment sets the name of the process.
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((noinline)) void deep3(volatile int *where, int value) { *where = value; }

__attribute__((noinline)) void deep2(volatile int *where) { deep3(where, 42); }

__attribute__((noinline)) void deep1(void) { deep2((volatile int *)0); }

int main(int argc, char **argv) {
  const char *comm = getenv("DEEP_COMM");
  if (comm) prctl(PR_SET_NAME, comm);
  if (argc > 1) usleep((useconds_t)atoi(argv[1]) * 1000);
  deep1();
  return 0;
}
