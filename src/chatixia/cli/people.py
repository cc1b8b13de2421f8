"""``chatixia people``: who may log into the hub, and what each may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .browser import browser_name
from .common import Console, Noun, common, named

if TYPE_CHECKING:
    from chatixia.assembly.people.people import PeopleClient
    from chatixia.wire.people import PersonLink, Role

ROLES = ("viewer", "operator", "admin")
HEADS = ("person", "role", "logs in by", "last login", "sessions")
SESSION_HEADS = ("session", "person", "by", "last used", "from", "browser")

role_argument = click.argument("role", type=click.Choice(ROLES))


@click.group(cls=Noun)
def people() -> None:
    """Add and remove the people of the hub. Without a command, list them."""


@people.command("list")
@common
def list_(console: Console) -> None:
    """List the people, their roles and how they log in."""
    with client(console) as mesh:
        everybody = mesh.every()
    lines = [
        (
            one.id,
            one.role,
            ", ".join(["password"] * one.password + ["provider"] * one.provider) or "link",
            output.moment(one.last_login) if one.last_login else "-",
            str(one.sessions),
        )
        for one in everybody
    ]
    console.data("people", {"people": everybody}, output.table(HEADS, lines) if lines else "")
    if not lines:
        console.say("  Nobody yet. `chatixia hub` makes you the first, `chatixia people add` more.")


@people.command()
@click.argument("name", callback=named)
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@common
def add(console: Console, name: str, role: Role) -> None:
    """Add a person called NAME, or make another link for one who is there and lost the way in."""
    from chatixia.assembly.people.people import full
    from chatixia.errors import NameTaken

    with client(console) as mesh:
        try:
            invited = mesh.add(name, role)
        except NameTaken:
            invited = mesh.link(full(name))
            console.say(f"  {invited.id} is there already, and keeps its role; a new link:")
        show_link(console, mesh, invited)


def show_link(console: Console, mesh: PeopleClient, invited: PersonLink) -> None:
    """Print a link. It is a secret, as a join string is."""
    url = mesh.url(invited.secret)
    console.data("person", {"id": invited.id, "url": url, "expires_in": invited.expires_in}, url)
    hours = invited.expires_in // 3600
    console.say(
        f"  {invited.id} logs in by this link, once, within {hours} hours: hand it over safely"
    )


@people.command()
@click.argument("name", callback=named)
@role_argument
@common
def role(console: Console, name: str, role: Role) -> None:
    """Give the person NAME another role: viewer, operator or admin."""
    with client(console) as mesh:
        mesh.set_role(name, role)
    console.say(f"  role      {name} is {role} from now on")
    if console.as_json:
        console.data("role", {"person": name, "role": role})


@people.command()
@click.argument("name", callback=named)
@common
def remove(console: Console, name: str) -> None:
    """Let the person NAME in no more, and end its browser sessions."""
    with client(console) as mesh:
        mesh.remove(name)
    console.say(f"  removed   {name}")
    if console.as_json:
        console.data("removed", {"person": name})


def end_one(mesh: PeopleClient, session: str) -> None:
    """End a browser session. Raises NotFound."""
    from chatixia.errors import NotFound

    try:
        mesh.end(session)
    except NotFound as error:
        error.add_note("`chatixia people sessions` lists them.")
        raise


@people.command()
@click.argument("name", required=False, default="", callback=named)
@click.option(
    "--end", default="", metavar="SESSION", callback=named, help="End the session with this id."
)
@click.option("--end-all", is_flag=True, help="End all that would be listed.")
@common
def sessions(console: Console, name: str, end: str, end_all: bool) -> None:
    """List browser sessions, of the person NAME or of all, and end them."""
    with client(console) as mesh:
        if end:
            end_one(mesh, end)
            console.say(f"  ended     {end}")
        every = [] if end else mesh.sessions(name)
        for one in every if end_all else ():
            mesh.end(one.id)
    if end_all:
        console.say(f"  ended     {len(every)}")
        return
    lines = [
        (
            one.id,
            one.person,
            one.method,
            output.moment(one.last_used),
            one.origin,
            output.in_line(browser_name(one.browser)),
        )
        for one in every
    ]
    text = output.table(SESSION_HEADS, lines) if lines else ""
    console.data("sessions", {"sessions": every}, text)
    if not lines and not end:
        console.say("  No browser is logged in.")


def client(console: Console) -> PeopleClient:
    """The people of the profile's registry, as the owner."""
    from chatixia.assembly.people.people import PeopleClient
    from chatixia.assembly.profile.profile import Profile

    return PeopleClient(Profile.open(console.mesh))
