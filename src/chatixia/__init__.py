"""chatixia: agents that find each other by skill and call each other directly.

The public names, each loaded from its module at first use (PEP 562), so that importing the
package, or one name of it, costs only what that name needs.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# name -> module that holds it. The one list of what this package promises to keep (api.md 3).
_PUBLIC = {
    "Agent": "assembly.agent",
    "run": "assembly.agent",
    "connect": "assembly.connect",
    "connect_sync": "assembly.connect",
    "Ctx": "agent.context",
    "Mesh": "client.mesh",
    "Reply": "client.reply",
    "Task": "client.task",
    "MeshError": "errors",
    "BadArguments": "errors",
    "Cancelled": "errors",
    "DeadlineExceeded": "errors",
    "Denied": "errors",
    "Overloaded": "errors",
    "SkillFailed": "errors",
    "TooLarge": "errors",
    "UnknownAgent": "errors",
    "UnknownSkill": "errors",
    "Unreachable": "errors",
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605 - derived, so that the table stays the only list


def __getattr__(name: str) -> Any:
    """Load a public name from its module and keep it."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *_PUBLIC})
