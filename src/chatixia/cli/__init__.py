"""The command ``chatixia``: parse, call assembly, print; one file per command.

Nothing here decides anything that a program could not decide by calling ``assembly`` itself.
"""

from __future__ import annotations

import sys


def sidecar() -> None:
    """``chatixia-sidecar``, the described name of ``chatixia sidecar``: without arguments it reads
    its environment alone."""
    sys.argv[1:1] = ["sidecar"] if sys.argv[1:] else ["sidecar", "--environment"]
    main()


def main() -> None:
    """Run the command line and leave with its exit code (api.md section 2)."""
    from .failure import guarded
    from .group import chatixia
    from .streams import prepare

    prepare()
    sys.exit(guarded(chatixia, sys.argv[1:]))
