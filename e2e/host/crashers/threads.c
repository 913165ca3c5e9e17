// Four threads wait, and a fifth crashes.
#include <pthread.h>
#include <unistd.h>

static pthread_barrier_t barrier;

__attribute__((noinline)) static void *wait_for_work(void *arg) {
  pthread_barrier_wait(&barrier);
  for (;;) pause();
  return arg;
}

__attribute__((noinline)) void worker_step(volatile int *where) { *where = 7; }

__attribute__((noinline)) static void *crashing_worker(void *arg) {
  pthread_barrier_wait(&barrier);
  usleep(20000);
  worker_step((volatile int *)arg);
  return arg;
}

int main(void) {
  pthread_t thread;
  pthread_barrier_init(&barrier, 0, 5);
  for (int i = 0; i < 4; i++) pthread_create(&thread, 0, wait_for_work, 0);
  pthread_create(&thread, 0, crashing_worker, 0);
  pthread_join(thread, 0);
  return 0;
}
