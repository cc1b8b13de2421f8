"""Which texts may be ids: one grammar, reserved names, Windows devices, other case."""

from __future__ import annotations

import pytest

from chatixia import ids


@pytest.mark.parametrize("text", ["a", "weather", "pi-4", "a.b_c-d", "0x", "a" * 63])
def test_good_agent_ids(text: str):
    assert ids.is_agent_id(text)
    assert ids.is_peer_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "A", "Weather", "-a", ".a", "_a", "a.", "a" * 64, "a b", "a/b", "a~b", "a\n", "wéather"]
    + sorted(ids.RESERVED)
    + ["con.txt", "nul.", "com1.x"],
)
def test_bad_agent_ids(text: str):
    assert not ids.is_agent_id(text)


def test_client_ids_are_peers_but_no_agents():
    assert ids.is_client_id("laptop~abc234")
    assert ids.is_peer_id("laptop~abc234")
    assert not ids.is_agent_id("laptop~abc234")


@pytest.mark.parametrize(
    "text", ["laptop~", "laptop~abc", "laptop~ABC234", "~abc234", "hub~abc234"]
)
def test_bad_client_ids(text: str):
    assert not ids.is_client_id(text)


def test_a_machines_name_leaves_room_for_its_clients_ids():
    longest = "x" * ids.MAX_MACHINE
    assert ids.is_machine_id(longest) and ids.is_client_id(f"{longest}~abcdef")
    assert ids.is_agent_id(f"{longest}x") and not ids.is_machine_id(f"{longest}x")
    assert not ids.is_machine_id("hub")
    assert "at most 63," in ids.id_problem("") and "at most 56," in ids.id_problem("", 56)


@pytest.mark.parametrize(("text", "good"), [("f", True), ("a.b", True), ("1a", False), ("", False)])
def test_skills(text: str, good: bool):
    assert ids.is_skill(text) is good


def test_task_ids_and_incarnations():
    assert ids.is_task_id("t_" + "a" * 26)
    assert not ids.is_task_id("t_" + "A" * 26)
    assert ids.is_incarnation("0123456789abcdef")
    assert not ids.is_incarnation("0123456789ABCDEF")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hub", "hub is reserved; use another name, such as my-hub"),
        ("con.txt", "con is reserved; use another name, such as my-con.txt"),
        ("No Good", "use lower-case letters, digits"),
    ],
)
def test_why_a_text_is_no_id(text: str, why: str):
    assert ids.id_problem(text).startswith(why)


def test_a_persons_id_is_none_that_anybody_else_can_have():
    assert ids.person_id("anna") == ids.person_id("hub~anna") == "hub~anna"
    assert not any(map(ids.person_id, ("", "Anna", "a b", "~", "hub~", "a~b", "x" * 33, "a.")))
    for name in ("anna", "aaaaaa", "abcdef"):  # six characters, as a client's
        assert not ids.is_peer_id(ids.person_id(name)) and not ids.is_agent_id(ids.person_id(name))
