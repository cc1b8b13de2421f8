"""What a program may list as its skills, for whoever lists them for it (a sidecar)."""

from __future__ import annotations

from collections.abc import Sequence

from chatixia.errors import BadRequest, UnknownSkill
from chatixia.wire.peer import SkillInfo

from . import names


def check_skills(skills: Sequence[SkillInfo]) -> None:
    """Raises BadRequest for a name that none can have, one that stands twice, and a schema that is
    no JSON object: every member would see it."""
    listed: set[str] = set()
    for info in skills:
        try:
            names.skill(info.name)
        except UnknownSkill as error:
            raise BadRequest(error.message) from None
        if info.name in listed:
            raise BadRequest(f"The skill {info.name} is listed twice.")
        listed.add(info.name)
        for field, schema in (("parameters", info.parameters), ("returns", info.returns)):
            if bytes(schema).lstrip()[:1] != b"{":
                raise BadRequest(f"`{field}` of {info.name} is no JSON Schema: no object.")
