"""What the owner says to the registry."""

from __future__ import annotations

import pytest


def test_the_list_is_confirmed(registry, type_):
    done = type_("registry", "confirm", "--json")
    assert done.code == 0 and done.json["version"] == 0 and done.json["issued"] > 0
    assert "confirmed  version 0 of the revocation list" in done.err


def test_without_a_mesh(home, type_):
    done = type_("registry", "confirm")
    assert done.code == 2 and "`chatixia up`" in done.err


def test_signing_is_delegated_within_bounds_and_withdrawn(registry, type_):
    words = ("registry", "delegate", "--names", "lab-*", "--names", "gpu-1", "--roles", "worker")
    done = type_(*words, "--days", "7", "--json")
    assert done.code == 0 and done.json["names"] == ["lab-*", "gpu-1"]
    assert done.json["roles"] == ["worker"]
    assert "delegated  lab-* gpu-1 as worker to the registry, until 20" in done.err
    assert "note" not in done.err
    shown = type_("status")
    assert "lab-* gpu-1 to the registry, until" in shown.out, shown
    ended = type_("registry", "withdraw", "--json")
    assert ended.code == 0 and ended.json["machines"] == 0
    assert ended.json["machines"] == 0
    assert "delegated" not in type_("status").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--names"),
        (("--names", "*"), 2, "name a part"),
        (("--names", "lab-*", "--roles", "*"), 2, "name a part"),
        (("--names", "Lab-*"), 2, "'Lab-*' is no pattern"),
        (("--names", "lab-*", "--roles", "Worker"), 2, "'Worker' is no role"),
        (("--names", "a-*") * 17, 2, "17 patterns of names are too many; at most 16"),
        (("--names", "lab-*", "--days", "0"), 2, "1<=x<=366"),
        (("--names", "lab-*", "--days", "367"), 2, "1<=x<=366"),
    ],
)
def test_a_delegation_without_a_bound_is_refused(registry, type_, words, code: int, said: str):
    done = type_("registry", "delegate", *words)
    assert done.code == code and said in done.err, done


def test_a_later_delegation_says_what_the_hub_approves_no_more(registry, type_):
    type_("registry", "delegate", "--names", "lab-*", "--names", "gpu-1")
    done = type_("registry", "delegate", "--names", "pi-*", "--names", "gpu-1")
    assert "the hub approves lab-* no more; who is in, stays" in done.err, done
    assert "lab-*" not in type_("status").out


def test_without_a_command_those_there_are_are_named(home, type_):
    done = type_("registry")
    assert done.code == 2
    said = "error  `chatixia registry` takes a command: confirm, delegate, withdraw."
    assert done.err.startswith(said) and done.err.count("\n") == 1
