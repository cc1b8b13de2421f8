#!/bin/sh
# Makes .venv and installs into it, from a lock file with hashes: bootstrap.sh base|demo|dev
# A second run answers at once. Nothing but a Python (scripts/python.sh finds it) is needed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kind=${1:-dev}
made=$here/../.venv/bin/python
# The quick way out: an environment whose stamp is current needs no other Python to say so.
if [ -x "$made" ] && "$made" -I -S "$here/bootstrap.py" "$kind" --check 2>/dev/null; then
  exit 0
fi
python=$("$here/python.sh") || exit 1
exec "$python" -I "$here/bootstrap.py" "$kind"
