/**
 * Names of error numbers, for messages only: nothing is decided by them.
 *
 * @module
 */

/** 1 to 34, except 11: the same since Version 7 Unix (asm-generic/errno-base.h, sys/errno.h). */
const COMMON: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  7: "E2BIG",
  8: "ENOEXEC",
  9: "EBADF",
  10: "ECHILD",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  25: "ENOTTY",
  28: "ENOSPC",
  32: "EPIPE",
  33: "EDOM",
  34: "ERANGE",
};

/** What 4.4BSD's descendants share above that (sys/errno.h of xnu and of FreeBSD). */
const BSD: Readonly<Record<number, string>> = {
  ...COMMON,
  11: "EDEADLK",
  35: "EAGAIN",
  36: "EINPROGRESS",
  37: "EALREADY",
  38: "ENOTSOCK",
  39: "EDESTADDRREQ",
  40: "EMSGSIZE",
  41: "EPROTOTYPE",
  42: "ENOPROTOOPT",
  43: "EPROTONOSUPPORT",
  44: "ESOCKTNOSUPPORT",
  46: "EPFNOSUPPORT",
  47: "EAFNOSUPPORT",
  48: "EADDRINUSE",
  49: "EADDRNOTAVAIL",
  50: "ENETDOWN",
  51: "ENETUNREACH",
  52: "ENETRESET",
  53: "ECONNABORTED",
  54: "ECONNRESET",
  55: "ENOBUFS",
  56: "EISCONN",
  57: "ENOTCONN",
  58: "ESHUTDOWN",
  60: "ETIMEDOUT",
  61: "ECONNREFUSED",
  64: "EHOSTDOWN",
  65: "EHOSTUNREACH",
  78: "ENOSYS",
  84: "EOVERFLOW",
};

const NAMES: Readonly<Record<"linux" | "darwin" | "freebsd", Readonly<Record<number, string>>>> = {
  // asm-generic/errno.h
  linux: {
    ...COMMON,
    11: "EAGAIN",
    35: "EDEADLK",
    38: "ENOSYS",
    71: "EPROTO",
    75: "EOVERFLOW",
    88: "ENOTSOCK",
    89: "EDESTADDRREQ",
    90: "EMSGSIZE",
    91: "EPROTOTYPE",
    92: "ENOPROTOOPT",
    93: "EPROTONOSUPPORT",
    94: "ESOCKTNOSUPPORT",
    95: "EOPNOTSUPP",
    96: "EPFNOSUPPORT",
    97: "EAFNOSUPPORT",
    98: "EADDRINUSE",
    99: "EADDRNOTAVAIL",
    100: "ENETDOWN",
    101: "ENETUNREACH",
    102: "ENETRESET",
    103: "ECONNABORTED",
    104: "ECONNRESET",
    105: "ENOBUFS",
    106: "EISCONN",
    107: "ENOTCONN",
    108: "ESHUTDOWN",
    110: "ETIMEDOUT",
    111: "ECONNREFUSED",
    112: "EHOSTDOWN",
    113: "EHOSTUNREACH",
    114: "EALREADY",
    115: "EINPROGRESS",
    125: "ECANCELED",
  },
  darwin: { ...BSD, 45: "ENOTSUP", 89: "ECANCELED", 100: "EPROTO", 102: "EOPNOTSUPP" },
  freebsd: { ...BSD, 45: "EOPNOTSUPP", 85: "ECANCELED", 92: "EPROTO", 93: "ENOTCAPABLE" },
};

/** The symbolic name of an error number, such as `"EPERM"`; `"E?"` where it is not known. */
export function errnoName(os: "linux" | "darwin" | "freebsd", code: number): string {
  return NAMES[os][code] ?? "E?";
}
