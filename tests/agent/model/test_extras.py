"""What is missing is said with its install line."""

from __future__ import annotations

import pytest

from chatixia.agent.model.extras import missing


@pytest.mark.parametrize("extra", ["model", "anthropic"])
def test_the_install_line(extra: str):
    assert f"pip install '.[{extra}]'" in str(missing(extra))
