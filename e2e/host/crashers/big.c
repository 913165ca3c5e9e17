// big [MIB]: fills that much memory (default 2048), with one incompressible page in 16, and crashes. The core is slightly
// larger.
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, WORDS = PAGE / 8 };

__attribute__((noinline)) void crash_with(volatile uint64_t *memory, volatile int *where) { *where = (int)*memory; }

int main(int argc, char **argv) {
  size_t mib = argc > 1 ? strtoull(argv[1], 0, 10) : 2048;
  size_t pages = mib * 256;
  uint64_t *memory = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  uint64_t x = 0x9e3779b97f4a7c15u;
  for (size_t page = 0; page < pages; page++) {
    uint64_t *at = memory + page * WORDS;
    if (page % 16 == 0) {
      for (int i = 0; i < WORDS; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        at[i] = x;
      }
    } else {
      for (int i = 0; i < WORDS; i++) at[i] = page;
    }
  }
  crash_with(memory, 0);
  return 0;
}
