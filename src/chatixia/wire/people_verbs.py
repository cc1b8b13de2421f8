"""The verbs of people, their logins and browser sessions, a part of the one table in ``verbs``."""

from __future__ import annotations

from typing import Final

from . import people as h
from . import registry as r
from . import trust as u
from .verb import MEMBERS, OPERATORS, Verb

PEOPLE_VERBS: Final[tuple[Verb, ...]] = (
    Verb(
        "login.redeem",
        r.Redeem,
        r.Session,
        ("open",),
        "POST",
        "/api/login/redeem",
        ("unauthorized", "busy"),
        ws=False,
        audited=("open",),
    ),
    Verb(
        "login.create", r.Nothing, r.LoginLink, ("owner",), "POST", "/api/login", audited=("owner",)
    ),
    Verb(
        "login.end",
        r.Nothing,
        u.Done,
        ("person",),
        "POST",
        "/api/login/end",
        ws=False,
        audited=("person",),
        role="viewer",
    ),
    Verb(
        "login.methods", r.Nothing, h.LoginMethods, ("open",), "GET", "/api/login/methods", ws=False
    ),
    Verb(
        "login.password",
        h.PasswordLogin,
        r.Session,
        ("open",),
        "POST",
        "/api/login/password",
        ("unauthorized", "busy"),
        ws=False,
        audited=("open",),
    ),
    Verb("people.list", h.PeopleQuery, h.People, OPERATORS, "GET", "/api/people"),
    Verb(
        "people.add",
        h.PersonAdd,
        h.PersonLink,
        OPERATORS,
        "POST",
        "/api/people",
        ("name_taken", "invalid", "busy"),
        status=201,
        audited=OPERATORS,
    ),
    Verb(
        "people.link",
        h.PersonRef,
        h.PersonLink,
        ("owner",),
        "POST",
        "/api/people/{id}/link",
        ("not_found",),
        audited=("owner",),
        target="id",
    ),
    Verb(
        "people.role",
        h.PersonRole,
        u.Done,
        OPERATORS,
        "POST",
        "/api/people/{id}/role",
        ("not_found", "denied"),
        audited=OPERATORS,
        target="id",
    ),
    Verb(
        "people.remove",
        h.PersonRef,
        u.Done,
        OPERATORS,
        "DELETE",
        "/api/people/{id}",
        ("not_found", "denied"),
        audited=OPERATORS,
        target="id",
    ),
    Verb(
        "people.password",
        h.PasswordChange,
        u.Done,
        ("person",),
        "POST",
        "/api/session/password",
        ("unauthorized", "invalid", "busy"),
        ws=False,
        audited=("person",),
        role="viewer",
    ),
    Verb(
        "sessions.list",
        h.SessionsQuery,
        h.Sessions,
        OPERATORS,
        "GET",
        "/api/sessions",
        role="viewer",
    ),
    Verb(
        "sessions.end",
        h.SessionRef,
        u.Done,
        OPERATORS,
        "POST",
        "/api/sessions/{id}/end",
        ("not_found",),
        audited=OPERATORS,
        target="id",
        role="viewer",
    ),
    Verb("session", r.Nothing, r.Session, MEMBERS, "GET", "/api/session", role="viewer"),
)
