"""An error as people read it: one sentence, its cure, an exit code; for commands and scripts alike.

Nothing heavy is imported: `chatixia --help` pays for this file too.
"""

from __future__ import annotations

import errno
import logging
import re
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:  # the errors bring msgspec, which `--help` has no use for
    from chatixia.errors import MeshError

CURES: Final[dict[str, str]] = {
    "unreachable": "See who is online with `chatixia agents`.",
    "peer_restarted": "Check whether it was done before you call again.",
    "unknown_agent": "See which agents there are with `chatixia agents`.",
    "unknown_skill": "See its skills with `chatixia call AGENT --help`.",
    "bad_arguments": "See its arguments with `chatixia call AGENT SKILL --help`.",
    "bad_invitation": "Ask the owner for a new one: `chatixia invite NAME`, or `--code`.",
    "name_taken": "Choose another name.",
    "already_running": "Stop that one first.",
    "unauthorized": "Join the mesh first: `chatixia join STRING`.",
    "revoked": "The owner can invite this machine again: `chatixia invite NAME`.",
    "membership_expired": "Ask the owner for a new invitation: `chatixia invite NAME`.",
    "busy": "Try again in a moment.",
    "unavailable": "Try again in a moment.",
    "disk_full": "Free some space on that disk.",
    "upgrade_needed": "Install the newer chatixia-mesh on the older side.",
    "replaced": "Stop the other process, or give this one another name.",
}
"""Code -> what to do, for errors whose own sentence does not end with a command. What to do about
the others depends on where they are read: see :func:`_by_audience`."""


class Audience(NamedTuple):
    """Where an error is read, for a cure must fit there.

    ``command``: the command's words, empty in a script. ``timeout``: whether it has ``--timeout``.
    ``mesh``: the profile's name, empty for the one in force.
    """

    command: str = ""
    timeout: bool = False
    mesh: str = ""


SCRIPT: Final = Audience()

DOUBT: Final = " It may have been done."
"""What a person must know of an error whose outcome is unknown, before doing the same again."""
NO_DOUBT: Final = frozenset({"outcome_unknown", "not_found", "denied", "unauthorized"})
"""Codes that say so themselves, or come with an unknown outcome from waiting alone."""
SILENT: Final = "has said nothing for"
"""In the sentence of a question whose agent gave no sign of life."""
OWN_LIMIT: Final = "took longer than its"
"""In the sentence of a skill that its own time limit ended: no caller can give it longer."""
FULL: Final = "Free some space on that disk."
LOCKED: Final = (
    "Give this user the right to it, or use another folder (CHATIXIA_HOME for profiles)."
)
DISK: Final = "See whether that disk is full or read-only."

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""The last ones turn the order of letters on a line, so that what is read is not what is there."""


def plain(text: str) -> str:
    """``text`` of a foreign agent without control characters: it may not steer a terminal."""
    return _CONTROL.sub("�", text)


def in_line(text: str) -> str:
    """``text`` of a foreign agent as one line: it may not look like another row of a list."""
    return plain(" ".join(text.split()))


def sentence(text: str) -> str:
    """``text`` as one line that ends like a sentence."""
    line = in_line(text)
    return line if line.endswith((".", "?", "!", "`")) else line + "."


def explain(error: MeshError, audience: Audience = SCRIPT) -> str:
    """The sentence of an error, whether it may have been done in spite of it, and its cure: its
    notes, else the one of its code."""
    notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
    doubt = DOUBT if error.outcome == "unknown" and error.code not in NO_DOUBT else ""
    return f"{sentence(error.message)}{doubt}{notes or cure(error, audience)}"


def cure(error: MeshError, audience: Audience = SCRIPT) -> str:
    """What to do about it, unless the sentence says so itself."""
    if "`" in error.message:
        return ""
    cure_text = (
        disk_cure(error.__cause__) or _by_audience(error, audience) or CURES.get(error.code, "")
    )
    if "AGENT" in cure_text:
        cure_text = cure_text.replace("AGENT", error.agent) if error.agent else NO_AGENT[error.code]
    return f" {cure_text}" if cure_text else ""


NO_AGENT: Final[dict[str, str]] = {
    "unknown_skill": "See which agent has which skill with `chatixia agents`.",
    "bad_arguments": "",  # of no agent's skill: the sentence itself says what would do
}
"""The cures that name an agent, where the error names none."""


def _by_audience(error: MeshError, audience: Audience) -> str:
    """The cure that depends on where the error is read."""
    if error.code == "registry_unreachable":
        return _registry(bool(getattr(error, "refused", False)), audience)
    if error.code in ("deadline_exceeded", "expired"):
        return _longer(error, audience)
    if error.code == "revoked" and _OWNER_REVOKED.search(error.message):
        return OWNER_OVER
    if error.code == "wrong_mesh":
        joining = audience.command == "join"
        return "Check that the whole join string was copied." if joining else ADDRESSES
    return ""


_OWNER_REVOKED: Final = re.compile(r"\badmin([.~][a-z0-9-]+)? was revoked")
OWNER_OVER: Final = (
    "The owner's key on this machine counts no more. Another owner can add a new one of it, by"
    " another name: begin with `chatixia owners ask`."
)
ADDRESSES: Final = "See which address is used with `chatixia config`."


def _registry(refused: bool, audience: Audience) -> str:
    """What to do about a registry that is not there, or does not answer."""
    mesh = f" --mesh {audience.mesh}" if audience.mesh else ""
    if _runs_here(audience.mesh):
        if refused:
            return f"Start it with `chatixia up{mesh}`."
        return f"See its output where `chatixia up{mesh}` runs here; if it hangs, start it again."
    where = f"`chatixia config{mesh}` shows its addresses."
    if audience.command == "join":
        where = "The join string names its addresses."
    if audience.command == "pair":
        where = "`chatixia invite --code` shows its address there."
    start = (
        "must be started on its own machine" if refused else "must run, and be reachable from here"
    )
    return f"It {start}; {where[:1].lower()}{where[1:]}"


def _runs_here(mesh: str) -> bool:
    """Whether this machine is the one whose user starts the mesh's registry."""
    from chatixia.errors import MeshError

    from .profile.profile import folder_of

    try:
        return (folder_of(mesh) / "registry").is_dir()
    except (MeshError, OSError, RuntimeError):
        return False


