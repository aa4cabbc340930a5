// One line of text per message of the kernel, for the wire trace.
import { escapeText } from "../../state/format.ts";
import { formatIp } from "../../state/ip.ts";
import type { KernelEvent } from "./classify.ts";

/** A message as text, such as `address 2 192.0.2.1/24 flags 0x80`: one line, safe to print. */
export function formatEvent(event: KernelEvent): string {
  switch (event.kind) {
    case "link": {
      const { flags, index, kind, mtu, name, operstate } = event.link;
      const parts = [`flags ${hex(flags)}`, `mtu ${mtu}`, `operstate ${operstate}`];
      if (kind !== null) parts.push(`kind ${escapeText(kind)}`);
      return `link ${index} ${escapeText(name)} ${parts.join(" ")}`;
    }
    case "link-gone":
      return `link-gone ${event.index}`;
    case "address":
    case "address-gone": {
      const { flags, index, local, peer, prefixLength } = event.address;
      const other = peer === null ? "" : ` peer ${formatIp(peer)}`;
      return `${event.kind} ${index} ${formatIp(local)}/${prefixLength}${other} flags ${
        hex(flags)
      }`;
    }
    case "acknowledgement":
      return `acknowledgement ${event.sequence}`;
    default:
      return event.kind;
  }
}

function hex(flags: number): string {
  return `0x${flags.toString(16)}`;
}
