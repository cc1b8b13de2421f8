"""A sidecar without a choice by skill has nobody to choose."""

from __future__ import annotations

import pytest

from chatixia.errors import UnknownSkill
from chatixia.sidecar.ports import Cause, nobody
from chatixia.wire.ipc import AnyPayload


async def test_nobody_has_it():
    with pytest.raises(UnknownSkill, match="forecast"):
        await nobody(AnyPayload(skill="forecast"), Cause())
