import { assertEquals } from "@std/assert";
import { errnoName } from "../../ffi/errno.ts";

const CASES: readonly [os: "linux" | "darwin" | "freebsd", code: number, name: string][] = [
  ["linux", 1, "EPERM"],
  ["linux", 4, "EINTR"],
  ["linux", 11, "EAGAIN"],
  ["linux", 19, "ENODEV"],
  ["linux", 38, "ENOSYS"],
  ["linux", 95, "EOPNOTSUPP"],
  ["linux", 101, "ENETUNREACH"],
  ["linux", 105, "ENOBUFS"],
  ["linux", 125, "ECANCELED"],
  ["darwin", 1, "EPERM"],
  ["darwin", 11, "EDEADLK"],
  ["darwin", 35, "EAGAIN"],
  ["darwin", 45, "ENOTSUP"],
  ["darwin", 55, "ENOBUFS"],
  ["darwin", 102, "EOPNOTSUPP"],
  ["freebsd", 35, "EAGAIN"],
  ["freebsd", 45, "EOPNOTSUPP"],
  ["freebsd", 55, "ENOBUFS"],
  ["freebsd", 85, "ECANCELED"],
  ["linux", 0, "E?"],
  ["linux", -1, "E?"],
  ["linux", 100_000, "E?"],
  ["darwin", 105, "E?"],
  ["freebsd", 102, "E?"],
];

Deno.test("errnoName() knows the numbers of each operating system, which differ above 34", () => {
  for (const [os, code, name] of CASES) assertEquals(errnoName(os, code), name, `${os} ${code}`);
});
