"""People of the hub on the wire: who they are, how they log in, and their browser sessions."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from .base import Count, Cursor, Id, Name, Short
from .tasks import Page

Role = Literal["viewer", "operator", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "admin")
"""Each may all that those before it may."""
EVENT_ROLES: Final[dict[str, Role]] = {
    "agent": "viewer",
    "link": "viewer",
    "task": "viewer",
    "invitation": "operator",
    "pairing": "operator",
    "person": "admin",
    "audit": "admin",
}
"""kind of an event -> the least role of a person who is told of it; any other needs ``admin``."""
MIN_PASSWORD: Final = 10
MAX_PASSWORD: Final = 256

Password = Annotated[str, msgspec.Meta(max_length=MAX_PASSWORD)]


class PersonInfo(msgspec.Struct, omit_defaults=True):
    """A person as admins see it. ``password`` and ``provider``: the ways in that there are;
    ``sessions``: browser sessions that live; times are mesh seconds."""

    id: Id
    role: Short
    created: Count = 0
    last_login: Count = 0
    password: bool = False
    provider: bool = False
    sessions: Count = 0


class PeopleQuery(msgspec.Struct, omit_defaults=True):
    """``people.list``: in order of id, paged."""

    cursor: Id = ""
    limit: Page = 200


class People(msgspec.Struct, omit_defaults=True):
    """A page of people; ``next`` is empty on the last one."""

    people: list[PersonInfo]
    next: Id = ""


class PersonAdd(msgspec.Struct):
    """``people.add``: a person called ``name``, whose id is ``hub~name``."""

    name: Short
    role: Role


class PersonLink(msgspec.Struct):
    """Reply of ``people.add`` and ``people.link``: the secret that goes after ``#``, once."""

    id: Id
    secret: str
    expires_in: Count


class PersonRef(msgspec.Struct):
    """One person by id."""

    id: Id


class PersonRole(msgspec.Struct):
    """``people.role``: what the person may do from now on."""

    id: Id
    role: Role


class PasswordLogin(msgspec.Struct):
    """``login.password``: opens a browser session."""

    person: Short
    password: Password


class PasswordChange(msgspec.Struct, omit_defaults=True):
    """``people.password``: the caller's own. ``old`` is not wanted in a session that a link or an
    identity provider opened."""

    new: Password
    old: Password = ""


class LoginMethods(msgspec.Struct, omit_defaults=True):
    """``login.methods``: what the login form offers. ``provider``: how the identity provider is
    called, empty where there is none."""

    provider: Short = ""


class SessionInfo(msgspec.Struct, omit_defaults=True):
    """A browser session without its secrets. ``method``: how it was opened; ``current``: the very
    one that asks."""

    id: Short
    person: Id
    created: Count
    last_used: Count
    expires: Count
    origin: Short = ""
    browser: Name = ""
    method: Short = ""
    current: bool = False


class SessionsQuery(msgspec.Struct, omit_defaults=True):
    """``sessions.list``: of one person, or all. Who is no admin sees its own."""

    person: Id = ""
    cursor: Cursor = ""
    limit: Page = 200


class Sessions(msgspec.Struct, omit_defaults=True):
    """A page of browser sessions; ``next`` is empty on the last one."""

    sessions: list[SessionInfo]
    next: Cursor = ""


class SessionRef(msgspec.Struct):
    """``sessions.end``: one browser session by its id."""

    id: Short
