"""Who calls: by credential, by chosen name, or as the host says; each with its own path."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chatixia.client.call_context import CallContext
from chatixia.gateway.mcp.callers import CALLER, MAX_NAME, MOST, MeshCallers, caller_name
from tests.agent.loopback import Net


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Claude Desktop", "claude-desktop"),
        ("a/../b", "a-..-b"),
        ("mcp:laptop", "mcp-laptop"),
        ("", "host"),
        ("\u00e4\n", "host"),
        ("x" * 10_000, "x" * MAX_NAME),
    ],
)
def test_a_name_may_stand_on_a_path(text: str, name: str):
    assert caller_name(text) == name


def ctx(request: object, said: str) -> SimpleNamespace:
    params = SimpleNamespace(client_info=SimpleNamespace(name=said))
    return SimpleNamespace(request=request, session=SimpleNamespace(client_params=params))


async def test_a_credential_counts_before_what_a_host_says():
    context = CallContext(Net().port("g"))
    request = SimpleNamespace(scope={CALLER: "desk"})
    assert MeshCallers(context, "chosen").name_of(ctx(request, "laptop")) == "desk"
    assert MeshCallers(context, "chosen").name_of(ctx(None, "laptop")) == "chosen"
    assert MeshCallers(context).name_of(ctx(None, "Laptop")) == "laptop"


async def test_each_has_its_own_path_and_the_oldest_go():
    callers = MeshCallers(CallContext(Net().port("g")))
    first = callers.mesh("a")
    assert first._context.path == ("mcp:a",)
    assert callers.mesh("a") is first
    for n in range(MOST):
        callers.mesh(f"n{n}")
    assert len(callers._meshes) == MOST
    assert callers.mesh("a") is not first
