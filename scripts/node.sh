#!/bin/sh
# What some tests drive with Node: installs the packages of a package-lock.json, each by its hash, of
# tests/interop/aimock into build/aimock, and so on, below. A second run answers at once; without npm those
# tests are skipped, and a sentence says so.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
install() {
  from=$root/$1 to=$root/build/$2
  cmp -s "$from/package-lock.json" "$to/installed" && return
  if ! command -v npm >/dev/null 2>&1; then
    [ "${CI:-}" = true ] && { echo "node: CI needs npm" >&2; exit 1; }
    echo "  note      no npm: the tests with $3 are skipped; CI runs them" >&2
    return
  fi
  echo "  install   $2 (npm)" >&2
  rm -rf "$to"
  mkdir -p "$to"
  cp "$from/package.json" "$from/package-lock.json" "$to/"
  (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null)
  cp "$from/package-lock.json" "$to/installed"
}
install tests/interop/aimock aimock "a stranger's model endpoint"
install clients/node node "the Node client"
install tests/interop/types types "type checkers of Node"
install tests/interop/mcp mcp "the conformance suite of MCP"
install tests/interop/inspector inspector "the inspector of MCP"
