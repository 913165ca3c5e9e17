// linger PROGRAM [MILLIS]: runs PROGRAM (socket-activated) and reaps it MILLIS milliseconds after its end (default 100).
// systemd-coredump exits when it has sent its entry. If it is reaped before journald has read its /proc, _SYSTEMD_UNIT is
// missing.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  pid_t child = fork();
  if (child == 0) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", getpid());
    setenv("LISTEN_PID", pid, 1);
    execl(argv[1], argv[1], (char *)NULL);
    return 127;
  }
  close(3);
  siginfo_t info;
  waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
  usleep((argc > 2 ? atoi(argv[2]) : 100) * 1000);
  waitpid(child, 0, 0);
  return 0;
}
