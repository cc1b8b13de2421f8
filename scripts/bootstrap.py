"""Make `.venv` beside the project and install a lock file and the project into it.

Run by `scripts/bootstrap.sh` under any Python from 3.11 on; standard library only. A stamp,
written last, holds a digest of all that went in, so that a second run does nothing and an
interrupted one is done again. An environment without a stamp (made by hand) is kept and
installed into.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "chatixia-stamp"
LOG = ROOT / "build" / "bootstrap.log"
KINDS = ("base", "demo", "dev")  # each holds all of the one before
OFFLINE = (
    "failed to establish a new connection",
    "temporary failure in name resolution",
    "name or service not known",
    "network is unreachable",
    "connection refused",
    "connection broken",
    "read timed out",
    "dns error",
    "error sending request",
)
# Settings of the caller's shell that would send an install elsewhere.
FOREIGN = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def python() -> Path:
    """Where the environment's interpreter is."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def digest(kind: str) -> str:
    """What an environment of this kind is made of; its place counts, for a moved one is broken."""
    h = hashlib.sha256(str(ROOT).encode())
    for path in (ROOT / "requirements" / f"{kind}.lock", ROOT / "pyproject.toml"):
        h.update(path.read_bytes())
    return f"{kind} {h.hexdigest()}"


def current(kind: str) -> bool:
    """Tell whether the stamp says that this kind, or one that holds it, is in."""
    if not STAMP.is_file() or not python().exists():
        return False
    stamp = STAMP.read_text().strip()
    return any(stamp == digest(k) for k in KINDS[KINDS.index(kind) :])


@contextmanager
def alone() -> Iterator[None]:
    """Hold the project's installation lock; the kernel frees it however the process ends."""
    with (ROOT / ".venv.lock").open("a+") as held:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(held.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say("another installation runs in this folder: waiting for it")
                fcntl.flock(held, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Tell the user on stderr what is being done."""
    print(f"  install   {text}", file=sys.stderr, flush=True)


def fail(sentence: str) -> None:
    """End with one sentence that names the cure."""
    raise SystemExit(f"bootstrap: {sentence}")


def run(*command: object, doing: str) -> None:
    """Run a step with its output in the log; on failure say why in one sentence."""
    env = {k: v for k, v in os.environ.items() if k not in FOREIGN}
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    with LOG.open("a") as log:
        start = log.tell()
        line = [str(word) for word in command]
        print("$", *line, file=log, flush=True)
        done = subprocess.run(
            line, stdout=log, stderr=log, env=env, cwd=ROOT, stdin=subprocess.DEVNULL
        )
    if done.returncode == 0:
        return
    text = LOG.read_text(errors="replace")[start:].lower()
    where = f"the whole story is in {LOG}"
    if "no space left" in text:
        fail(f"the disk is full: free about 1 GB and run again; {where}")
    if any(word in text for word in OFFLINE):
        fail(f"the packages could not be fetched: connect to the network and run again; {where}")
    if "do not match the hashes" in text or "hash mismatch" in text:
        fail(f"a package is not the one that was locked: do not use that mirror; {where}")
    fail(f"{doing} failed: {where}")


def works() -> bool:
    """Tell whether `.venv` holds an interpreter that runs and is new enough."""
    try:
        probe = [str(python()), "-I", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        return subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
    except OSError:
        return False


def make_environment() -> None:
    """Make `.venv` unless a working one is there; a dead one (its Python is gone) is replaced."""
    if works():
        return
    if VENV.exists():
        say("the Python of .venv is gone: making it anew")
        shutil.rmtree(VENV)
    say(f"making .venv with Python {sys.version.split()[0]} ({sys.executable})")
    run(sys.executable, "-I", "-m", "venv", VENV, doing="making .venv")


def pip() -> list[object]:
    """The environment's own pip, put in first where it was made without (uv makes such)."""
    command: list[object] = [python(), "-I", "-m", "pip"]
    if subprocess.run([str(w) for w in command] + ["--version"], capture_output=True).returncode:
        run(python(), "-I", "-m", "ensurepip", doing="installing pip (Debian: python3-venv)")
    return [*command, "install", "--no-input"]


def install(kind: str) -> None:
    """Install the lock of this kind, then the project itself from its folder."""
    lock = ROOT / "requirements" / f"{kind}.lock"
    packages = sum(1 for line in lock.open() if line[0].isalpha())
    say(f"{packages} packages from requirements/{kind}.lock, each checked by its hash")
    run(*pip(), "--require-hashes", "-r", lock, doing="installing the packages")
    own = ("--no-deps", "--no-build-isolation", "--no-index", "-e", ROOT)
    run(*pip(), *own, doing="installing the project from its folder")
    compiled()


def compiled() -> None:
    """Write all bytecode now: where a shell forbids it later, each command would compile anew.

    Files of another Python's syntax lie in some packages; that they do not compile is no failure.
    """
    env = {k: v for k, v in os.environ.items() if k not in FOREIGN}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [str(python()), "-m", "compileall", "-qq", "-j", "0"]
    command += [str(path) for path in (*VENV.glob("lib*/python*/site-packages"), ROOT / "src")]
    subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True)


def main() -> int:
    """Bring `.venv` to the kind asked for; with --check only tell whether it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--check", action="store_true", help="exit 0 if nothing is to do")
    args = parser.parse_args()
    if current(args.kind):
        return 0
    if args.check:
        return 1
    LOG.parent.mkdir(exist_ok=True)
    with alone():
        if current(args.kind):  # the one we waited for did it
            return 0
        STAMP.unlink(missing_ok=True)
        make_environment()
        install(args.kind)
        STAMP.write_text(digest(args.kind) + "\n")
        say(f"ready: {python()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
