"""Planted faults of links over the relay, at the agents: certificates, credit, order, ends.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

ATTEMPT = "tests/peer/links/test_relay_attempt.py"
CERTIFICATE = "tests/core/test_certificate.py"
CHANNEL = "tests/peer/links/test_relay_channel.py"
CREDIT = "tests/core/test_stream_credit.py"
LOGIN = "tests/peer/control/test_session.py"
OPENINGS = "tests/core/test_openings.py"
RELAY = "tests/acceptance/test_relay.py"
STREAMS = "tests/peer/links/test_relay_streams.py"


def untried(original: Any) -> Any:
    """Let no stream be opened."""

    async def offer(self: Any) -> None:
        from chatixia.errors import Unreachable

        raise Unreachable("There is no relay.")

    return offer


def any_form(original: Any) -> Any:
    """Take whatever begins like a certificate."""
    return lambda der: der[-106:-74]


def whichever(original: Any) -> Any:
    """Leave the certificate out of what is signed."""
    from msgspec.structs import replace

    return lambda message, mesh: original(replace(message, certificate=""), mesh)


def without_end(original: Any) -> Any:
    """See no end of what may be sent."""
    return property(lambda self: 1 << 40)


def relay_first(original: Any) -> Any:
    """Let the relay's messages go first."""

    def following(self: Any) -> Any:
        message = self.relay.next_message() if self.relay is not None else None
        return original(self) if message is None else (message, False)

    return following


def agreeable(original: Any) -> Any:
    """Trust whatever certificate the other end shows."""

    def context(self: Any, peer: bytes, *, server: bool) -> Any:
        import ssl

        made = original(self, peer, server=server)
        made.verify_mode = ssl.CERT_NONE
        return made

    return context


FAULTS = [
    Fault(
        "no-relay",
        "where only the registry's port is open a link goes over the relay",
        {"chatixia.peer.links.relay_attempt:RelayAttempt.offer": untried},
        (
            f"{RELAY}::test_a_stream_of_twenty_items_flows[wrtc]",
            f"{RELAY}::test_a_marker_is_found_at_both_agents_and_nowhere_at_the_registry",
            f"{RELAY}::test_a_link_moves_up_when_udp_comes_and_down_when_it_goes",
        ),
    ),
    Fault(
        "relay-certificate-of-any-form",
        "the certificate of a relay stream is one, without more, and can sign no other",
        {"chatixia.core.certificate:check_certificate": any_form},
        (
            f"{CERTIFICATE}::test_any_other_form_is_refused",
            f"{OPENINGS}::test_two_certificates_in_one_are_refused_though_they_are_signed",
        ),
    ),
    Fault(
        "relay-certificate-unsigned",
        "the certificate of a relay stream is signed by the member that shows it",
        {"chatixia.wire.signed:opening": whichever},
        (
            f"{OPENINGS}::test_a_relay_open_changed_on_the_way_is_refused[certificate]",
            f"{OPENINGS}::test_a_relay_ready_changed_on_the_way_is_refused[certificate]",
        ),
    ),
    Fault(
        "relay-any-key",
        "TLS on the relay is with the key of the signed certificate alone",
        {"chatixia.peer.links.relay_certificate:RelayCertificate.context": agreeable},
        (
            "tests/peer/links/test_relay_certificate.py::test_another_certificate_than_the_expected_one_is_refused",
        ),
    ),
    Fault(
        "relay-overrun",
        "a peer that sends more on a relay stream than its credit allows loses the stream",
        {"chatixia.core.stream_credit:StreamCredit.receive": always(None)},
        (
            f"{CREDIT}::test_more_than_was_granted_is_denied",
            f"{CHANNEL}::test_a_peer_over_its_credit_is_closed_with_that_reason",
        ),
    ),
    Fault(
        "relay-without-window",
        "no more goes on a relay stream than the far end has allowed",
        {"chatixia.core.stream_credit:StreamCredit.room": without_end},
        (
            f"{CREDIT}::test_no_more_than_the_window_goes_before_the_first_credit",
            f"{ATTEMPT}::test_without_credit_no_more_than_the_window_goes",
        ),
    ),
    Fault(
        "relay-before-signaling",
        "an agent's signaling and verbs go before its relay streams",
        {"chatixia.peer.control.session:Signaling._following": relay_first},
        (f"{LOGIN}::test_signaling_goes_before_the_relay_and_both_ways_it_is_told_apart",),
    ),
    Fault(
        "relay-streams-stay",
        "a relay stream ends with the login",
        {
            "chatixia.peer.control.session:Signaling._reset_relay": always(None),
            "chatixia.peer.links.relay_streams:RelayMultiplexer.reset": always(None),
        },
        (
            f"{LOGIN}::test_the_end_of_a_login_ends_what_goes_over_the_relay",
            f"{STREAMS}::test_the_end_of_the_login_ends_every_stream",
        ),
    ),
]
