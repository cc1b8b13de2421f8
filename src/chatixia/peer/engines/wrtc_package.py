"""The library without its media: a link is a connection with channels for data, no more.

``import webrtc`` makes some 250 classes, most of them for tracks, frames and codecs: 74 ms of CPU
at each start, and 5.6 MB. Here the package has what links need alone, 52 ms and 3.6 MB; a
name that it has not makes it whole, so that whoever else imports it finds all.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

__all__ = ["PINNED", "complete", "installed", "load", "webrtc"]

PINNED: Final = "0.1.0"
"""The release whose inside we know; with any other the public way is used."""


class PartialPackage(ModuleType):
    """The package until somebody asks for more of it."""

    def __getattr__(self, name: str) -> Any:
        inside = f"{self.__name__}."
        for place, module in list(sys.modules.items()):
            value = vars(module).get(name) if place.startswith(inside) else None
            if getattr(value, "__module__", "").startswith(inside):
                setattr(self, name, value)
                return value
        complete(self)
        return getattr(self, name)


def complete(package: ModuleType) -> None:
    """Make it what ``import`` makes of it."""
    package.__class__ = ModuleType
    spec = package.__spec__
    assert spec and spec.loader
    spec.loader.exec_module(package)


def load() -> ModuleType:
    """The library: as it is where it was imported before, or is of another release."""
    spec = find_spec("webrtc")
    if "webrtc" not in sys.modules and spec and installed(spec) == PINNED:
        package = sys.modules["webrtc"] = module_from_spec(spec)
        package.__class__ = PartialPackage
        _needed()
    import webrtc

    return webrtc


def _needed() -> tuple[ModuleType, ...]:
    """What a link uses; the engine asks for some of the classes by name, so all are there."""
    import webrtc.loopback
    from webrtc.interfaces import (
        rtc_dtls_transport,
        rtc_ice_transport,
        rtc_peer_connection,
        rtc_sctp_transport,
    )

    links = (rtc_dtls_transport, rtc_ice_transport, rtc_peer_connection, rtc_sctp_transport)
    return (webrtc.loopback, *links)


def installed(spec: ModuleSpec | None = None) -> str:
    """The version of the wheel, by the folder of its metadata: to have that parsed costs an idle
    agent 0.2 MB."""
    origin = spec.origin if spec else webrtc.__file__
    names = [one.name for one in Path(origin or "").parents[1].glob("wrtc-*.dist-info")]
    if len(names) == 1:
        return names[0].removeprefix("wrtc-").removesuffix(".dist-info")
    from importlib.metadata import version

    return version("wrtc")


if TYPE_CHECKING:
    import webrtc
else:
    webrtc = load()
