/* The least that a program can do with the kernel's events: receive them one by one and look at nothing.
 *
 *     receive recv    a blocking recv() for each message
 *     receive poll    poll(), then recv() until the socket is empty
 *
 * The multicast groups of links and addresses, and the same receive buffer as netwatch.
 * For the protocol see ../README.md. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX (1 << 20)

static long long events[EVENTS_MAX];
static volatile unsigned count;

static void seen(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  events[count++ % EVENTS_MAX] = now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void *report_at_end(void *unused) {
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  for (unsigned i = 0; i < count && i < EVENTS_MAX; i++) printf("event %lld\n", events[i]);
  fflush(stdout);
  exit(0);
  return unused;
}

int main(int argc, char **argv) {
  static char buffer[65536];
  int polls = argc > 1 && strcmp(argv[1], "poll") == 0;
  int size = 1 << 20;
  pthread_t thread;
  struct sockaddr_nl name;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  memset(&name, 0, sizeof name);
  name.nl_family = AF_NETLINK;
  name.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0) return 1;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (pthread_create(&thread, NULL, report_at_end, NULL) != 0) return 1;
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (!polls) {
      if (recv(fd, buffer, sizeof buffer, 0) > 0) seen();
    } else if (poll(&ready, 1, -1) > 0) {
      while (recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0) seen();
    }
  }
}
