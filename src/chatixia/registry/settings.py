"""The registry's settings, as ``registry.yaml`` holds them; bounds are here, not in the file."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from chatixia.core.duration import seconds

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Text = Annotated[str, msgspec.Meta(max_length=253)]

LOOPBACK_PORT: Final = 8080
TLS_PORT: Final = 8443
STUN_PORT: Final = 3478


class Ice(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``stun``: URLs of STUN servers beyond our own (``stun:host:port``)."""

    stun: Annotated[list[Text], msgspec.Meta(max_length=16)] = []


class Settings(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``port``: clear loopback; ``lan``: TLS on this machine's addresses; ``public``: addresses or
    names others reach it by; ``names``: further host names; ``via``: URLs of tunnels and proxies;
    ``token_ttl``: seconds, or as ``20s``, ``5m``; ``insecure_http``: clear text off loopback, never
    by default.
    """

    port: Port = LOOPBACK_PORT
    tls_port: Port = TLS_PORT
    stun_port: Port = STUN_PORT
    lan: bool = False
    public: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    names: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    via: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    token_ttl: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 300
    insecure_http: bool = False
    ice: Ice = msgspec.field(default_factory=Ice)


def read(found: Any) -> Settings:
    """Settings from what a YAML file says. Raises msgspec.ValidationError."""
    if isinstance(found, dict) and "token_ttl" in found:
        found = {**found, "token_ttl": seconds(found["token_ttl"])}
    return msgspec.convert(found or {}, Settings)
