/**
 * The wire trace of Linux: one line per message.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type AddressMessage, formatEvent } from "../../ffi/linux/messages.ts";
import { parseIp } from "../../state/ip.ts";
import { linkMessage } from "../support/netlink.ts";

const IPV4: AddressMessage = {
  family: "IPv4",
  index: 2,
  prefixLength: 24,
  flags: 0x80,
  local: parseIp("192.0.2.7")!,
  peer: null,
};
const IPV6: AddressMessage = { ...IPV4, family: "IPv6", local: parseIp("2001:db8::7")! };

Deno.test("formatEvent() formats each event in one line", () => {
  const flags = 0x11043;
  const eth0 = linkMessage(2, "eth0", { flags, mtu: 1400, operstate: 6 });
  const veth = linkMessage(17, "veth1", { flags, mtu: 1500, operstate: 2, kind: "veth" });
  const hostile = linkMessage(3, "e\x1b[2J", { flags, mtu: 0, operstate: 0, kind: "a\nb" });
  const peer = parseIp("192.0.2.8")!;
  const lines: [Parameters<typeof formatEvent>[0], string][] = [
    [{ kind: "link", link: eth0 }, "link 2 eth0 flags 0x11043 mtu 1400 operstate 6"],
    [{ kind: "link", link: veth }, "link 17 veth1 flags 0x11043 mtu 1500 operstate 2 kind veth"],
    [
      { kind: "link", link: hostile },
      "link 3 e\\u{1b}[2J flags 0x11043 mtu 0 operstate 0 kind a\\u{a}b",
    ],
    [{ kind: "link-gone", index: 17 }, "link-gone 17"],
    [{ kind: "address", address: IPV4 }, "address 2 192.0.2.7/24 flags 0x80"],
    [
      { kind: "address-gone", address: { ...IPV4, peer } },
      "address-gone 2 192.0.2.7/24 peer 192.0.2.8 flags 0x80",
    ],
    [
      { kind: "address", address: { ...IPV6, prefixLength: 64, flags: 0x240 } },
      "address 2 2001:db8::7/64 flags 0x240",
    ],
    [{ kind: "acknowledgement", sequence: 12 }, "acknowledgement 12"],
    [{ kind: "routes" }, "routes"],
  ];
  for (const [event, line] of lines) assertEquals(formatEvent(event), line);
});