def _longer(error: MeshError, audience: Audience) -> str:
    """How more time is given, where that can be done."""
    if OWN_LIMIT in error.message:
        return ""
    if SILENT in error.message:
        return "See with `chatixia ping` whether it answers at all." if audience.command else ""
    if audience.timeout:
        return "Give it longer with --timeout SECONDS."
    if not audience.command:
        return f"Give it longer with {'deadline' if error.code == 'expired' else 'timeout'}=."
    return RETRY if error.code == "expired" else "Try again in a moment."


RETRY: Final = "Submit it again with `chatixia tasks retry TASK`."


def disk_cure(cause: BaseException | None) -> str:
    """What to do about a file that the system refused; empty for any other cause."""
    if type(cause).__module__ == "ssl":
        return ""  # an OSError whose number is OpenSSL's own, 1 for most
    code = getattr(cause, "errno", None) if isinstance(cause, OSError) else None
    if isinstance(cause, OSError) and code in (errno.ENOSPC, errno.EDQUOT):
        return FULL
    if isinstance(cause, OSError) and code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return LOCKED
    name = str(getattr(cause, "sqlite_errorname", ""))
    by_name = {
        "SQLITE_FULL": FULL,
        "SQLITE_IOERR_SHMSIZE": FULL,
        "SQLITE_READONLY": LOCKED,
        "SQLITE_CANTOPEN": LOCKED,
    }
    return next(
        (cure for head, cure in by_name.items() if name.startswith(head)),
        DISK if name.startswith("SQLITE_IOERR") else "",
    )


def of_system(error: OSError) -> str:
    """The sentence for an error of the file system that nothing nearer explained."""
    what = error.filename if isinstance(error.filename, str) else "A file"
    return f"{what} cannot be used: {error.strerror or type(error).__name__}."


def if_uncaught(error: MeshError) -> None:
    """Should nobody catch ``error``, end this script as a command ends: with the sentence alone
    and the exit code of its table. The traceback comes too where the log is at ``debug``."""
    before = sys.excepthook

    def last(kind: type[BaseException], raised: BaseException, trace: TracebackType | None) -> None:
        if raised is not error:
            before(kind, raised, trace)
            return
        if logging.getLogger("chatixia").isEnabledFor(logging.DEBUG):
            before(kind, raised, trace)
        sys.stderr.write(f"error  {explain(error)}\n")
        raise SystemExit(error.exit)

    sys.excepthook = last
