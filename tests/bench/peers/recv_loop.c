/* The least that a program can do with the kernel's events: receive them, one by one, and look at nothing.
 * The same groups and receive buffer as netwatch. Prints "ready", then runs until it is killed. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(void) {
  static char buffer[65536];
  int size = 1 << 20;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl name;
  memset(&name, 0, sizeof name);
  name.nl_family = AF_NETLINK;
  name.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0) return 1;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  puts("ready");
  fflush(stdout);
  for (;;) recv(fd, buffer, sizeof buffer, 0);
}
