// Numbers of the Windows ABI, x64 and arm64. `tests/layouts/` compares each with the headers of MinGW.

// winsock2.h, ws2def.h, ws2ipdef.h
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 23;
export const SOCK_DGRAM = 2;
export const WSA_FLAG_OVERLAPPED = 0x01;
export const WSA_FLAG_NO_HANDLE_INHERIT = 0x80;
export const SIO_ADDRESS_LIST_CHANGE = 0x28000017;
export const WSADATA_SIZE = 408;

// winbase.h
export const WAIT_TIMEOUT = 258;
export const LPTR = 0x40;
export const GET_MODULE_HANDLE_EX_FLAG_PIN = 0x1;
export const FORMAT_MESSAGE_IGNORE_INSERTS = 0x200;
export const FORMAT_MESSAGE_FROM_SYSTEM = 0x1000;
export const FORMAT_MESSAGE_MAX_WIDTH_MASK = 0xff;

// winerror.h
export const ERROR_SUCCESS = 0;
export const ERROR_NOT_SUPPORTED = 50;
export const ERROR_BUFFER_OVERFLOW = 111;
export const ERROR_NO_DATA = 232;
export const ERROR_IO_PENDING = 997;
export const ERROR_NETWORK_UNREACHABLE = 1231;
export const ERROR_HOST_UNREACHABLE = 1232;

// iptypes.h
export const GAA_FLAG_SKIP_ANYCAST = 0x2;
export const GAA_FLAG_SKIP_MULTICAST = 0x4;
export const GAA_FLAG_SKIP_DNS_SERVER = 0x8;
export const GAA_FLAG_INCLUDE_GATEWAYS = 0x80;
export const MAX_ADAPTER_ADDRESS_LENGTH = 8;

// ifdef.h: IF_OPER_STATUS, TUNNEL_TYPE; nldef.h: NL_DAD_STATE, NL_SUFFIX_ORIGIN
export const IfOperStatusUp = 1;
export const IfOperStatusUnknown = 4;
export const IfOperStatusNotPresent = 6;
export const TUNNEL_TYPE_NONE = 0;
export const IpDadStateInvalid = 0;
export const IpDadStateTentative = 1;
export const IpDadStateDuplicate = 2;
export const IpDadStateDeprecated = 3;
export const IpSuffixOriginRandom = 5;

// ipifcons.h
export const IF_TYPE_ETHERNET_CSMACD = 6;
export const IF_TYPE_PPP = 23;
export const IF_TYPE_SOFTWARE_LOOPBACK = 24;
export const IF_TYPE_PROP_VIRTUAL = 53;
export const IF_TYPE_IEEE80211 = 71;
export const IF_TYPE_TUNNEL = 131;
export const IF_TYPE_WWANPP = 243;
export const IF_TYPE_WWANPP2 = 244;

export const IP_ADAPTER_ADDRESSES_LH_SIZE = 448;
export const IP_ADAPTER_ADDRESSES_LH = {
  Length: 0,
  IfIndex: 4,
  Next: 8,
  FirstUnicastAddress: 24,
  Description: 64,
  FriendlyName: 72,
  PhysicalAddress: 80,
  PhysicalAddressLength: 88,
  Flags: 92,
  Mtu: 96,
  IfType: 100,
  OperStatus: 104,
  Ipv6IfIndex: 108,
  FirstGatewayAddress: 208,
  Ipv4Metric: 216,
  Ipv6Metric: 220,
  TunnelType: 272,
} as const;

export const IP_ADAPTER_UNICAST_ADDRESS_LH_SIZE = 64;
export const IP_ADAPTER_UNICAST_ADDRESS_LH = {
  Length: 0,
  Next: 8,
  Address: 16,
  SuffixOrigin: 36,
  DadState: 40,
  ValidLifetime: 44,
  OnLinkPrefixLength: 56,
} as const;

export const SOCKET_ADDRESS = { lpSockaddr: 0, iSockaddrLength: 8 } as const;

export const SOCKADDR_INET_SIZE = 28;
export const SOCKADDR_IN_SIZE = 16;
export const SOCKADDR_IN = { sin_family: 0, sin_addr: 4 } as const;
export const SOCKADDR_IN6_SIZE = 28;
export const SOCKADDR_IN6 = { sin6_addr: 8 } as const;

export const MIB_IPFORWARD_TABLE2 = { NumEntries: 0, Table: 8 } as const;
export const MIB_IPFORWARD_ROW2_SIZE = 104;
export const MIB_IPFORWARD_ROW2 = {
  InterfaceIndex: 8,
  DestinationPrefix: 12,
  "DestinationPrefix.PrefixLength": 40,
  NextHop: 44,
  Metric: 84,
  Loopback: 92,
} as const;

export const OVERLAPPED_SIZE = 32;
export const OVERLAPPED = { Internal: 0, hEvent: 24 } as const;
/** ntstatus.h: what `Internal` holds while the operation runs. */
export const STATUS_PENDING = 0x103;
