/*
 * The part of macOS's libSystem that netwatch calls, with its names, struct layouts and constants, on top
 * of Linux system calls: so that names, parameter types and errno go through the real Deno.dlopen.
 *
 *     gcc -shared -fPIC -o libdarwin.so tests/bsd/darwin_libc.c
 *
 * The structs are written as in xnu's headers (bsd/net/route.h, if.h, if_var.h, if_dl.h, bsd/netinet/in.h,
 * bsd/netinet6/in6_var.h, bsd/sys/kern_event.h): their offsets are the compiler's.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { /* bsd/sys/errno.h */
  D_ESRCH = 3, D_EBADF = 9, D_ENOMEM = 12, D_EINVAL = 22, D_EAGAIN = 35,
  D_ENOPROTOOPT = 42, D_EAFNOSUPPORT = 47, D_EADDRNOTAVAIL = 49,
};
enum { D_AF_INET = 2, D_PF_ROUTE = 17, D_AF_LINK = 18, D_AF_INET6 = 30, D_PF_SYSTEM = 32 };
enum { D_SOCK_DGRAM = 2, D_SOCK_RAW = 3, D_SOL_SOCKET = 0xffff, D_SO_RCVBUF = 0x1002, D_SO_ERROR = 0x1007, D_MSG_DONTWAIT = 0x80 };
enum { D_CTL_NET = 4, D_NET_RT_DUMP = 1, D_NET_RT_IFLIST2 = 6 };
enum { D_RTM_VERSION = 5, D_RTM_ADD = 1, D_RTM_GET = 4, D_RTM_NEWADDR = 0xc, D_RTM_DELADDR = 0xd, D_RTM_IFINFO2 = 0x12 };
enum { D_RTA_DST = 1, D_RTA_GATEWAY = 2, D_RTA_NETMASK = 4, D_RTA_IFP = 0x10, D_RTA_IFA = 0x20, D_RTA_BRD = 0x80 };
enum { D_RTF_UP = 1, D_RTF_GATEWAY = 2, D_RTF_STATIC = 0x800 };
enum { D_CLOCK_MONOTONIC_RAW = 4, D_CLOCK_UPTIME_RAW = 8 };
enum { L_AF_UNIX = 1, L_SOCK_DGRAM = 2, L_MSG_DONTWAIT = 0x40, L_CLOCK_MONOTONIC = 1 }; /* of Linux */

struct d_sockaddr_in { uint8_t len, family; uint16_t port; uint8_t addr[4]; uint8_t zero[8]; };
struct d_sockaddr_in6 { uint8_t len, family; uint16_t port; uint32_t flowinfo; uint8_t addr[16]; uint32_t scope_id; };
struct d_sockaddr_dl { uint8_t len, family; uint16_t index; uint8_t type, nlen, alen, slen; char data[12]; };

struct d_rt_metrics { uint32_t locks, mtu, hopcount; int32_t expire; uint32_t recvpipe, sendpipe, ssthresh, rtt, rttvar, pksent, state, filler[3]; };
struct d_rt_msghdr {
  uint16_t msglen; uint8_t version, type; uint16_t index; int32_t flags, addrs, pid, seq, error, use; uint32_t inits;
  struct d_rt_metrics rmx;
};
struct d_timeval32 { int32_t sec, usec; };
#pragma pack(4)
struct d_if_data64 {
  uint8_t type, typelen, physical, addrlen, hdrlen, recvquota, xmitquota, unused1;
  uint32_t mtu, metric;
  uint64_t baudrate, ipackets, ierrors, opackets, oerrors, collisions, ibytes, obytes, imcasts, omcasts, iqdrops, noproto;
  uint32_t recvtiming, xmittiming;
  struct d_timeval32 lastchange;
};
#pragma pack()
struct d_if_msghdr2 {
  uint16_t msglen; uint8_t version, type; int32_t addrs, flags; uint16_t index; int32_t snd_len, snd_maxlen, snd_drops, timer;
  struct d_if_data64 data;
};
struct d_ifa_msghdr { uint16_t msglen; uint8_t version, type; int32_t addrs, flags; uint16_t index; int32_t metric; };
struct d_in6_ifreq { char name[16]; union { struct d_sockaddr_in6 addr; int32_t flags6; uint64_t icmp6stat[34]; } u; };
struct d_kev_request { uint32_t vendor, class, subclass; };
struct d_kern_event_msg { uint32_t total_size, vendor, class, subclass, id, code, data[1]; };

