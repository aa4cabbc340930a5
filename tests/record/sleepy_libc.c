/* The C library on a machine that has slept for eight hours, once the file that NETWATCH_SLEPT names exists.
 * Everything else comes from the real one, which this library depends on. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, clock, now);
  const char *slept = getenv("NETWATCH_SLEPT");
  if (clock == CLOCK_BOOTTIME && slept && access(slept, F_OK) == 0) now->tv_sec += 8 * 3600;
  return result;
}
