// hold DIR FREEZE READY: freezes a cgroup (writes 1 to FREEZE) when a core appears in DIR. This delays the journal entry until
// the cgroup is thawed.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int freeze = open(argv[2], O_WRONLY | O_CLOEXEC);
  int notify = inotify_init1(IN_CLOEXEC);
  if (freeze < 0 || notify < 0 || inotify_add_watch(notify, argv[1], IN_CREATE | IN_MOVED_TO) < 0) {
    perror("hold");
    return 1;
  }
  close(creat(argv[3], 0644));
  _Alignas(struct inotify_event) char buffer[8192];
  for (;;) {
    ssize_t n = read(notify, buffer, sizeof buffer);
    if (n <= 0) return 1;
    for (char *p = buffer; p < buffer + n;) {
      struct inotify_event *event = (struct inotify_event *)p;
      if (event->len && !strncmp(event->name, "core.", 5)) {
        if (write(freeze, "1", 1) != 1) perror("freeze");
        puts(event->name);
        return 0;
      }
      p += sizeof *event + event->len;
    }
  }
}