_Static_assert(sizeof(struct d_rt_msghdr) == 92, "rt_msghdr");
_Static_assert(offsetof(struct d_rt_msghdr, error) == 24, "rtm_errno");
_Static_assert(sizeof(struct d_if_msghdr2) == 160, "if_msghdr2");
_Static_assert(offsetof(struct d_if_msghdr2, data.mtu) == 40, "ifi_mtu");
_Static_assert(sizeof(struct d_ifa_msghdr) == 20, "ifa_msghdr");
_Static_assert(sizeof(struct d_sockaddr_dl) == 20, "sockaddr_dl");
_Static_assert(sizeof(struct d_in6_ifreq) == 288, "in6_ifreq");

/* _IOW('e', 2, struct kev_request) and _IOWR('i', 73, struct in6_ifreq), bsd/sys/ioccom.h */
#define D_IOC(inout, group, num, len) ((unsigned long)(inout) | (((len) & 0x1fff) << 16) | ((group) << 8) | (num))
#define D_SIOCSKEVFILT D_IOC(0x80000000, 'e', 2, sizeof(struct d_kev_request))
#define D_SIOCGIFAFLAG_IN6 D_IOC(0xc0000000, 'i', 73, sizeof(struct d_in6_ifreq))

static int darwin_errno;
static int fail(int error) { darwin_errno = error; return -1; }

/* The descriptors that are not Linux's own: the caller has one end, we the other. */
enum kind { FREE, ROUTE, EVENTS, FLAGS, NOTIFY };
static struct { enum kind kind; int fd, ours, filtered; } sockets[64];
static int find(int fd) {
  for (int i = 0; i < 64; i++) if (sockets[i].kind != FREE && sockets[i].fd == fd) return i;
  return -1;
}
static int add(enum kind kind, int fd, int ours) {
  for (int i = 0; i < 64; i++) {
    if (sockets[i].kind != FREE) continue;
    sockets[i].kind = kind; sockets[i].fd = fd; sockets[i].ours = ours; sockets[i].filtered = 0;
    return fd;
  }
  return fail(24);
}

/* The network: en0, index 4, with IPv4 addresses out of 10.0.x.1/24 and one IPv6 address. */
static uint8_t subnets[16];
static int subnet_count = 1;
static int ipv6_flags = 2; /* IN6_IFF_TENTATIVE */
static long slept_seconds;
static const uint8_t IPV6[16] = { 0xfe, 0x80, 0, 4, [15] = 7 }; /* fe80::7 with its scope inside */

