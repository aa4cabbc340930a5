/*
 * Stands in for iphlpapi.dll: two adapters, and notifications that fire on threads of their own, as often
 * as a test wants. CancelMibChangeNotify2 waits for callbacks that are running, as Windows does.
 *
 *     x86_64-w64-mingw32-gcc -shared -O1 -o build/standin.dll standin.c
 */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <netioapi.h>
#include <stdlib.h>

/* The headers declare the functions as imported, so they have other names here. */
#define EXPORT(result, name, parameters) \
  __declspec(dllexport) result WINAPI standin_##name parameters __asm__(#name); \
  result WINAPI standin_##name parameters
#define CONTROL(result, name, parameters) __declspec(dllexport) result standin_##name parameters

enum { API_ADDRESS, API_INTERFACE, API_ROUTE, API_COUNT };

/* What a test sets. SET_REFUSED, SET_NO_HANDLE, SET_SILENT and SET_DEAF are masks of APIs. */
enum { SET_REFUSED, SET_NO_HANDLE, SET_SILENT, SET_DEAF, SET_ADDRESSES, SET_GROWTH, SET_BEST_ROUTE_ERROR, SET_OPERATIONS_REFUSED, SET_LIST_MS, SET_COUNT };
/* What a test reads. */
enum { COUNT_REGISTERED, COUNT_FIRED, COUNT_STORMS, COUNT_TABLES, COUNT_OPERATIONS, COUNT_COUNT };

static volatile LONG settings[SET_COUNT];
static volatile LONG counts[COUNT_COUNT];

typedef void(WINAPI *callback)(void *context, void *row, MIB_NOTIFICATION_TYPE type);

#define SLOTS 256
static struct {
  int used, cancelled, api;
  volatile LONG running;
  callback call;
  void *context;
} slots[SLOTS];
static OVERLAPPED *operation;
static CRITICAL_SECTION lock;

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved) {
  (void)module, (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) InitializeCriticalSection(&lock);
  return TRUE;
}

static int masked(int setting, int api) { return settings[setting] >> api & 1; }

static void call(int slot, void *row, MIB_NOTIFICATION_TYPE type) {
  EnterCriticalSection(&lock);
  int live = slots[slot].used && !slots[slot].cancelled;
  if (live) InterlockedIncrement(&slots[slot].running);
  LeaveCriticalSection(&lock);
  if (!live) return;
  slots[slot].call(slots[slot].context, row, type);
  InterlockedIncrement(&counts[COUNT_FIRED]);
  InterlockedDecrement(&slots[slot].running);
}

static DWORD WINAPI fire_initial(void *slot) { return call((int)(INT_PTR)slot, NULL, MibInitialNotification), 0; }

static void start(LPTHREAD_START_ROUTINE routine, INT_PTR argument) {
  HANDLE thread = CreateThread(NULL, 65536, routine, (void *)argument, 0, NULL);
  if (thread) CloseHandle(thread);
}

static DWORD add(int api, callback f, void *context, BOOLEAN initial, HANDLE *handle) {
  if (masked(SET_REFUSED, api)) return ERROR_ACCESS_DENIED;
  *handle = NULL;
  if (masked(SET_NO_HANDLE, api)) return NO_ERROR;
  EnterCriticalSection(&lock);
  int slot = 0;
  while (slot < SLOTS && slots[slot].used) slot++;
  if (slot < SLOTS) {
    slots[slot].used = 1, slots[slot].cancelled = 0, slots[slot].api = api;
    slots[slot].call = f, slots[slot].context = context;
    InterlockedIncrement(&counts[COUNT_REGISTERED]);
  }
  LeaveCriticalSection(&lock);
  if (slot == SLOTS) return ERROR_NO_SYSTEM_RESOURCES;
  *handle = (HANDLE)(INT_PTR)(slot + 1);
  if (initial && !masked(SET_SILENT, api)) start(fire_initial, slot);
  return NO_ERROR;
}

