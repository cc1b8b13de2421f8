"""Inviting: what it prints, and that it waits until somebody came."""

import re
import threading

import pytest

from chatixia.cli.failure import guarded
from chatixia.cli.group import chatixia
from chatixia.core import fingerprints


def test_a_line_to_type_over_there(registry, type_):
    done = type_("invite", "pi", "--no-wait")
    assert done.code == 0
    assert done.out.startswith("      chatixia join 127.0.0.1:")
    assert "once, within 15 minutes" in done.err
    assert "chatixia up --lan" in done.err


def test_it_waits_until_the_machine_joined(registry, type_, tmp_path, capsys):
    made = type_("invite", "pi", "--no-wait", "--json").json
    from chatixia.assembly.membership.join import join

    def arrive() -> None:
        join(made["join"], home=tmp_path / "there")

    guest = threading.Thread(target=arrive)
    from chatixia.assembly.membership.invite import Invited
    from chatixia.cli.common import Console
    from chatixia.cli.invite import wait

    guest.start()
    invited = Invited(made["join"], made["key"], "pi", made["redeem_by"], True)
    wait(Console(False, False, 0, ""), registry.profile, invited)
    guest.join()
    assert "pi joined from 127.0.0.1" in capsys.readouterr().err


def test_a_name_is_needed(registry, type_):
    assert type_("invite").code == 2
    many = type_("invite", "--as", "worker-*", "--no-wait")
    assert (many.code, "--reusable" in many.err) == (2, True)


@pytest.mark.parametrize(
    "bound",
    [
        ("--days", "1"),
        ("--minutes", "15"),
        ("--agents", "lab-*"),
        ("--via", "https://mesh.example"),
        ("--reusable",),
        ("--most", "3"),
        ("--ephemeral",),
    ],
)
def test_a_code_takes_no_bound_that_would_not_hold(registry, type_, bound):
    done = type_("invite", "--code", *bound)
    assert (done.code, done.out) == (2, "")
    assert f"{bound[0]} is for a join string" in done.err


def test_a_pattern_for_many(registry, type_):
    done = type_("invite", "--as", "worker-*", "--reusable", "--ephemeral")
    assert (done.code, "as often as needed" in done.err) == (0, True)


def test_without_a_mesh(home, capsys):
    assert guarded(chatixia, ["invite", "pi"]) == 2
    assert "`chatixia up`" in capsys.readouterr().err


def test_a_registry_that_stops_meanwhile_is_a_sentence(registry, type_, monkeypatch):
    from chatixia.assembly.membership import invite as module

    real = module.waiting

    def stopped(*given):
        registry.terminate()
        return real(*given)

    monkeypatch.setattr(module, "waiting", stopped)
    done = type_("invite", "pi")
    assert done.code == 3
    assert re.search(r" \.\.\. \nerror .* stays valid; start .* with `chatixia up`\.\n$", done.err)


def test_ctrl_c_while_it_waits(registry, type_, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("chatixia.assembly.membership.invite.waiting", interrupted)
    done = type_("invite", "pi")
    assert (done.code, done.err.endswith("... \n  the invitation of pi stays valid\n")) == (
        130,
        True,
    )


def test_a_code_with_the_key_to_compare(registry, type_):
    done = type_("invite", "--code")
    profile = registry.profile
    key = fingerprints.of_registry(profile.mesh, profile.registry_key)
    assert re.fullmatch(r" +chatixia pair 127\.0\.0\.1:\d+ \d{6}\n", done.out)
    assert "once, within 5 minutes" in done.err and f"key {key}" in done.err
    assert "chatixia up --lan" in done.err
    assert type_("invite", "pi", "--code").code == 2


def test_for_so_many_machines(registry, type_):
    refused = type_("invite", "pi", "--most", "2")
    assert (refused.code, "that is --reusable" in refused.err) == (2, True)
    done = type_("invite", "--as", "w-*", "--reusable", "--most", "2")
    assert (done.code, "for 2 machines" in done.err) == (0, True)