static size_t put(uint8_t *at, const void *bytes, size_t size, size_t padded) {
  memset(at, 0, padded);
  memcpy(at, bytes, size);
  return padded;
}
static size_t put_in(uint8_t *at, uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  struct d_sockaddr_in sin = { sizeof sin, D_AF_INET, 0, { a, b, c, d }, { 0 } };
  return put(at, &sin, sizeof sin, sizeof sin);
}
static size_t put_dl(uint8_t *at) {
  struct d_sockaddr_dl dl = { sizeof dl, D_AF_LINK, 4, 6, 3, 6, 0, "en0\x02\0\0\0\0\x04" };
  return put(at, &dl, sizeof dl, sizeof dl);
}
static size_t put_interface(uint8_t *at) {
  struct d_if_msghdr2 header = { .version = D_RTM_VERSION, .type = D_RTM_IFINFO2, .addrs = D_RTA_IFP, .flags = 0x8863, .index = 4, .data = { .type = 6, .mtu = 1500 } };
  header.msglen = sizeof header + sizeof(struct d_sockaddr_dl);
  put(at, &header, sizeof header, sizeof header);
  return sizeof header + put_dl(at + sizeof header);
}
static size_t put_ipv4(uint8_t *at, int type, uint8_t subnet, int live) {
  struct d_ifa_msghdr header = { .version = D_RTM_VERSION, .type = type, .addrs = D_RTA_NETMASK | D_RTA_IFA | D_RTA_BRD | (live ? D_RTA_IFP : 0), .index = 4 };
  static const uint8_t mask[] = { 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  size_t size = sizeof header;
  size += put(at + size, mask, sizeof mask, 8);
  if (live) size += put_dl(at + size);
  size += put_in(at + size, 10, 0, subnet, 1);
  size += put_in(at + size, 10, 0, subnet, 255);
  header.msglen = size;
  memcpy(at, &header, sizeof header);
  return size;
}
static size_t put_ipv6(uint8_t *at) {
  struct d_ifa_msghdr header = { .version = D_RTM_VERSION, .type = D_RTM_NEWADDR, .addrs = D_RTA_NETMASK | D_RTA_IFA, .index = 4 };
  struct d_sockaddr_in6 sin6 = { sizeof sin6, D_AF_INET6, 0, 0, { 0 }, 0 };
  uint8_t mask[16];
  size_t size = sizeof header;
  memset(mask, 0xff, sizeof mask);
  mask[0] = sizeof mask;
  memcpy(sin6.addr, IPV6, 16);
  size += put(at + size, mask, sizeof mask, sizeof mask);
  size += put(at + size, &sin6, sizeof sin6, sizeof sin6);
  header.msglen = size;
  memcpy(at, &header, sizeof header);
  return size;
}
static size_t put_route(uint8_t *at, int pid, int seq) {
  struct d_rt_msghdr header = { .version = D_RTM_VERSION, .type = D_RTM_GET, .index = 4, .flags = D_RTF_UP | D_RTF_GATEWAY | D_RTF_STATIC, .addrs = D_RTA_DST | D_RTA_GATEWAY | D_RTA_NETMASK | D_RTA_IFA, .pid = pid, .seq = seq };
  size_t size = sizeof header;
  size += put_in(at + size, 0, 0, 0, 0);
  size += put_in(at + size, 10, 0, 0, 254);
  size += put(at + size, "", 0, 4);
  size += put_in(at + size, 10, 0, 0, 1);
  header.msglen = size;
  memcpy(at, &header, sizeof header);
  return size;
}

static void deliver(enum kind kind, const void *bytes, size_t size) {
  for (int i = 0; i < 64; i++) {
    if (sockets[i].kind != kind || (kind == EVENTS && !sockets[i].filtered)) continue;
    syscall(SYS_sendto, sockets[i].ours, bytes, size, L_MSG_DONTWAIT, NULL, 0);
  }
}

/* What the test turns. */
void test_add_subnet(int subnet, int announces) {
  uint8_t message[256];
  subnets[subnet_count++] = subnet;
  if (announces) deliver(ROUTE, message, put_ipv4(message, D_RTM_NEWADDR, subnet, 1));
}
void test_pass_check(void) {
  struct d_kern_event_msg event = { sizeof event, 1, 1, 7, 1, 5, { 0 } }; /* KEV_ND6_SUBCLASS, KEV_ND6_DAD_SUCCESS */
  ipv6_flags = 0;
  deliver(EVENTS, &event, sizeof event);
}
void test_notify(int subnet) {
  static const uint8_t token[4] = { 0, 0, 0, 9 };
  subnets[subnet_count++] = subnet;
  for (int i = 0; i < 64; i++) if (sockets[i].kind == NOTIFY) syscall(SYS_write, sockets[i].ours, token, 4);
}
void test_sleep(int seconds) { slept_seconds += seconds; }
int test_open(void) {
  int open = 0;
  for (int i = 0; i < 64; i++) open += sockets[i].kind != FREE;
  return open;
}

/* What netwatch calls. */
int *darwin_error(void) __asm__("__error");
int *darwin_error(void) { return &darwin_errno; }

int darwin_socket(int domain, int type, int protocol) __asm__("socket");
int darwin_socket(int domain, int type, int protocol) {
  enum kind kind = domain == D_PF_ROUTE && type == D_SOCK_RAW && protocol == 0 ? ROUTE
    : domain == D_PF_SYSTEM && type == D_SOCK_RAW && protocol == 1 ? EVENTS
    : domain == D_AF_INET6 && type == D_SOCK_DGRAM && protocol == 0 ? FLAGS : FREE;
  int pair[2];
  if (kind == FREE) return fail(D_EAFNOSUPPORT);
  if (syscall(SYS_socketpair, L_AF_UNIX, L_SOCK_DGRAM, 0, pair) < 0) return fail(24);
  return add(kind, pair[0], pair[1]);
}

int darwin_close(int fd) __asm__("close");
int darwin_close(int fd) {
  int i = find(fd);
  if (i >= 0) {
    if (sockets[i].kind == NOTIFY) return fail(D_EBADF);
    syscall(SYS_close, sockets[i].ours);
    sockets[i].kind = FREE;
  }
  return syscall(SYS_close, fd) == 0 ? 0 : fail(D_EBADF);
}

int darwin_setsockopt(int fd, int level, int option, const void *value, uint32_t length) __asm__("setsockopt");
int darwin_setsockopt(int fd, int level, int option, const void *value, uint32_t length) {
  if (find(fd) < 0) return fail(D_EBADF);
  return level == D_SOL_SOCKET && option == D_SO_RCVBUF && length == 4 && *(const int *)value > 0 ? 0 : fail(D_ENOPROTOOPT);
}

int darwin_getsockopt(int fd, int level, int option, void *value, uint32_t *length) __asm__("getsockopt");
int darwin_getsockopt(int fd, int level, int option, void *value, uint32_t *length) {
  if (find(fd) < 0) return fail(D_EBADF);
  if (level != D_SOL_SOCKET || option != D_SO_ERROR || *length != 4) return fail(D_ENOPROTOOPT);
  *(int *)value = 0;
  return 0;
}

ssize_t darwin_recv(int fd, void *buffer, size_t length, int flags) __asm__("recv");
ssize_t darwin_recv(int fd, void *buffer, size_t length, int flags) {
  if (flags != D_MSG_DONTWAIT) return fail(D_EINVAL);
  ssize_t size = syscall(SYS_recvfrom, fd, buffer, length, L_MSG_DONTWAIT, NULL, NULL);
  return size < 0 ? fail(D_EAGAIN) : size;
}

ssize_t darwin_read(int fd, void *buffer, size_t length) __asm__("read");
ssize_t darwin_read(int fd, void *buffer, size_t length) { return syscall(SYS_read, fd, buffer, length); }

ssize_t darwin_write(int fd, const void *bytes, size_t length) __asm__("write");
ssize_t darwin_write(int fd, const void *bytes, size_t length) {
  int i = find(fd);
  if (i < 0) return syscall(SYS_write, fd, bytes, length);
  const struct d_rt_msghdr *header = bytes;
  if (sockets[i].kind != ROUTE || length < sizeof *header || header->msglen != length) return fail(D_EINVAL);
  if (header->version != D_RTM_VERSION || header->type != D_RTM_GET || !(header->addrs & D_RTA_DST)) return fail(D_EINVAL);
  uint8_t answer[256];
  deliver(ROUTE, answer, put_route(answer, getpid(), header->seq));
  return length;
}

int darwin_pipe(int pair[2]) __asm__("pipe");
int darwin_pipe(int pair[2]) { return syscall(SYS_pipe2, pair, 0); }

int darwin_poll(void *set, unsigned int count, int ms) __asm__("poll");
int darwin_poll(void *set, unsigned int count, int ms) {
  struct { long sec, nsec; } timeout = { ms / 1000, ms % 1000 * 1000000L };
  return syscall(SYS_ppoll, set, (unsigned long)count, ms < 0 ? NULL : &timeout, NULL, 8);
}

int darwin_sysctl(const int *name, unsigned length, void *old, size_t *size, const void *value, size_t value_length) __asm__("sysctl");
int darwin_sysctl(const int *name, unsigned length, void *old, size_t *size, const void *value, size_t value_length) {
  static uint8_t table[8192];
  size_t needed = 0;
  if (length != 6 || name[0] != D_CTL_NET || name[1] != D_PF_ROUTE || name[2] != 0 || value || value_length) return fail(D_EINVAL);
  if (name[4] == D_NET_RT_IFLIST2) {
    needed += put_interface(table);
    for (int i = 0; i < subnet_count; i++) needed += put_ipv4(table + needed, D_RTM_NEWADDR, subnets[i], 0);
    needed += put_ipv6(table + needed);
  } else if (name[4] == D_NET_RT_DUMP) {
    needed += put_route(table, 0, 0);
  } else {
    return fail(D_EINVAL);
  }
  size_t room = *size;
  *size = needed;
  if (!old) return 0;
  if (room < needed) return fail(D_ENOMEM);
  memcpy(old, table, needed);
  return 0;
}

struct d_timespec { long sec, nsec; };
int darwin_clock_gettime(int clock, struct d_timespec *time) __asm__("clock_gettime");
int darwin_clock_gettime(int clock, struct d_timespec *time) {
  if (clock != D_CLOCK_MONOTONIC_RAW && clock != D_CLOCK_UPTIME_RAW) return fail(D_EINVAL);
  syscall(SYS_clock_gettime, L_CLOCK_MONOTONIC, time);
  if (clock == D_CLOCK_MONOTONIC_RAW) time->sec += slept_seconds;
  return 0;
}

static int control(int fd, unsigned long request, void *argument) {
  int i = find(fd);
  if (i < 0) return fail(D_EBADF);
  if (sockets[i].kind == EVENTS && request == D_SIOCSKEVFILT) {
    struct d_kev_request *filter = argument;
    sockets[i].filtered = filter->vendor == 1 && filter->class == 1 && filter->subclass == 0;
    return 0;
  }
  if (sockets[i].kind != FLAGS || request != D_SIOCGIFAFLAG_IN6) return fail(D_EINVAL);
  struct d_in6_ifreq *ask = argument;
  uint8_t address[16];
  memcpy(address, ask->u.addr.addr, 16);
  if (address[2] == 0 && address[3] == 0) address[3] = 4; /* in6_control() fills the scope in */
  if (strcmp(ask->name, "en0") || ask->u.addr.family != D_AF_INET6 || memcmp(address, IPV6, 16)) return fail(D_EADDRNOTAVAIL);
  ask->u.flags6 = ipv6_flags;
  return 0;
}
#ifdef APPLE_ARM64
/* What a variadic ioctl of Apple arm64 sees: x0, x1, and the first argument on the stack. */
int darwin_ioctl(int fd, unsigned long request, long x2, long x3, long x4, long x5, long x6, long x7, void *stack) __asm__("ioctl");
int darwin_ioctl(int fd, unsigned long request, long x2, long x3, long x4, long x5, long x6, long x7, void *stack) {
  (void)x2, (void)x3, (void)x4, (void)x5, (void)x6, (void)x7;
  return control(fd, request, stack);
}
#else
int darwin_ioctl(int fd, unsigned long request, ...) __asm__("ioctl");
int darwin_ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return control(fd, request, argument);
}
#endif

#ifndef WITHOUT_NOTIFY
uint32_t notify_register_file_descriptor(const char *name, int *fd, int flags, int *token) {
  int pair[2];
  if (strcmp(name, "com.apple.system.config.network_change") || flags != 0) return 1;
  if (syscall(SYS_pipe2, pair, 0) < 0 || add(NOTIFY, pair[0], pair[1]) < 0) return 1000000;
  *fd = pair[0];
  *token = 9;
  return 0;
}
uint32_t notify_cancel(int token) {
  for (int i = 0; i < 64; i++) {
    if (sockets[i].kind != NOTIFY || token != 9) continue;
    syscall(SYS_close, sockets[i].fd);
    syscall(SYS_close, sockets[i].ours);
    sockets[i].kind = FREE;
    return 0;
  }
  return 2;
}
#endif
