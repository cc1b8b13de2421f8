"""The WebRTC engines behind one interface. Nothing else imports a WebRTC library."""

from __future__ import annotations

from chatixia.errors import ConfigError, MissingExtra
from chatixia.world import REAL, World

from .base import Engine

FORKED = (
    "This process was forked from one that has WebRTC links, and the engine's threads stay there: "
    "start processes with the spawn method (multiprocessing.get_context('spawn')), or set "
    "`engine: aiortc`."
)
NAMES = ("auto", "wrtc", "aiortc")
# The tool's own environment, or the one of a script, a checkout: a user is in one of the two.
_INSTALL = (
    "install it with: uv tool install '.[aiortc]' in a checkout, or, in the environment that runs "
    "this, pip install '.[aiortc]' (a wheel's path instead of the dot does as well)"
)


def load(name: str = "auto", *, world: World = REAL, loopback: bool | None = None) -> Engine:
    """The engine called ``name``; ``auto`` is wrtc, or aiortc where wrtc has no wheel.

    ``loopback``: whether 127.0.0.1 is a candidate; None: only on a host without other addresses.
    Raises ConfigError for an unknown name and for wrtc in a child that was forked from a process
    that used it, MissingExtra when the library is not installed.
    """
    if name not in NAMES:
        raise ConfigError(f"There is no engine {name!r}; there are: {', '.join(NAMES)}.")
    if name != "aiortc":
        try:
            from .wrtc import WrtcEngine, forked
        except ImportError:
            if name == "wrtc":
                raise MissingExtra("wrtc has no wheel for this platform; use aiortc.") from None
        else:
            if forked():
                raise ConfigError(FORKED)
            return WrtcEngine(world=world, loopback=loopback)
    try:
        from .aiortc import AiortcEngine
    except ImportError:
        raise MissingExtra(f"The aiortc engine is not installed; {_INSTALL}") from None
    return AiortcEngine(loopback=loopback)
