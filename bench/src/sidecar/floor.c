/* The least that any server on this machine costs: one thread, epoll, a fixed answer to every request on a Unix
 * socket. It reads a request up to its Content-Length and parses nothing else. Usage: floor SOCKET */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER 16384
#define EVENTS 256

struct connection {
  int fd;
  size_t used;
  char bytes[BUFFER];
};

static const char *path;

static void leave(int signal_number) {
  (void)signal_number;
  unlink(path);
  _exit(0);
}

/* Length of the first whole request, or 0 while it is not whole. */
static size_t whole_request(const char *bytes, size_t used) {
  const char *end = memmem(bytes, used, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  size_t head = (size_t)(end - bytes) + 4, body = 0;
  for (const char *line = bytes; line < end; line = (const char *)memchr(line, '\n', head) + 1) {
    if (strncasecmp(line, "content-length:", 15) == 0) body = strtoul(line + 15, NULL, 10);
  }
  return used >= head + body ? head + body : 0;
}

int main(int count, char **arguments) {
  if (count != 2) return fprintf(stderr, "usage: floor SOCKET\n"), 2;
  path = arguments[1];
  static const char body[] =
      "{\"allowed\":true,\"capability\":\"create\",\"mode\":\"full\",\"reason\":\"granted\",\"freshness\":\"fresh\","
      "\"version\":\"1.1\"}";
  char answer[512];
  int answer_length = snprintf(answer, sizeof answer,
                               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                               sizeof body - 1, body);
  signal(SIGTERM, leave);
  signal(SIGINT, leave);
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0)
    return perror("bind"), 1;
  int poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  printf("{\"ready\":true}\n");
  fflush(stdout);
  for (;;) {
    int ready = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection == NULL) {
        int fd;
        while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          struct connection *fresh = calloc(1, sizeof *fresh);
          fresh->fd = fd;
          struct epoll_event added = {.events = EPOLLIN, .data.ptr = fresh};
          epoll_ctl(poll, EPOLL_CTL_ADD, fd, &added);
        }
        continue;
      }
      ssize_t got = read(connection->fd, connection->bytes + connection->used, BUFFER - connection->used);
      if (got <= 0) {
        if (got < 0 && errno == EAGAIN) continue;
        close(connection->fd);
        free(connection);
        continue;
      }
      connection->used += (size_t)got;
      size_t request;
      while ((request = whole_request(connection->bytes, connection->used)) > 0) {
        if (write(connection->fd, answer, (size_t)answer_length) != answer_length) break;
        connection->used -= request;
        memmove(connection->bytes, connection->bytes + request, connection->used);
      }
    }
  }
}
