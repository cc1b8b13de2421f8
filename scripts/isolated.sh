#!/bin/sh
# Runs a command where there is no way out: isolated.sh COMMAND...
# As root, a network namespace of its own with loopback, one address that is no loopback, and a
# default route into nowhere, where nftables counts and refuses whatever would leave for any other
# host. tests/conftest.py reads that counter at the end: it must be 0.
# Without root, or without the tools, the command runs as it is, and a sentence says so.
set -eu
if [ "$(id -u)" != 0 ] || ! command -v nft >/dev/null 2>&1 || ! command -v unshare >/dev/null 2>&1 ||
  ! unshare --net true 2>/dev/null; then
  [ "${CI:-}" = true ] && { echo "isolated: CI needs root, nft and unshare" >&2; exit 1; }
  echo "  note      no root: the tests are not cut off from the network here; CI does that" >&2
  exec "$@"
fi
# shellcheck disable=SC2016 # the inner shell expands
exec unshare --net sh -c '
set -eu
ip link set lo up
ip link add lab0 type veth peer name lab1
ip link set lab1 up
ip link set lab0 up
ip address add 10.77.0.1/24 dev lab0
ip -6 address add fd77::1/64 dev lab0 nodad 2>/dev/null || :
ip route add default dev lab0
ip -6 route add default dev lab0 2>/dev/null || :
nft -f - <<"RULES"
table inet outside {
  set tried { type ipv4_addr; flags dynamic; size 256; }
  counter other { }
  chain output {
    type filter hook output priority 0; policy accept;
    fib daddr type { local, broadcast, multicast } accept
    meta l4proto { tcp, udp } ip daddr != 10.77.0.0/24 add @tried { ip daddr }
    meta l4proto { tcp, udp } counter name other reject
  }
}
RULES
export CHATIXIA_CUT_OFF=1
exec "$@"' sh "$@"
