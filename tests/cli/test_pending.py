"""Who waits, with its key and where it asked from; and that codes rest."""

from __future__ import annotations

import re

from chatixia.assembly.membership import approve
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join

from .pairing import described, machine, waiting


def test_who_waits(registry, type_, tmp_path):
    assert "No machine waits" in type_("pending").err
    with machine(registry, tmp_path / "pi"):
        key = waiting(registry).key
        listed = type_("pending").out
        assert re.search(rf"^  pi +{key} +\S+ +127\.0\.0\.1 +60 min$", listed, re.M), listed
        [entry] = type_("pending", "--json").json["pending"]
        assert (entry["name"], entry["key"], entry["member"]) == ("pi", key, False)
        assert "--replace" not in type_("pending").err
        approve.reject(registry.profile, "pi")


def test_whose_name_another_machine_has_is_approved_to_replace_it(registry, type_, tmp_path):
    join(invite(registry.profile, "pi").string, home=tmp_path / "old")
    with machine(registry, tmp_path / "pi"):
        said = type_("pending").err
        assert "`chatixia approve pi --replace`" in said, said
        assert type_("pending", "--json").json["pending"][0]["member"] is True
        approve.reject(registry.profile, "pi")


def test_that_codes_rest_is_shown(registry, type_, monkeypatch):
    monkeypatch.setattr(
        "chatixia.assembly.membership.approve.pending",
        lambda profile: approve.PendingList([], 300.0),
    )
    assert re.search(r"codes rest until \d\d:\d\d, .* join strings work", type_("pending").err)
    assert type_("pending", "--json").json["resting"] == 300


def test_without_a_mesh(home, type_):
    done = type_("pending")
    assert done.code == 2 and "`chatixia up`" in done.err


def test_described_agents_wait_in_the_same_list(open_registry, type_):
    entry = described(open_registry)
    listed = type_("pending").out
    assert re.search(rf"^  {entry.peer_id} +none, unverified +Rusty +- +60 min$", listed, re.M), (
        listed
    )
    [one] = type_("pending", "--json").json["described"]
    assert (one["peer_id"], one["id"]) == (entry.peer_id, entry.id)
