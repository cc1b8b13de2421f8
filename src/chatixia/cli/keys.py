"""``chatixia keys``: API keys, for clients that hold no identity: queue only, never a link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from . import output
from .common import Noun, Talk, common

if TYPE_CHECKING:
    import msgspec

    from chatixia.wire.registry import KeyInfo, Keys

HEADS = ("id", "name", "made", "used", "ends", "state")
DAY = 86_400


@click.group(cls=Noun)
def keys() -> None:
    """Create, list and revoke API keys; alone it lists."""


@keys.command()
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), help="It ends then; else never.")
@common
def create(talk: Talk, name: str, days: int | None) -> None:
    """Make a key for a client called NAME. It is shown this once."""
    from chatixia.wire.registry import KeyCreate

    made = ask(
        talk, "keys.create", lambda now: KeyCreate(name, int(now) + days * DAY if days else 0)
    )
    talk.data("key", {"id": made.id, "name": made.name, "key": made.key}, made.key)
    talk.say(f"  key {made.id} of {made.name}; only its hash is kept, so it cannot be shown again")


@keys.command("list")
@common
def list_(talk: Talk) -> None:
    """List the keys, without their secrets."""
    found = every(talk)
    lines = [
        (
            key.id,
            key.name,
            date(key.created),
            date(key.last_used),
            date(key.not_after),
            "revoked" if key.revoked else "valid",
        )
        for key in found
    ]
    talk.data("keys", {"keys": found}, output.table(HEADS, lines) if lines else "")
    if not lines:
        talk.say("  No key. Make one with `chatixia keys create NAME`.")


@keys.command()
@click.argument("key", metavar="ID|NAME")
@common
def revoke(talk: Talk, key: str) -> None:
    """Revoke the key of that ID or client's NAME, at once and for good."""
    from chatixia.wire.registry import KeyRef

    key_id = meant(key, every(talk))
    ask(talk, "keys.revoke", lambda now: KeyRef(key_id))
    talk.say(f"  revoked   key {key_id}")
    if talk.as_json:
        talk.data("revoked", {"id": key_id})


def every(talk: Talk) -> list[KeyInfo]:
    """All keys, newest first."""
    from chatixia.wire.registry import KeysQuery

    def page(cursor: str) -> Keys:
        made: Keys = ask(talk, "keys.list", lambda now: KeysQuery(cursor))
        return made

    now = page("")
    found = list(now.keys)
    while now.next:
        now = page(now.next)
        found += now.keys
    return found


def meant(key: str, known: Sequence[KeyInfo]) -> str:
    """The id that ``key`` is, or whose name it is among the keys that hold."""
    from chatixia.errors import BadRequest

    if any(key == info.id for info in known):
        return key
    found = [info.id for info in known if info.name == key and not info.revoked]
    if len(found) > 1:
        raise BadRequest(f"{len(found)} keys are called {key}; name one of {', '.join(found)}.")
    return found[0] if found else key


def ask(talk: Talk, verb: str, request: Callable[[float], msgspec.Struct]) -> Any:
    """A verb of the owner at the registry; ``request`` is made from mesh time."""
    from chatixia.assembly.profile.profile import Profile
    from chatixia.assembly.remote.rest import RegistryClient

    profile = Profile.open(talk.mesh)
    with RegistryClient.owner(profile) as rest:
        return rest.call(verb, request(profile.clock.now()))


def date(seconds: int) -> str:
    """A day, or ``-`` for none."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d") if seconds else "-"
