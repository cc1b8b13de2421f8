"""While `up` runs where the owner's key is, the revocation list is confirmed again and again.

By a command in a process of its own: the owner's key is never in one that listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from typing import Final

from chatixia.assembly.profile.profile import Profile

log = logging.getLogger("chatixia")

FIRST_SECONDS: Final = 60.0
"""At most so long after the start: what lives for a moment confirms nothing, and a start is not
slower for it."""
COMMAND_SECONDS: Final = 60.0
PROGRAM: Final = (sys.executable, "-c", "from chatixia.cli import main; main()")


async def keep_confirmed(profile: Profile, every: float, first: float = FIRST_SECONDS) -> None:
    """Confirm after ``first`` and then every ``every`` seconds, until it is cancelled; nothing
    without the owner's key.

    Agents end their links where the last confirmation is older than their `membership_ttl`.
    """
    await asyncio.sleep(min(first, every))
    while profile.is_owner:
        await confirm_once(profile)
        await asyncio.sleep(every)


async def confirm_once(profile: Profile) -> bool:
    """Run the command; whether it ended well. A failure is a line in the log."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *("registry", "confirm", "--quiet", "--mesh", profile.name),
        env={**os.environ, "CHATIXIA_HOME": str(profile.folder.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            _, stderr = await process.communicate()
    except TimeoutError:
        stderr = b"it did not end"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        log.warning("the revocation list was not confirmed: %s", stderr.decode(errors="replace"))
    return process.returncode == 0
