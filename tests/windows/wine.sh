#!/usr/bin/env bash
# Windows for the tests: Wine 10 of Debian 13 and a Windows build of Deno, in a folder of their own.
#
#   tests/windows/wine.sh setup      sets both up, as root, once: 2 GB and some minutes
#   tests/windows/wine.sh deno ...   runs that Deno on this project; it sees the interfaces of the network namespace
#   tests/windows/wine.sh test       runs the tests (deno task test:windows)
set -euo pipefail

project=$(cd "$(dirname "$0")/../.." && pwd)
root=${NETWATCH_WINE_ROOT:-$HOME/.cache/netwatch-wine}
version=${DENO_VERSION:-$(sed -n 's/^DENO_VERSION=//p' "$project/.ci/run")}

setup() {
  [ "$(id -u)" -eq 0 ] || { echo "setup needs root" >&2; exit 1; }
  export DEBIAN_FRONTEND=noninteractive
  command -v debootstrap >/dev/null || { apt-get update -q; apt-get install -y -q debootstrap; }
  command -v x86_64-w64-mingw32-gcc >/dev/null ||
    apt-get install -y -q --no-install-recommends gcc-mingw-w64-x86-64-win32
  if [ ! -e "$root/.ready" ]; then
    rm -rf "$root"
    mkdir -p "$root"
    # the machine's own mirror
    local mirror
    mirror=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
      sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' | head -n 1) || true
    [ -n "$mirror" ] || { echo "no Debian mirror in apt's sources" >&2; exit 1; } # one of the two files is enough
    debootstrap --variant=minbase trixie "$root" "$mirror"
    cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    chroot "$root" sh -c 'apt-get update -q && apt-get install -y -q --no-install-recommends wine wine64'
    (cd "$root/opt" && npm pack --silent "@deno/win32-x64@$version" >deno.name && tar xzf "$(cat deno.name)" && mv package deno)
    touch "$root/.ready"
  fi
  (inside wineboot -i) >/dev/null 2>&1 || true
  echo "ready: $root"
}

# Mounts and processes live in namespaces of their own, and Wine's server is a new one each time: an older one would
# go on to show the interfaces of its own network namespace.
inside() {
  mkdir -p "$root/opt/project" "$root/opt/deno-dir"
  project="$project" root="$root" exec unshare --mount --pid --fork --kill-child bash -c '
    mount --bind "$project" "$root/opt/project" && mount -t tmpfs tmpfs "$root/tmp" && mount -t proc proc "$root/proc" &&
    mount --bind /dev "$root/dev" && exec chroot "$root" sh -c '"'"'
      cd /opt/project && export HOME=/root WINEDEBUG=-all NO_COLOR=1 DENO_NO_UPDATE_CHECK=1 XDG_RUNTIME_DIR=/tmp \
        DENO_DIR="Z:\\opt\\deno-dir"
      if [ "$1" = wineboot ]; then wine "$@"; exec wineserver -w; fi # which writes the registry at its end
      exec wine "$@"'"'"' sh "$@"' bash "$@"
}

# Deno under Wine reaches no registry, because it does not find the certificates.
fetch_packages() {
  local stamp
  stamp="$root/opt/deno-dir/.$(sha256sum <"$project/deno.lock" | cut -c1-16)"
  mkdir -p "$root/opt/deno-dir"
  [ -e "$stamp" ] ||
    (cd "$project" && DENO_DIR="$root/opt/deno-dir" deno cache --quiet --no-lock mod.ts examples/*.ts links/*/*.ts && touch "$stamp")
}

missing() {
  [ -e "$root/.ready" ] || { echo "Wine is not set up: run 'tests/windows/wine.sh setup' as root"; return; }
  [ "$(id -u)" -eq 0 ] || { echo "needs root, for chroot"; return; }
  command -v x86_64-w64-mingw32-gcc >/dev/null || echo "x86_64-w64-mingw32-gcc is not installed"
}

run_tests() {
  local reason
  reason=$(missing)
  [ -z "$reason" ] || { echo "skipped: $reason"; exit 0; }
  cd "$project"
  mkdir -p tests/windows/build
  x86_64-w64-mingw32-gcc -shared -O1 -Wall -Wextra -Wno-cast-function-type -o tests/windows/build/standin.dll \
    tests/windows/standin.c
  fetch_packages
  unshare -n deno test -P tests/windows/live.ts
  # a network namespace for both: the addresses of this machine change as they like
  for flags in "" -P; do
    # shellcheck disable=SC2086
    unshare -n bash -c 'ip link set lo up && exec bash "$@"' bash "$0" deno test $flags
  done
}

case "${1:-}" in
setup) setup ;;
deno) shift && inside /opt/deno/deno.exe "$@" ;;
test) run_tests ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