EXPORT(DWORD, NotifyUnicastIpAddressChange, (ADDRESS_FAMILY family, callback f, void *context, BOOLEAN initial, HANDLE *handle)) {
  return family == AF_UNSPEC ? add(API_ADDRESS, f, context, initial, handle) : ERROR_INVALID_PARAMETER;
}
EXPORT(DWORD, NotifyIpInterfaceChange, (ADDRESS_FAMILY family, callback f, void *context, BOOLEAN initial, HANDLE *handle)) {
  return family == AF_UNSPEC ? add(API_INTERFACE, f, context, initial, handle) : ERROR_INVALID_PARAMETER;
}
EXPORT(DWORD, NotifyRouteChange2, (ADDRESS_FAMILY family, callback f, void *context, BOOLEAN initial, HANDLE *handle)) {
  return family == AF_UNSPEC ? add(API_ROUTE, f, context, initial, handle) : ERROR_INVALID_PARAMETER;
}
EXPORT(DWORD, CancelMibChangeNotify2, (HANDLE handle)) {
  int slot = (int)(INT_PTR)handle - 1;
  if (slot < 0 || slot >= SLOTS || !slots[slot].used) return ERROR_INVALID_PARAMETER;
  EnterCriticalSection(&lock);
  slots[slot].cancelled = 1;
  LeaveCriticalSection(&lock);
  while (slots[slot].running) Sleep(0);
  slots[slot].used = 0;
  InterlockedDecrement(&counts[COUNT_REGISTERED]);
  return NO_ERROR;
}

static void fire(int api, int round) {
  static const ADDRESS_FAMILY families[] = {AF_INET, AF_INET6};
  MIB_UNICASTIPADDRESS_ROW address = {0};
  MIB_IPINTERFACE_ROW interface_row = {0};
  MIB_IPFORWARD_ROW2 route = {0};
  address.Address.si_family = interface_row.Family = route.DestinationPrefix.Prefix.si_family = families[round % 2];
  void *rows[] = {&address, &interface_row, &route};
  if (masked(SET_DEAF, api)) return;
  for (int slot = 0; slot < SLOTS; slot++)
    if (slots[slot].used && slots[slot].api == api) call(slot, rows[api], (MIB_NOTIFICATION_TYPE)(round % 3));
}

static DWORD WINAPI storm(void *argument) {
  int api = (int)((INT_PTR)argument & 3), count = (int)((INT_PTR)argument >> 2);
  for (int round = 0; round < count; round++) fire(api, round);
  InterlockedDecrement(&counts[COUNT_STORMS]);
  return 0;
}

/* Fires so many notifications of each API, on a thread for each. */
CONTROL(void, storm, (int count)) {
  for (int api = 0; api < API_COUNT; api++) {
    InterlockedIncrement(&counts[COUNT_STORMS]);
    start(storm, (INT_PTR)count << 2 | api);
  }
}
/* One change. */
CONTROL(void, change, (void)) {
  EnterCriticalSection(&lock);
  OVERLAPPED *pending = operation;
  operation = NULL;
  LeaveCriticalSection(&lock);
  if (pending) pending->Internal = 0, SetEvent(pending->hEvent);
  standin_storm(1);
}
CONTROL(void, set, (int setting, int value)) { settings[setting] = value; }
CONTROL(int, get, (int count)) { return counts[count]; }

EXPORT(DWORD, NotifyAddrChange, (HANDLE *handle, OVERLAPPED *overlapped)) {
  if (settings[SET_OPERATIONS_REFUSED]) return ERROR_NOT_SUPPORTED;
  EnterCriticalSection(&lock);
  overlapped->Internal = STATUS_PENDING;
  operation = overlapped;
  *handle = (HANDLE)overlapped;
  LeaveCriticalSection(&lock);
  InterlockedIncrement(&counts[COUNT_OPERATIONS]);
  return ERROR_IO_PENDING;
}
EXPORT(BOOL, CancelIPChangeNotify, (OVERLAPPED *overlapped)) {
  EnterCriticalSection(&lock);
  if (operation == overlapped) operation = NULL;
  LeaveCriticalSection(&lock);
  overlapped->Internal = (ULONG_PTR)0xC0000120; /* STATUS_CANCELLED */
  return SetEvent(overlapped->hEvent);
}

static void set_address(SOCKADDR_INET *at, int family, int number) {
  at->si_family = (ADDRESS_FAMILY)family;
  if (family == AF_INET) at->Ipv4.sin_addr.s_addr = __builtin_bswap32(0x0a000000 + number);
  else at->Ipv6.sin6_addr.s6_addr[0] = 0x20, at->Ipv6.sin6_addr.s6_addr[1] = 0x01, at->Ipv6.sin6_addr.s6_addr[2] = 0x0d,
       at->Ipv6.sin6_addr.s6_addr[3] = 0xb8, at->Ipv6.sin6_addr.s6_addr[15] = (UCHAR)number;
}

