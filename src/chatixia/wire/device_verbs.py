"""The verbs of the described contract's pairing, a part of the one table in ``verbs``."""

from __future__ import annotations

from typing import Final

from . import devices as d
from . import registry as r
from . import trust as u
from .verb import OPERATORS, Verb

BASE: Final = "/api/pairing"

DEVICE_VERBS: Final[tuple[Verb, ...]] = (
    Verb(
        "devices.code",
        r.Nothing,
        d.DeviceCode,
        ("key", *OPERATORS),
        "POST",
        f"{BASE}/generate-code",
        ("denied", "not_found", "busy"),
        ws=False,
        audited=("key", *OPERATORS),
    ),
    Verb(
        "devices.pair",
        d.DevicePair,
        d.DevicePending,
        ("open",),
        "POST",
        f"{BASE}/pair",
        ("not_found", "unauthorized", "busy"),
        ws=False,
        audited=("open",),
    ),
    Verb(
        "devices.pending",
        d.DevicesQuery,
        list[d.OnboardingEntry],
        OPERATORS,
        "GET",
        f"{BASE}/pending",
        ws=False,
    ),
    Verb(
        "devices.list",
        d.DevicesQuery,
        list[d.OnboardingEntry],
        OPERATORS,
        "GET",
        f"{BASE}/all",
        ws=False,
    ),
    Verb(
        "devices.approve",
        d.DeviceRef,
        d.DeviceApproved,
        OPERATORS,
        "POST",
        f"{BASE}/{{id}}/approve",
        ("name_taken", "not_found"),
        ws=False,
        audited=OPERATORS,
        target="id",
    ),
    Verb(
        "devices.reject",
        d.DeviceRef,
        u.Done,
        OPERATORS,
        "POST",
        f"{BASE}/{{id}}/reject",
        ("not_found",),
        ws=False,
        audited=OPERATORS,
        target="id",
    ),
    Verb(
        "devices.revoke",
        d.DeviceRef,
        u.Done,
        OPERATORS,
        "POST",
        f"{BASE}/{{id}}/revoke",
        ("not_found",),
        ws=False,
        audited=OPERATORS,
        target="id",
    ),
)
