#!/bin/sh
# Writes requirements/*.lock from pyproject.toml: every package exact, with the hashes of its files,
# for every Python and platform at once, and without the address of any index.
# Needs uv (it stands in the dev lock). Each lock is cut from one resolution, so they never disagree.
# Usage: scripts/lock.sh [--upgrade | --upgrade-package NAME]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
uv=$(command -v uv || echo "$root/.venv/bin/uv")
[ -x "$uv" ] || { echo "lock: needs uv: run scripts/bootstrap.sh dev first" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src/chatixia" "$root/requirements"
cp "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$work/"
cp "$root/src/chatixia/__init__.py" "$work/src/chatixia/"
cd "$work"
# The resolver's own file names hosts, so it stays on the machine that locks. Where it is missing, one
# is made that holds to the versions of the lock files: a relock upgrades nothing by accident.
if [ -f "$root/build/uv.lock" ]; then
  cp "$root/build/uv.lock" uv.lock
elif [ -f "$root/requirements/all.lock" ]; then
  { echo "[tool.uv]"
    echo "constraint-dependencies = ["
    sed -n 's/^\([A-Za-z0-9].*==.*[^ ]\) *\\$/  "\1",/p' "$root"/requirements/*.lock | sort -u
    echo "]"
  } >>pyproject.toml
  "$uv" lock --quiet
  cp "$root/pyproject.toml" pyproject.toml
fi
"$uv" lock --quiet "$@"

cut_lock() { # name, what it is for, options
  name=$1 what=$2
  shift 2
  { echo "# $what Made by scripts/lock.sh; do not edit."
    "$uv" export --quiet --frozen --no-emit-project --no-header --no-annotate --no-default-groups \
      --format requirements.txt --group build "$@"
  } >"$root/requirements/$name.lock.new"
  if grep -n '://' "$root/requirements/$name.lock.new"; then
    rm -f "$root/requirements/$name.lock.new"
    echo "lock: $name.lock would name a host" >&2
    exit 1
  fi
  mv "$root/requirements/$name.lock.new" "$root/requirements/$name.lock"
}
cut_lock base "What a plain install brings, and what builds it."
cut_lock demo "base, and what the demo computes with." --group demo
cut_lock dev "base, demo, and what tests, lint, types and bench need." --group dev
cut_lock all "base with every extra." --all-extras
mkdir -p "$root/build" && cp "$work/uv.lock" "$root/build/uv.lock"
wc -l "$root"/requirements/*.lock
