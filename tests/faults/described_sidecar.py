"""Planted faults of the described agent's own sidecar, and of its pairing by the owner.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value

LOGIN = "tests/peer/described/test_login.py"
LINKS = "tests/peer/described/test_links.py"
RELAY = "tests/sidecar/test_message_relay.py"
PROGRAM = "tests/sidecar/test_described_program.py"
PROCESS = "tests/assembly/sidecar/test_described.py"
SETTINGS = "tests/assembly/sidecar/test_described_settings.py"
SIGNALING = "tests/interop/test_described_signaling.py"
STORE = "tests/store/control/test_devices.py"


def nothing(original: Any) -> Any:
    """Do nothing at all."""
    return lambda *args, **kwargs: None


def trying_on(original: Any) -> Any:
    """Take a refusal for one more reason to try again."""
    return lambda self, error: not self._decided.is_set() and not error.retryable


def through_anything(original: Any) -> Any:
    """Speak to any address, in clear or not."""
    return lambda name, url, schemes: None


def of_known_fields(original: Any) -> Any:
    """Pass on what a MeshMessage of ours has, and no more."""

    def send(self: Any, peer: str, message: Any, raw: bytes) -> None:
        import msgspec

        original(self, peer, message, msgspec.json.encode(message))

    return send


def unanswered(original: Any) -> Any:
    """Let who asked wait for the whole of his time."""
    return lambda self, peer, message, error: True


def as_a_member(original: Any) -> Any:
    """Find a member's sidecar wherever an agent is named."""

    def wanted(mesh: str = "") -> bool:
        import os

        return "CHATIXIA_AGENT_ID" not in os.environ

    return wanted


def staying(original: Any) -> Any:
    """Wait for the next program."""

    def left(self: Any, connection: Any) -> None:
        if connection is self._program:
            self._program = None
            self.relay.detach()

    return left


def at_once(original: Any) -> Any:
    """Take each connection for the program."""

    def arrived(self: Any, connection: Any) -> None:
        self._program = connection
        self.relay.attach(connection)

    return arrived


def any_path(original: Any) -> Any:
    """Ask for whatever path there is."""
    return lambda environ: False


def in_any_shared(original: Any) -> Any:
    """Take each folder for a good one."""
    return lambda place: place


FAULTS: list[Fault] = [
    Fault(
        "described-socket-folder",
        "a socket is where nobody else can take it away",
        {"chatixia.sidecar.sockets:socket_folder": in_any_shared},
        ("tests/sidecar/test_sockets.py::test_a_folder_that_is_shared_keeps_each_users_own",),
    ),
    Fault(
        "socket-in-an-open-folder",
        "a socket is where not everybody may put another",
        {"chatixia.sidecar.sockets:open_to_all": always(False)},
        ("tests/sidecar/test_sockets.py::test_a_folder_in_which_everybody_writes_is_refused",),
    ),
    Fault(
        "described-login-steps",
        "a described login is taken up after 0, 1, 2, 4 to 30 seconds",
        {"chatixia.peer.described.login:PAUSES": value((0.0,))},
        (
            f"{LOGIN}::test_a_lost_login_is_taken_up_at_once_and_then_after_1_2_4_to_30_seconds",
            f"{SIGNALING}::test_a_lost_login_is_taken_up_at_once_then_after_1_and_2_seconds",
        ),
    ),
    Fault(
        "described-login-refused",
        "a refused key and a replaced login end the sidecar",
        {"chatixia.peer.described.login:DescribedLogin._is_final": trying_on},
        (
            f"{LOGIN}::test_later_a_foreign_certificate_is_no_end_and_a_revoked_key_is",
            f"{LOGIN}::test_one_that_another_took_the_place_of_does_not_fight_for_it",
        ),
    ),
    Fault(
        "described-login-broken",
        "a defect ends a described login as a refusal does",
        {"chatixia.peer.described.login:DescribedLogin._check": nothing},
        (f"{LOGIN}::test_a_defect_ends_it_as_a_refusal_does",),
    ),
    Fault(
        "described-offer-lost",
        "an offer that reaches nobody ends at once",
        {"chatixia.peer.described.links:DescribedLinks.unreachable": nothing},
        (f"{LINKS}::test_an_offer_that_reaches_nobody_ends_at_once",),
    ),
    Fault(
        "described-key-in-clear",
        "an API key and a token go in clear to this machine alone",
        {"chatixia.assembly.sidecar.described_settings:_check": through_anything},
        (f"{SETTINGS}::test_refusals",),
    ),
    Fault(
        "described-relay-only",
        "ICE_TRANSPORT_POLICY=relay leaves no other path",
        {"chatixia.assembly.sidecar.described_settings:_relay_only": any_path},
        (f"{SETTINGS}::test_relay_only",),
    ),
    Fault(
        "described-fields-lost",
        "a described sidecar changes no message",
        {"chatixia.sidecar.message_relay:MessageRelay._send": of_known_fields},
        (
            f"{RELAY}::test_a_message_goes_as_it_is_and_comes_as_it_is",
            f"{SIGNALING}::test_messages_of_any_kind_go_as_they_are",
        ),
    ),
    Fault(
        "described-send-unsaid",
        "a request that cannot go, or whose link is lost, is answered with its error",
        {"chatixia.sidecar.message_relay:MessageRelay._refuse": unanswered},
        (
            f"{RELAY}::test_a_request_that_cannot_go_is_answered_with_its_error",
            f"{RELAY}::test_requests_end_with_their_link",
        ),
    ),
    Fault(
        "described-any-answer",
        "only who was asked answers",
        {"chatixia.sidecar.message_relay:MessageRelay._is_due": always(True)},
        (f"{RELAY}::test_only_who_was_asked_answers",),
    ),
    Fault(
        "described-program-gone",
        "a described sidecar ends with its agent",
        {"chatixia.sidecar.described_program:DescribedServer.left": staying},
        (
            f"{PROGRAM}::test_it_has_one_program_and_ends_with_it",
            f"{PROCESS}::test_its_life",
        ),
    ),
    Fault(
        "described-two-programs",
        "a described sidecar has one program",
        {"chatixia.sidecar.described_program:DescribedServer.arrived": at_once},
        (f"{PROGRAM}::test_it_has_one_program_and_ends_with_it",),
    ),
    Fault(
        "described-any-user",
        "another user is nobody's program",
        {"chatixia.sidecar.sockets:is_own": always(True)},
        (f"{PROGRAM}::test_another_user_is_nobodys_program",),
    ),
    Fault(
        "described-no-member",
        "a sidecar without arguments is a described peer where this machine is no member",
        {"chatixia.assembly.sidecar.described:is_wanted": as_a_member},
        (f"{PROCESS}::test_a_member_that_is_named_needs_no_key",),
    ),
    Fault(
        "device-rows-kept",
        "who lost its device token is forgotten after seven days",
        {"chatixia.store.control.devices:drop_old": nothing},
        (f"{STORE}::test_who_is_out_is_forgotten_and_who_is_in_is_not",),
    ),
    Fault(
        "device-approve-unknown",
        "the owner's commands know described agents",
        {"chatixia.assembly.membership.described:find": always(None)},
        (
            "tests/cli/test_approve.py::test_a_described_agent_gets_its_token_once",
            "tests/cli/test_reject.py::test_a_described_agent_is_turned_away",
        ),
    ),
    Fault(
        "device-pages-lost",
        "a list over several pages is whole",
        {"chatixia.peer.control.connection:_cursor": always("")},
        ("tests/assembly/membership/test_described.py::test_all_pages_of_who_waits",),
    ),
]
