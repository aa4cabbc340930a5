/* A C library that lies: it exports what netwatch calls, forwards to the real one by system calls, and
 * injects the fault that netwatch_fault() set. Faults concern event sockets alone (those that bind() puts
 * into multicast groups), unless they are about socket() and bind() themselves. x86_64 and aarch64. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/netlink.h>
#include <time.h>
#include <unistd.h>

enum fault { NONE, RECV_AGAIN, RECV_ERROR, POLL_DEAF, SOCKET_FAILS, BIND_FAILS, TRUNCATE, DROP, EVERYTHING,
  THIRD };

static volatile int fault, times, value;
static volatile unsigned char is_event[65536];

/* times < 0: until another call. */
void netwatch_fault(int kind, int count, int detail) {
  fault = NONE;
  times = count;
  value = detail;
  fault = kind;
}

static int strikes(int kind) {
  if (fault != kind || times == 0) return 0;
  if (times > 0) times--;
  return 1;
}

static int event_socket(int fd) { return fd >= 0 && fd < 65536 && is_event[fd]; }

static int fails(int code) {
  errno = code;
  return -1;
}

int socket(int domain, int type, int protocol) {
  if (domain == AF_NETLINK && strikes(SOCKET_FAILS)) return fails(value);
  return syscall(SYS_socket, domain, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
  struct sockaddr_nl name;
  int events = 0;
  if (length == sizeof name) {
    memcpy(&name, address, sizeof name);
    events = name.nl_groups != 0;
  }
  if (events && strikes(BIND_FAILS)) return fails(value);
  int result = syscall(SYS_bind, fd, address, length);
  if (result == 0 && fd < 65536) is_event[fd] = events;
  return result;
}

int close(int fd) {
  if (fd >= 0 && fd < 65536) is_event[fd] = 0;
  return syscall(SYS_close, fd);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
  static unsigned calls;
  char lost[65536];
  if (!event_socket(fd)) return syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);
  if (strikes(RECV_AGAIN)) return fails(EAGAIN);
  if (strikes(RECV_ERROR)) return fails(value);
  if (fault == THIRD && ++calls % 3 == 0) return fails(value);
  while (strikes(DROP) || fault == EVERYTHING) {
    if (syscall(SYS_recvfrom, fd, lost, sizeof lost, flags, 0, 0) < 0) return -1;
  }
  int got = syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);
  for (int i = 0; i < got; i++) {
    if (messages[i].msg_len > (unsigned)value && strikes(TRUNCATE)) messages[i].msg_len = value;
  }
  return got;
}

static int real_poll(struct pollfd *fds, nfds_t count, int ms) {
  struct timespec limit = { ms / 1000, (ms % 1000) * 1000000L };
  return syscall(SYS_ppoll, fds, count, ms < 0 ? 0 : &limit, 0, 0);
}

int poll(struct pollfd *fds, nfds_t count, int ms) {
  struct pollfd hidden[1024];
  if (fault != POLL_DEAF || count > 1024) return real_poll(fds, count, ms);
  memcpy(hidden, fds, count * sizeof *fds);
  for (nfds_t i = 0; i < count; i++) if (event_socket(fds[i].fd)) hidden[i].fd = -1;
  int ready = real_poll(hidden, count, ms);
  for (nfds_t i = 0; i < count; i++) fds[i].revents = hidden[i].fd < 0 ? 0 : hidden[i].revents;
  return ready;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
  return syscall(SYS_sendto, fd, bytes, size, flags, 0, 0);
}
int setsockopt(int fd, int level, int name, const void *v, socklen_t length) {
  return syscall(SYS_setsockopt, fd, level, name, v, length);
}
int getsockopt(int fd, int level, int name, void *v, socklen_t *length) {
  return syscall(SYS_getsockopt, fd, level, name, v, length);
}
ssize_t read(int fd, void *buffer, size_t size) { return syscall(SYS_read, fd, buffer, size); }
ssize_t write(int fd, const void *buffer, size_t size) { return syscall(SYS_write, fd, buffer, size); }
int eventfd(unsigned start, int flags) { return syscall(SYS_eventfd2, start, flags); }
int timerfd_create(int clock, int flags) { return syscall(SYS_timerfd_create, clock, flags); }
int timerfd_settime(int fd, int flags, const void *new_value, void *old_value) {
  return syscall(SYS_timerfd_settime, fd, flags, new_value, old_value);
}
int clock_gettime(clockid_t clock, struct timespec *now) { return syscall(SYS_clock_gettime, clock, now); }
