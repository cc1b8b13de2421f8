"""Planted faults of described peers: whom they reach, what is believed of them.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

DOOR = "tests/registry/live/test_described_endpoint.py"
PEERS = "tests/registry/live/test_described.py"
POLICY = "tests/peer/described/test_policy.py"
DEVICES = "tests/registry/trust/test_devices.py"
INTEROP = "tests/interop/test_described_peer.py"


def let_in(original: Any) -> Any:
    """Whatever the operator says."""

    def begin(self: Any, *parts: Any) -> None:
        original(self, *parts[:-2], True, parts[-1])

    return begin


def any_member(original: Any) -> Any:
    """Take whoever has a token."""

    async def principal(self: Any, scope: Any, address: str) -> Any:
        from chatixia.registry.live.described_endpoint import token_of

        bearer = {"authorization": f"Bearer {token_of(scope)}"}
        caller = await self._gate.caller(bearer, scope["chatixia.listener"], address)
        return caller.principal

    return principal


def in_any_name(original: Any) -> Any:
    """Believe the sender that a frame names."""

    def handle(self: Any, frame: Any) -> None:
        frame.peer_id = self._socket.id
        original(self, frame)

    return handle


def named_alone(original: Any) -> Any:
    """Look only at what the manifest says."""

    def admits(self: Any, name: str) -> None:
        from chatixia.errors import Denied

        if name not in self._names:
            raise Denied(f"{name} is not in `compat`.")

    return admits


def itself(original: Any) -> Any:
    """The tier as of any peer."""
    return lambda tier: tier


def unrevoked(original: Any) -> Any:
    """Say that it was done."""

    async def revoke(self: Any, call: Any, request: Any) -> Any:
        from chatixia.wire.trust import Done

        return Done()

    return revoke


def talkative(original: Any) -> Any:
    """Leave uvicorn's own log as it is."""

    def make(*args: Any, **more: Any) -> Any:
        import logging

        server = original(*args, **more)
        logging.getLogger("uvicorn.error").setLevel(logging.DEBUG)
        return server

    return make


FAULTS: list[Fault] = [
    Fault(
        "described-let-in",
        "described peers are off by default",
        {"chatixia.registry.live.described_endpoint:DescribedEndpoint.__init__": let_in},
        (f"{DOOR}::test_off_it_is_one_clear_refusal",),
    ),
    Fault(
        "described-member-token",
        "no member logs in unsigned",
        {"chatixia.registry.live.described_endpoint:DescribedEndpoint._principal": any_member},
        (f"{DOOR}::test_a_wrong_or_expired_token_is_401_and_a_members_403",),
    ),
    Fault(
        "described-reaches-all",
        "a described peer reaches only agents that name it",
        {"chatixia.registry.live.described:_accepts": always(True)},
        (
            f"{PEERS}::test_only_an_agent_that_names_a_peer_is_listed_to_it",
            f"{PEERS}::test_nobody_is_reached_who_did_not_name_the_peer",
        ),
    ),
    Fault(
        "described-any-name",
        "a described peer speaks in its own name",
        {"chatixia.registry.live.described:DescribedFrames._handle": in_any_name},
        (f"{PEERS}::test_what_means_nothing_is_dropped_and_much_of_it_ends_the_socket",),
    ),
    Fault(
        "described-pinned",
        "no id with a pin or record is accepted unsigned",
        {"chatixia.peer.described.policy:DescribedPolicy.admits": named_alone},
        (f"{POLICY}::test_a_name_with_a_pin_or_a_record_is_never_spoken_for_unsigned",),
    ),
    Fault(
        "described-as-proved",
        "a described peer is unverified everywhere",
        {"chatixia.peer.described.links:tier_of": itself},
        (f"{INTEROP}::test_both_call_each_other_and_it_is_shown_as_unverified",),
    ),
    Fault(
        "described-description",
        "a described peer's description is mended before an engine sees it",
        {"chatixia.core.described:check_candidate": always(None)},
        ("tests/core/test_described.py::test_a_description_is_mended_not_believed",),
    ),
    Fault(
        "described-offers-cross",
        "offers that cross end in one link",
        {"chatixia.peer.described.links:DescribedLinks._give_way": always(None)},
        ("tests/peer/described/test_links.py::test_where_both_offer_one_link_is_left",),
    ),
    Fault(
        "described-pairing-on",
        "the described pairing is off by default",
        {"chatixia.registry.trust.devices:DevicePairing._check_enabled": always(None)},
        (f"{DEVICES}::test_without_compat_it_is_refused",),
    ),
    Fault(
        "device-token-kept",
        "a device token that was revoked opens nothing",
        {"chatixia.registry.trust.keys:ApiKeys.revoke": unrevoked},
        (f"{DEVICES}::test_from_code_to_token_and_its_end",),
    ),
    Fault(
        "token-in-the-log",
        "a token in a URL stands in no log",
        {"chatixia.assembly.serve.server:make_server": talkative},
        (f"{DOOR}::test_a_token_stands_in_no_log",),
    ),
]
