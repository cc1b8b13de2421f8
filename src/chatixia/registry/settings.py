"""The registry's settings, as ``registry.yaml`` holds them; a value's own bounds are here."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from chatixia.core import admission
from chatixia.core.audit import AuditKeep
from chatixia.core.duration import seconds
from chatixia.core.provider import ProviderSettings
from chatixia.core.relay_limits import RelayLimits
from chatixia.core.shares import ShareLimits

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Text = Annotated[str, msgspec.Meta(max_length=253)]

LOOPBACK_PORT: Final = 8080
TLS_PORT: Final = 8443
STUN_PORT: Final = 3478
LEASE: Final = 30
PING_INTERVAL: Final = 5.0
PING_TIMEOUT: Final = 20.0

CONFIRM_SECONDS: Final = 6 * 3600
TIMES: Final = ("token_ttl", "confirm", "lease", "ping_interval", "ping_timeout")
"""Settings that may be written as ``20s`` or ``5m``."""


class TurnSettings(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``urls``: ``turn:host:port``, with ``?transport=tcp`` for TCP; ``secret_file``: a file with
    the servers' secret, from the registry's folder. Both or none; said and empty is a mistake."""

    urls: Annotated[list[Text], msgspec.Meta(max_length=8)] | None = None
    secret_file: Annotated[str, msgspec.Meta(max_length=4096)] | None = None


class IceSettings(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``stun``: URLs of STUN servers beyond our own (``stun:host:port``); ``turn``: TURN servers
    that members get credentials for."""

    stun: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    turn: TurnSettings = msgspec.field(default_factory=TurnSettings)


class RegistrySettings(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``port``: clear loopback; ``lan``: TLS on this machine's addresses; ``public``: addresses or
    names others reach it by; ``names``: further host names; ``via``: URLs of tunnels and proxies;
    ``token_ttl``: seconds, or as ``20s``, ``5m``; ``confirm``: how often `up` confirms the list of
    revocations; ``insecure_http``: clear text off loopback, never
    by default; ``lease``: seconds of a worker's lease, renewed three times in each; a socket is
    pinged every ``ping_interval`` seconds and closed ``ping_timeout`` seconds after a ping that was
    not answered; ``bounds``: what machines share of this registry;
    ``unproved``: what connections may hold that have proved nothing; ``relay``: whether this
    registry relays between agents, and how much; ``audit``: how long the audit log is kept;
    ``provider``: where people may log in beside this registry; ``compat``: whether peers of the
    described contract, which prove no key, are let in.
    """

    port: Port = LOOPBACK_PORT
    tls_port: Port = TLS_PORT
    stun_port: Port = STUN_PORT
    lan: bool = False
    public: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    names: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    via: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    token_ttl: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 300
    confirm: Annotated[int, msgspec.Meta(ge=20, le=30 * 86_400)] = CONFIRM_SECONDS
    insecure_http: bool = False
    lease: Annotated[int, msgspec.Meta(ge=8, le=3600)] = LEASE
    ping_interval: Annotated[float, msgspec.Meta(ge=1, le=60)] = PING_INTERVAL
    ping_timeout: Annotated[float, msgspec.Meta(ge=1, le=300)] = PING_TIMEOUT
    ice: IceSettings = msgspec.field(default_factory=IceSettings)
    bounds: ShareLimits = ShareLimits()
    unproved: admission.AdmissionLimits = admission.AdmissionLimits()
    relay: RelayLimits = RelayLimits()
    audit: AuditKeep = AuditKeep()
    provider: ProviderSettings = ProviderSettings()
    compat: bool = False


def read(document: Any) -> RegistrySettings:
    """Settings from what a YAML file says. Raises msgspec.ValidationError."""
    if isinstance(document, dict):
        document = {
            key: seconds(value) if key in TIMES else value for key, value in document.items()
        }
    return msgspec.convert(document or {}, RegistrySettings)
