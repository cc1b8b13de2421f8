#!/bin/sh
# The programs that some tests drive: system.sh PROGRAM... installs what is missing (Debian, as root,
# in CI only) and elsewhere says in one sentence what will be skipped.
set -eu
missing=''
for program in "$@"; do
  if command -v "$program" >/dev/null 2>&1; then continue; fi
  case $program in
    go) package=golang-go ;;
    nft) package=nftables ;;
    ip) package=iproute2 ;;
    turnserver) package=coturn ;;
    unshare) package=util-linux ;;
    *) package=$program ;;
  esac
  missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "  install  $missing (apt)" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update >/dev/null
  # shellcheck disable=SC2086 # a list of names
  exec apt-get -q -y install --no-install-recommends $missing >/dev/null
fi
echo "  note      tests that need$missing are skipped here; CI runs them" >&2
