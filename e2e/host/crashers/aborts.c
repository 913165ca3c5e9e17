// Fails an assert(): SIGABRT, with a message on stderr.
#undef NDEBUG
#include <assert.h>

__attribute__((noinline)) static void check(int answer) { assert(answer == 42); }

int main(void) {
  check(41);
  return 0;
}
