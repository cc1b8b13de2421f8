"""Planted faults of the hub's people: roles, sessions, passwords.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

LOGINS = "tests/registry/people/test_logins.py"
PEOPLE = "tests/registry/people/test_people.py"
FRAMES = "tests/registry/live/test_frames.py"
ROLES = "tests/registry/test_roles.py"
PROVIDER = "tests/registry/web/test_provider.py"
HUB = "tests/acceptance/test_hub.py"
ADDED = f"{HUB}::test_an_admin_adds_somebody_who_comes_in_by_password_and_sees_what_the_role_allows"


def cancelling(original: Any) -> Any:
    """End a verb with the socket that it came by."""

    def finish(self: Any, task: Any) -> None:
        task.cancel()
        original(self, task)

    return finish


def cookie_alone(original: Any) -> Any:
    """Believe a cookie wherever it was sent from."""

    async def principal(self: Any, cookie: str, page: str, listener: Any) -> Any:
        from msgspec.structs import replace

        return await original(self, cookie, page, replace(listener, secure=True))

    return principal


def fixed(original: Any) -> Any:
    """Let the browser keep the session that it came with."""

    async def opened(self: Any, call: Any, row: Any, secrets: Any) -> Any:
        call.secret = ""
        return await original(self, call, row, secrets)

    return opened


def judged_first(original: Any) -> Any:
    """Judge a guess, and count it only then."""
    return lambda self, person, address: None


def on_the_loop(original: Any) -> Any:
    """Compute a password where everybody waits for it."""

    async def run(self: Any, work: Any) -> Any:
        return work()

    return run


def open_sockets_stay(original: Any) -> Any:
    """Let what is connected stay so, whatever became of its session."""
    return lambda self, ended: None


def cached_role(original: Any) -> Any:
    """Every person of a session is what its first login said it was, here an admin."""

    def rank(person: Any, role: Any) -> bool:
        return bool(person.role)

    return rank


def any_browser(original: Any) -> Any:
    """Take an answer from whatever browser brings it, as often as it does."""

    def take(self: Any, cookie: str, state: str) -> Any:
        fitting = [one for one in self._pending.values() if one.state == state]
        return [*self._pending.values(), *fitting][-1]

    return take


def unsigned(original: Any) -> Any:
    """Believe a token for what it says."""

    def claims(token: str, keys: Any) -> Any:
        import base64
        import json

        body = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))

    return claims


def anybody(original: Any) -> Any:
    """Let in whoever has an account."""
    return lambda account, allow: allow[0]


def oldest_of_all(original: Any) -> Any:
    """Forget the oldest login, whose it may be."""
    return lambda self: self._pending.popitem(last=False)


def one_name(original: Any) -> Any:
    """Call the cookies of all logins the same."""
    return lambda mesh, listener, state: "login"


FAULTS = [
    Fault(
        "provider-one-login",
        "tabs of one browser log in beside each other at an identity provider",
        {
            "chatixia.registry.people.cookies:login_cookie_name": one_name,
            "chatixia.registry.web.provider:login_cookie_name": one_name,
        },
        (f"{PROVIDER}::test_two_tabs_of_one_browser_both_log_in",),
    ),
    Fault(
        "provider-answer-replayed",
        "an identity provider's answer counts once, for the browser that began the login",
        {"chatixia.registry.people.provider:IdentityProvider._take": any_browser},
        (
            f"{PROVIDER}::test_an_answer_belongs_to_the_browser_that_asked",
            f"{PROVIDER}::test_an_answer_that_was_changed_is_none[changed0]",
        ),
    ),
    Fault(
        "provider-logins-pushed-out",
        "strangers' logins at the identity provider push out nobody else's",
        {"chatixia.registry.people.provider:IdentityProvider._forget_one": oldest_of_all},
        ("tests/registry/people/test_provider.py::test_a_strangers_logins_push_out_its_own_alone",),
    ),
    Fault(
        "provider-token-unsigned",
        "only the provider's own key says who has logged in",
        {"chatixia.registry.people.provider:proved_claims": unsigned},
        ("tests/registry/people/test_provider.py::test_a_token_of_another_key_proves_nothing",),
    ),
    Fault(
        "provider-admits-anybody",
        "only accounts on the list come in",
        {"chatixia.registry.people.logins:admitted": anybody},
        (f"{PROVIDER}::test_whoever_is_not_on_the_list_is_not_let_in",),
    ),
    Fault(
        "asker-gone-change-halved",
        "a change that was begun on a socket is finished though its asker leaves",
        {"chatixia.registry.verbs:VerbDispatcher.finish": cancelling},
        (f"{FRAMES}::test_a_change_that_was_begun_is_finished_though_its_asker_leaves",),
    ),
    Fault(
        "roles-unjudged",
        "the registry enforces each person's role",
        {"chatixia.registry.verbs:may": cached_role},
        (
            f"{ROLES}::test_the_table_in_the_documents_is_what_each_may",
            f"{ROLES}::test_the_socket_judges_as_the_routes_do",
            f"{PEOPLE}::test_another_role_holds_at_once",
        ),
    ),
    Fault(
        "events-for-all",
        "who watches is told what its role allows",
        {
            "chatixia.registry.live.roster:hears": always(True),
            "chatixia.registry.live.events:hears": always(True),
        },
        (f"{ROLES}::test_events_reach_whom_the_table_says",),
    ),
    Fault(
        "viewer-reads-content",
        "a viewer sees metadata alone",
        {"chatixia.registry.work.metadata:reads_content": always(True)},
        (
            "tests/registry/work/test_metadata.py::test_a_viewer_sees_metadata_alone",
            "tests/registry/work/test_metadata.py::test_no_route_shows_a_viewer_a_payload_and_an_operators_look_is_recorded",
        ),
    ),
    Fault(
        "cookie-of-any-port",
        "another port of loopback that is sent the cookie gets nowhere with it",
        {"chatixia.registry.people.logins:Logins.principal": cookie_alone},
        (f"{LOGINS}::test_another_port_of_loopback_that_is_sent_the_cookie_gets_nowhere",),
    ),
    Fault(
        "session-fixed",
        "a login ends the session that the browser came with",
        {"chatixia.registry.people.logins:Logins._opened": fixed},
        (f"{LOGINS}::test_a_login_makes_new_secrets_and_ends_what_the_browser_had",),
    ),
    Fault(
        "guesses-unthrottled",
        "passwords are not guessed",
        {"chatixia.registry.people.throttle:LoginThrottle.begin": judged_first},
        (
            f"{LOGINS}::test_guessing_passwords_is_throttled_and_shuts_out_nobody_elsewhere",
            f"{LOGINS}::test_many_guesses_at_once_are_no_way_around_the_throttle",
            "tests/registry/people/test_throttle.py::test_five_guesses_then_one_in_half_a_minute",
        ),
    ),
    Fault(
        "password-on-the-loop",
        "a login makes nobody wait",
        {"chatixia.registry.people.passwords:Passwords._run": on_the_loop},
        (
            "tests/registry/people/test_passwords.py::test_the_loop_goes_on_while_passwords_are_computed",
        ),
    ),
    Fault(
        "sessions-outlived",
        "whoever is removed, demoted or logged out is so in every open page",
        {"chatixia.registry.lifecycle:AgentLifecycle.sessions_ended": open_sockets_stay},
        (
            f"{PEOPLE}::test_who_is_removed_is_out_at_once",
            f"{PEOPLE}::test_another_role_holds_at_once",
            f"{LOGINS}::test_the_page_opens_its_socket_by_cookie_and_subprotocol",
        ),
    ),
    Fault(
        "session-without-end",
        "a page's socket ends with its session",
        {"chatixia.registry.live.endpoint:WebSocketEndpoint._end_in_time": always(lambda: None)},
        (f"{LOGINS}::test_a_session_that_is_over_ends_its_socket_too",),
    ),
    Fault(
        "any-password",
        "only the right password opens the page",
        {"chatixia.registry.people.passwords:Passwords._verify": always(True)},
        (f"{LOGINS}::test_a_password_opens_a_session_and_another_does_not", ADDED),
    ),
]
