#!/bin/sh
# Watches with `ip monitor`, whose lines begin with a UTC time. For the protocol see README.md.
exec 3<&0
file=$(mktemp)
(
  cat <&3 >/dev/null
  kill "$$"
  sed -nE 's/^\[([0-9T:.-]+)\].*/utc \1/p' "$file"
  rm "$file"
) &
echo ready
TZ=UTC exec ip -ts -oneline monitor link address >"$file"
