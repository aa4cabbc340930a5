/**
 * Duplicate address detection inside a network namespace.
 *
 * @module
 */

/**
 * Off: an IPv6 address is usable at once. With it the kernel announces an address only when the detection
 * is done, a second or two later.
 */
export function withoutDad(): void {
  for (const scope of ["all", "default"]) {
    Deno.writeTextFileSync(`/proc/sys/net/ipv6/conf/${scope}/accept_dad`, "0");
  }
}
