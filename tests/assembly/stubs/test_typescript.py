"""The TypeScript file: interfaces, and never code of a stranger."""

from __future__ import annotations

import pytest

from chatixia.assembly.stubs.schema import agent_types
from chatixia.assembly.stubs.typescript import source
from tests.assembly.stubs.sample import sample, skills_of
from tests.assembly.stubs.test_python import HOSTILE, hostile


async def test_an_interface_for_each_model_and_one_for_the_agent():
    text = source(agent_types("weather", await skills_of(sample())))
    assert 'import type { Artifact } from "chatixia-mesh/artifacts";' in text
    assert "export interface Forecast {" in text and "  day: string;" in text
    assert '  unit?: "c" | "f";' in text and "  class?: string;" in text
    assert "  spot?: Spot | null;" in text and "  shape?: Circle | Square | null;" in text
    assert "export interface Weather {" in text
    assert '  "get-all"(args?: { spots?: Array<Spot>;' in text
    assert "  tell(args: { topic: string; times?: number }): AsyncIterable<string>;" in text
    assert "  nothing(args?: Record<string, never>): Promise<null>;" in text
    assert '   * `city`: whose "weather" it is' in text


@pytest.mark.parametrize("words", HOSTILE)
def test_words_of_a_stranger_end_no_comment_and_no_text(words: str):
    text = source(agent_types("weather", hostile(words[:60] or "x", words)))
    assert all(c.isprintable() for c in text.replace("\n", ""))
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith(("/**", "*"))]
    assert not [line for line in comments if "*/" in line.removesuffix("*/")]
    for line in text.splitlines():
        assert (
            line.startswith(("//", "/**", " */", "  ", "export ", "}", " *", "import ")) or not line
        )
