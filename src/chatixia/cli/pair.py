"""``chatixia pair HOST[:PORT] CODE``: ask to join with a six-digit code, and wait for approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.membership.pair import PairRequest
    from chatixia.assembly.profile.profile import Profile


@click.command()
@click.argument("host", metavar="HOST[:PORT]")
@click.argument("code")
@click.option("--as", "machine", default="", metavar="NAME", help="This machine's name.")
@click.option("--key", default="", metavar="KEY", help="The registry's key, to insist on.")
@common
def pair(console: Console, host: str, code: str, machine: str, key: str) -> None:
    """Ask the registry at HOST to let this machine in, by the CODE of `chatixia invite --code`.

    Two people compare the keys that this shows; then the owner types `chatixia approve`.
    """
    from chatixia.assembly.membership.pair import pair as ask

    try:
        profile = ask(
            host,
            code,
            console.mesh,
            machine=machine,
            key=key,
            show=lambda request: show(console, request),
        )
    except KeyboardInterrupt:
        console.say("  the same command goes on waiting, within the hour")
        raise
    note = agents_note(profile)
    until = profile.registry_until
    if until:
        note = f"{note}; trust: registry, until {output.moment(until)}"
    console.say(output.rows([("joined", f"mesh {profile.name} as {profile.machine}", note)]))
    if console.as_json:
        fields = {"mesh": profile.name, "machine": profile.machine, "registry_until": until}
        console.data("joined", {**fields, "registries": profile.registries})


def agents_note(profile: Profile) -> str:
    """What a machine that joined may run; its own name is no agent's."""
    names = [name for name in profile.agent_names if name != profile.machine]
    if not names:
        return "clients alone, no agent may be started here"
    called = "" if "*" in names else f" called {' '.join(names)}"
    return f"agents{called} started here need no further code"


def show(console: Console, request: PairRequest) -> None:
    """What to compare, and on which screen it stands there."""
    name = output.word(request.name)
    replace = " --replace" if request.member else ""
    console.say(
        output.rows(
            [
                (
                    "registry",
                    f"{output.bare(request.url)}  key {request.registry}",
                    "must be what `invite --code` shows",
                ),
                (
                    "machine",
                    f"{request.name}  key {request.machine}",
                    f"must be what `chatixia approve {name}{replace}` shows there",
                ),
            ]
        )
    )
    if request.member:
        console.say(
            f"  note  another machine is, or was, a member as {request.name}; --as gives another"
            " name"
        )
    if console.as_json:
        fields = {"name": request.name, "registry": request.registry, "key": request.machine}
        console.data("pairing", fields)
    console.say("  waiting for the owner (Ctrl-C; the same command goes on) ...")
