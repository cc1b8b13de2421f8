"""``chatixia invite NAME``: hand out a join string for one machine, and wait until it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.membership.invite import Invited
    from chatixia.assembly.profile.profile import Profile

DAY: Final = 86_400


@click.command()
@click.argument("name", default="")
@click.option("--as", "pattern", default="", metavar="PATTERN", help="Pattern of its name, as w-*.")
@click.option("--reusable", is_flag=True, help="May be used again, for containers and CI.")
@click.option(
    "--most",
    default=0,
    type=click.IntRange(0, 100_000),
    metavar="N",
    help="For N machines at most.",
)
@click.option("--ephemeral", is_flag=True, help="Forgotten when gone; a week, if not --days.")
@click.option("--agents", "agents", multiple=True, metavar="PATTERN", help="Agents it may run.")
@click.option("--via", multiple=True, metavar="URL", help="Address of the registry for it.")
@click.option(
    "--minutes", default=15, type=click.IntRange(1, 7 * 1440), help="Time to join, default 15."
)
@click.option(
    "--days", default=0, type=click.IntRange(0, 3650), help="Membership, default forever."
)
@click.option("--code", is_flag=True, help="A six-digit code, for a machine to ask with.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is used.")
@common
def invite(
    console: Console,
    name: str,
    pattern: str,
    reusable: bool,
    most: int,
    ephemeral: bool,
    agents: tuple[str, ...],
    via: tuple[str, ...],
    minutes: int,
    days: int,
    code: bool,
    no_wait: bool,
) -> None:
    """Invite a machine called NAME: prints a string; anyone who has it can join."""
    from chatixia.assembly.membership.invite import invite as make
    from chatixia.assembly.profile.profile import Profile

    profile = Profile.open(console.mesh)
    if code:
        if name or pattern:
            raise click.UsageError("With --code the machine names itself: chatixia invite --code.")
        refuse_bounds()
        show_code(console, profile)
        return
    if not (name or pattern):
        raise click.UsageError("Name the machine: chatixia invite NAME.")
    if most and not reusable:
        raise click.UsageError("--most is for an invitation that is --reusable.")
    invited = make(
        profile,
        name or pattern,
        reusable=reusable,
        ephemeral=ephemeral,
        most=most,
        names=agents or ("*",),
        within=minutes * 60,
        not_after=int(profile.clock.now()) + days * DAY if days else 0,
        via=via,
    )
    show(console, invited, minutes, most)
    if not (no_wait or reusable):
        wait(console, profile, invited)


def refuse_bounds() -> None:
    """A code has no bounds: nobody shall believe that one is set."""
    context = click.get_current_context()
    for name in ("reusable", "most", "ephemeral", "agents", "via", "minutes", "days"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{name} is for a join string: a code is good once, for five minutes;"
                " `chatixia approve` takes --agents and --days."
            )


def show(console: Console, invited: Invited, minutes: int, most: int = 0) -> None:
    """The line to type over there."""
    often = "as often as needed" if "*" in invited.name else "once"
    if most:
        often = f"for {most} machine{'s' if most > 1 else ''}"
    console.say(f"  On the other machine, {often}, within {minutes} minutes:")
    fields = {
        "join": invited.string,
        "key": invited.key,
        "name": invited.name,
        "redeem_by": invited.redeem_by,
    }
    console.data("invitation", fields, f"      chatixia join {output.word(invited.string)}")
    if invited.local:
        console.say(
            "  note  only this machine reaches the registry; others need `chatixia up --lan`"
        )


def show_code(console: Console, profile: Profile) -> None:
    """The line to type over there, and the key to compare."""
    from chatixia.assembly.membership.approve import create_code
    from chatixia.core import fingerprints
    from chatixia.core.join import best_addresses, is_loopback

    from .pending import say_resting

    code = create_code(profile)
    address = best_addresses(profile.registries)[0]
    key = fingerprints.of_registry(profile.mesh, profile.registry_key)
    console.say(f"  On the other machine, once, within {code.expires_in // 60} minutes:")
    fields = {"code": code.code, "address": address, "key": key, "expires_in": code.expires_in}
    console.data("code", fields, f"      chatixia pair {output.word(address)} {code.code}")
    console.say(f"  registry  key {key}, which must stand there too")
    console.say("  then      chatixia pending, and chatixia approve NAME")
    if is_loopback(address):
        console.say("  note  only this machine reaches the registry; others: `chatixia up --lan`")
    say_resting(console, code.resting)


def wait(console: Console, profile: Profile, invited: Invited) -> None:
    """Wait until the invitation is used or its time is over."""
    from chatixia.assembly.membership.invite import waiting
    from chatixia.errors import BadInvitation, Unavailable, Unreachable

    if not console.quiet:
        click.echo("  waiting (Ctrl-C leaves the invitation valid) ... ", nl=False, err=True)
    try:
        invitation = waiting(profile, invited.key)
        while invitation.state == "waiting":
            invitation = waiting(profile, invited.key)
    except KeyboardInterrupt:
        new_line(console)
        console.say(f"  the invitation of {invited.name} stays valid")
        raise
    except (Unavailable, Unreachable) as error:
        new_line(console)
        error.add_note("The invitation stays valid; start the registry again with `chatixia up`.")
        raise
    if invitation.state != "redeemed":
        new_line(console)
        ended = "was withdrawn." if invitation.state == "withdrawn" else "expired; nobody joined."
        over = BadInvitation(f"The invitation of {invited.name} {ended}")
        over.add_note(f"Make a new one with `chatixia invite {output.word(invited.name)}`.")
        raise over
    origin = f" from {output.plain(invitation.joined_from)}" if invitation.joined_from else ""
    console.say(f"{invitation.joined or invited.name} joined{origin}")
    if console.as_json:
        console.data("joined", {"name": invitation.joined, "from": invitation.joined_from})


def new_line(console: Console) -> None:
    """End the line of those who wait."""
    if not console.quiet:
        click.echo(err=True)
