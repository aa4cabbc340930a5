/**
 * Policy rule messages (struct fib_rule_hdr and FRA_*, linux/fib_rules.h).
 *
 * @module
 */
import { DecodeError } from "../../state/errors.ts";
import { interfaceName } from "../../state/interface_name.ts";
import {
  addressValue,
  align4,
  attributeLength,
  attributeType,
  stringValue,
  u32,
  u32Value,
  u8Value,
} from "./attribute.ts";
import {
  FIB_RULE_HDR_SIZE,
  FRA_DST,
  FRA_FWMARK,
  FRA_FWMASK,
  FRA_GOTO,
  FRA_IIFNAME,
  FRA_L3MDEV,
  FRA_OIFNAME,
  FRA_PRIORITY,
  FRA_SRC,
  FRA_SUPPRESS_PREFIXLEN,
  FRA_TABLE,
} from "./constants.ts";

/** What a policy rule message says. */
export interface RuleMessage {
  /** AF_INET or AF_INET6; others occur. */
  family: number;
  /** FR_ACT_*. */
  action: number;
  /** The table to look in, all 32 bits; 0 where the action has none. */
  table: number;
  /** Its place in the order; null where the message has none, which is what the kernel does for 0. */
  priority: number | null;
  /** FIB_RULE_*. */
  flags: number;
  /** How many bits of the destination count. */
  destinationLength: number;
  /** How many bits of the source count. */
  sourceLength: number;
  /** For destinations in this prefix: a copy. */
  destination: Uint8Array | null;
  /** For sources in this prefix: a copy. */
  source: Uint8Array | null;
  /** For packets that came in by this interface. */
  inInterface: string | null;
  /** For packets of sockets bound to this interface. */
  outInterface: string | null;
  /** For packets with this mark. */
  mark: number | null;
  /** The bits of the mark that count. */
  markMask: number | null;
  /** The priority of the rule to go on at. */
  goto: number | null;
  /** Routes of at most this prefix length do not count; null where all do. */
  suppressPrefixLength: number | null;
  /** The table is that of the VRF. */
  l3mdev: boolean;
}

/** Decodes the body of RTM_NEWRULE or RTM_DELRULE. Throws DecodeError. */
export function decodeRule(body: Uint8Array): RuleMessage {
  if (body.length < FIB_RULE_HDR_SIZE) throw new DecodeError("fib_rule_hdr", 0);
  const rule: RuleMessage = {
    family: body[0]!,
    action: body[7]!,
    table: body[4]!,
    priority: null,
    flags: u32(body, 8),
    destinationLength: body[1]!,
    sourceLength: body[2]!,
    destination: null,
    source: null,
    inInterface: null,
    outInterface: null,
    mark: null,
    markMask: null,
    goto: null,
    suppressPrefixLength: null,
    l3mdev: false,
  };
  for (let at = FIB_RULE_HDR_SIZE, length = 0; at < body.length; at += align4(length)) {
    length = attributeLength(body, at, body.length);
    readAttribute(rule, body, at, length);
  }
  return rule;
}

function readAttribute(rule: RuleMessage, body: Uint8Array, at: number, length: number): void {
  switch (attributeType(body, at)) {
    case FRA_TABLE:
      rule.table = u32Value(body, at, length, "FRA_TABLE");
      break;
    case FRA_PRIORITY:
      rule.priority = u32Value(body, at, length, "FRA_PRIORITY");
      break;
    case FRA_DST:
      rule.destination = addressValue(body, at, length, rule.family, "FRA_DST");
      break;
    case FRA_SRC:
      rule.source = addressValue(body, at, length, rule.family, "FRA_SRC");
      break;
    case FRA_IIFNAME:
      rule.inInterface = interfaceName(stringValue(body, at, length));
      break;
    case FRA_OIFNAME:
      rule.outInterface = interfaceName(stringValue(body, at, length));
      break;
    case FRA_FWMARK:
      rule.mark = u32Value(body, at, length, "FRA_FWMARK");
      break;
    case FRA_FWMASK:
      rule.markMask = u32Value(body, at, length, "FRA_FWMASK");
      break;
    case FRA_GOTO:
      rule.goto = u32Value(body, at, length, "FRA_GOTO");
      break;
    case FRA_SUPPRESS_PREFIXLEN: {
      // The kernel sends -1 with every rule that suppresses nothing.
      const prefixLength = u32Value(body, at, length, "FRA_SUPPRESS_PREFIXLEN");
      rule.suppressPrefixLength = prefixLength === 0xffffffff ? null : prefixLength;
      break;
    }
    case FRA_L3MDEV:
      rule.l3mdev = u8Value(body, at, length, "FRA_L3MDEV") !== 0;
      break;
  }
}
