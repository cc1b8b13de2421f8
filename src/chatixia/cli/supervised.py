"""The sidecar that ``chatixia run`` starts: ``python -m chatixia.cli.supervised SOCKET``.

No command line is read, so that click stays out of a process that lives as long as the agent: it
costs 1 MB, and a twentieth of a second at each start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def main(words: Sequence[str]) -> int:
    """Run it until it is asked to end; its exit code, as of any command."""
    from .streams import prepare

    prepare()
    try:
        serve(Path(*words))
    except Exception as error:  # noqa: BLE001 - a person reads what comes out
        from .failure import ended

        return ended(error, {})
    return 0


def serve(path: Path) -> None:
    """The sidecar at that socket, with the settings that its supervisor handed on. It tells of its
    program alone. Raises ConfigError, and what a sidecar's start raises."""
    from chatixia.assembly.logs import set_up
    from chatixia.assembly.run.running import run
    from chatixia.assembly.serve.collecting import collect_seldom
    from chatixia.assembly.sidecar import process as sidecars
    from chatixia.client.loop import fast_loop

    set_up()
    process = sidecars.SidecarProcess(sidecars.handed_on(), path, on_line=say)

    def online(line: str) -> None:
        collect_seldom()
        if process.serves:
            say(line)

    run([process], online, loop=fast_loop())


def say(line: str) -> None:
    """A line for the person who started the supervisor; nothing happens once nobody reads it."""
    from contextlib import suppress

    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
