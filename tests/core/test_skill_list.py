"""What a program lists is held against the rules of names and schemas before others see it."""

import msgspec
import pytest

from chatixia.core.skill_list import check_skills
from chatixia.errors import BadRequest
from chatixia.wire.peer import SkillInfo

GOOD = SkillInfo("add", parameters=msgspec.Raw(b' {"type":"object"}'))


def test_what_an_agent_may_serve_passes():
    check_skills([])
    check_skills([GOOD, SkillInfo("sub")])


@pytest.mark.parametrize("name", ["", "a b", "a\x1b[1m\n", "1a", "x" * 500])
def test_a_name_that_none_can_have_is_refused(name: str):
    with pytest.raises(BadRequest, match="No skill can be called"):
        check_skills([GOOD, SkillInfo(name)])


def test_a_name_stands_once():
    with pytest.raises(BadRequest, match="add is listed twice"):
        check_skills([GOOD, GOOD])


@pytest.mark.parametrize("field", ["parameters", "returns"])
@pytest.mark.parametrize("schema", [b"5", b"[]", b'"x"', b"null"])
def test_a_schema_is_an_object(field: str, schema: bytes):
    with pytest.raises(BadRequest, match=f"`{field}` of add is no JSON Schema"):
        check_skills([SkillInfo("add", **{field: msgspec.Raw(schema)})])