struct one_address {
  IP_ADAPTER_UNICAST_ADDRESS_LH record;
  SOCKADDR_INET address;
};
static const WCHAR name[] = L"net0";

/*
 * "net0", index 7: 10.0.0.1 and so on, and 2001:db8::1. More than doubles at each call while SET_GROWTH says so.
 * Takes SET_LIST_MS milliseconds.
 */
EXPORT(ULONG, GetAdaptersAddresses, (ULONG family, ULONG flags, void *reserved, IP_ADAPTER_ADDRESSES_LH *adapter, ULONG *size)) {
  (void)family, (void)flags, (void)reserved;
  Sleep(settings[SET_LIST_MS]);
  if (settings[SET_GROWTH] > 0) settings[SET_GROWTH]--, settings[SET_ADDRESSES] = settings[SET_ADDRESSES] * 2 + 200;
  ULONG count = settings[SET_ADDRESSES] + 1, needed = sizeof *adapter + count * sizeof(struct one_address) + sizeof name;
  if (*size < needed) return *size = needed, ERROR_BUFFER_OVERFLOW;
  struct one_address *addresses = (void *)(adapter + 1);
  ZeroMemory(adapter, needed);
  adapter->Length = sizeof *adapter;
  adapter->IfIndex = adapter->Ipv6IfIndex = 7;
  adapter->AdapterName = "{00000000-0000-0000-0000-000000000000}";
  adapter->IfType = IF_TYPE_ETHERNET_CSMACD;
  adapter->OperStatus = IfOperStatusUp;
  adapter->Mtu = 1500;
  adapter->Ipv4Metric = 25, adapter->Ipv6Metric = 35;
  adapter->FirstUnicastAddress = &addresses[0].record;
  adapter->FriendlyName = adapter->Description = (WCHAR *)(addresses + count);
  CopyMemory(adapter->FriendlyName, name, sizeof name);
  for (ULONG i = 0; i < count; i++) {
    IP_ADAPTER_UNICAST_ADDRESS_LH *record = &addresses[i].record;
    int is_ipv6 = i == count - 1;
    record->Length = sizeof *record;
    record->Next = is_ipv6 ? NULL : &addresses[i + 1].record;
    set_address(&addresses[i].address, is_ipv6 ? AF_INET6 : AF_INET, is_ipv6 ? 1 : (int)i + 1);
    record->Address.lpSockaddr = (SOCKADDR *)&addresses[i].address;
    record->Address.iSockaddrLength = is_ipv6 ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN);
    record->OnLinkPrefixLength = is_ipv6 ? 64 : 8;
    record->DadState = IpDadStatePreferred;
    record->ValidLifetime = 0xffffffff;
  }
  return NO_ERROR;
}

static void set_route(MIB_IPFORWARD_ROW2 *row, int family) {
  ZeroMemory(row, sizeof *row);
  row->InterfaceIndex = 7;
  row->Metric = 5;
  row->DestinationPrefix.Prefix.si_family = (ADDRESS_FAMILY)family;
  set_address(&row->NextHop, family, 254);
}

EXPORT(DWORD, GetBestRoute2, (NET_LUID *luid, NET_IFINDEX index, SOCKADDR_INET *from, SOCKADDR_INET *to, ULONG options, MIB_IPFORWARD_ROW2 *row, SOCKADDR_INET *source)) {
  (void)luid, (void)index, (void)from, (void)options;
  if (settings[SET_BEST_ROUTE_ERROR]) return settings[SET_BEST_ROUTE_ERROR];
  set_route(row, to->si_family);
  set_address(source, to->si_family, 1);
  return NO_ERROR;
}
EXPORT(DWORD, GetIpForwardTable2, (ADDRESS_FAMILY family, MIB_IPFORWARD_TABLE2 **table)) {
  (void)family;
  *table = calloc(1, sizeof(MIB_IPFORWARD_TABLE2) + sizeof(MIB_IPFORWARD_ROW2));
  (*table)->NumEntries = 2;
  set_route(&(*table)->Table[0], AF_INET);
  set_route(&(*table)->Table[1], AF_INET6);
  InterlockedIncrement(&counts[COUNT_TABLES]);
  return NO_ERROR;
}
EXPORT(void, FreeMibTable, (void *table)) {
  free(table);
  InterlockedDecrement(&counts[COUNT_TABLES]);
}
