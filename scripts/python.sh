#!/bin/sh
# Prints the path of the newest Python from 3.11 on that really runs here, or one sentence and exit 1.
# Looks at every directory of PATH (a shim that answers "command not found" is no Python, and must
# not hide a real one behind it), at pyenv's versions, and at what uv has.
# 3.15 is the newest for which the WebRTC engine has wheels.
set -eu
newest=0 found='' bare=''

consider() { # path: keep it if it runs, is new enough, and newer than what was found
  [ -x "$1" ] || return 0
  case " $seen " in *" $1 "*) return 0 ;; esac
  seen="$seen $1"
  minor=$("$1" -I -c '
import sys
v = sys.version_info
if v.major == 3 and 11 <= v.minor <= 15 and v.releaselevel == "final" and sys.implementation.name == "cpython":
    try:
        import ensurepip, venv, ssl, sqlite3
        print(v.minor)
    except ImportError as missing:
        print("lacks", missing.name)
' </dev/null 2>/dev/null) || return 0
  case $minor in
    '') ;;
    lacks*) bare="$1 ${minor}" ;;
    *[!0-9]*) ;;
    *) if [ "$minor" -gt "$newest" ]; then newest=$minor found=$1; fi ;;
  esac
}

seen=''
old_ifs=$IFS
IFS=:
set -f
for dir in $PATH; do
  IFS=$old_ifs
  for name in python3.15 python3.14 python3.13 python3.12 python3.11 python3 python; do
    consider "${dir:-.}/$name"
  done
done
IFS=$old_ifs
set +f
for dir in "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/3.*/bin; do
  consider "$dir/python"
done
if command -v uv >/dev/null 2>&1; then
  consider "$(uv python find --no-python-downloads --no-project '>=3.11,<3.16' 2>/dev/null || :)"
fi

if [ -n "$found" ]; then
  printf '%s\n' "$found"
elif [ -n "$bare" ]; then
  echo "Python is there but incomplete ($bare): install the rest of it (on Debian: apt-get install python3-venv) and run again." >&2
  exit 1
else
  echo "No Python 3.11 to 3.15 runs here: install one (Debian: apt-get install python3 python3-venv; macOS: brew install python; anywhere: uv python install) and run again." >&2
  exit 1
fi
