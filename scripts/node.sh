#!/bin/sh
# What some tests drive with Node: installs tests/interop/aimock/package-lock.json, each package by its
# hash, into build/aimock. A second run answers at once; without npm those tests are skipped, and a
# sentence says so.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
from=$root/tests/interop/aimock to=$root/build/aimock
cmp -s "$from/package-lock.json" "$to/installed" && exit 0
if ! command -v npm >/dev/null 2>&1; then
  [ "${CI:-}" = true ] && { echo "node: CI needs npm" >&2; exit 1; }
  echo "  note      no npm: the tests with a stranger's model endpoint are skipped; CI runs them" >&2
  exit 0
fi
echo "  install   aimock (npm)" >&2
rm -rf "$to"
mkdir -p "$to"
cp "$from/package.json" "$from/package-lock.json" "$to/"
(cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null)
cp "$from/package-lock.json" "$to/installed"
