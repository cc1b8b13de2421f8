"""``chatixia keys``: API keys, for clients that hold no identity: queue only, never a link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from . import output
from .common import Console, Noun, common, named

if TYPE_CHECKING:
    import msgspec

    from chatixia.wire.registry import KeyInfo

HEADS = ("id", "name", "made", "used", "ends", "state")
DAY = 86_400


@click.group(cls=Noun)
def keys() -> None:
    """Create, list and revoke API keys. Without a command, list them."""


@keys.command()
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), help="Until it ends, default never.")
@common
def create(console: Console, name: str, days: int | None) -> None:
    """Create a key for a client called NAME. It is shown only once."""
    from chatixia.wire.registry import KeyCreate

    reply = ask(
        console, "keys.create", lambda now: KeyCreate(name, int(now) + days * DAY if days else 0)
    )
    console.data("key", {"id": reply.id, "name": reply.name, "key": reply.key}, reply.key)
    console.say(
        f"  key {reply.id} of {reply.name}; only its hash is kept, so it cannot be shown again"
    )


@keys.command("list")
@common
def list_(console: Console) -> None:
    """List the keys, without their secrets."""
    infos = every(console)
    lines = [
        (
            key.id,
            key.name,
            date(key.created),
            date(key.last_used),
            date(key.not_after),
            "revoked" if key.revoked else "valid",
        )
        for key in infos
    ]
    console.data("keys", {"keys": infos}, output.table(HEADS, lines) if lines else "")
    if not lines:
        console.say("  No API keys. Make one with `chatixia keys create NAME`.")


@keys.command()
@click.argument("key", metavar="ID|NAME", callback=named)
@common
def revoke(console: Console, key: str) -> None:
    """Revoke the key with that ID or NAME, at once and for good."""
    from chatixia.wire.registry import KeyRef

    key_id = resolved(key, every(console))
    ask(console, "keys.revoke", lambda now: KeyRef(key_id))
    console.say(f"  revoked   key {key_id}")
    if console.as_json:
        console.data("revoked", {"id": key_id})


def every(console: Console) -> list[KeyInfo]:
    """All keys, newest first."""
    from chatixia.assembly.profile.profile import Profile
    from chatixia.assembly.remote.rest import RegistryClient
    from chatixia.wire.registry import KeysQuery

    with RegistryClient.owner(Profile.open(console.mesh)) as rest:
        return rest.every("keys.list", KeysQuery(), "keys")


def resolved(key: str, infos: Sequence[KeyInfo]) -> str:
    """The id that ``key`` is, or whose name it is among the keys that hold."""
    from chatixia.errors import BadRequest

    if any(key == info.id for info in infos):
        return key
    ids = [info.id for info in infos if info.name == key and not info.revoked]
    if len(ids) > 1:
        raise BadRequest(f"{len(ids)} keys are called {key}; name one of {', '.join(ids)}.")
    return ids[0] if ids else key


def ask(console: Console, verb: str, request: Callable[[float], msgspec.Struct]) -> Any:
    """A verb of the owner at the registry; ``request`` is made from mesh time."""
    from chatixia.assembly.profile.profile import Profile
    from chatixia.assembly.remote.rest import RegistryClient

    profile = Profile.open(console.mesh)
    with RegistryClient.owner(profile) as rest:
        return rest.call(verb, request(profile.clock.now()))


def date(seconds: int) -> str:
    """A day, or ``-`` for none."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d") if seconds else "-"
