"""The sidecar as a process: one agent's keys, links and login, behind its socket until Ctrl-C."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from chatixia.errors import (
    ConfigError,
    MeshError,
    Overloaded,
    RegistryUnreachable,
    Unavailable,
)
from chatixia.ids import id_problem, is_agent_id

if TYPE_CHECKING:
    from chatixia.agent.manifest import LoadedManifest
    from chatixia.assembly.connection import AgentConnection
    from chatixia.assembly.run.settings import ResolvedSettings
    from chatixia.sidecar.server import SidecarServer
    from chatixia.wire.ipc import IpcHelloPayload

    from .files import ArtifactFolder

ONLINE_S: Final = 5.0
"""How long ``start`` waits for the registry before it goes on without."""
SETTINGS: Final = "CHATIXIA_SIDECAR_SETTINGS"
"""The variable in which a supervisor hands a sidecar its settings, as JSON."""
NEEDED: Final = (
    *("name", "description", "mesh", "registry", "engine", "slots", "links.keep", "links.relay"),
    *("membership_ttl", "grace", "announcements", "trust", "compat", "sidecar.api_key"),
)
"""The settings that a sidecar uses: what the model and the tools need is not among them."""
LONGEST_PLACE: Final = 44
"""Bytes of a runtime folder in which the path of a supervised socket still fits."""


class SidecarProcess:
    """What ``run.running`` runs: start, be online, stop. ``on_line``: hears a line for people."""

    def __init__(
        self,
        settings: ResolvedSettings,
        path: Path,
        *,
        tcp: bool = False,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name: str = settings["name"]
        self.grace = float(settings["grace"])
        self.on_fault: Callable[[], None] = lambda: None
        self._settings, self._path, self._tcp = settings, path, tcp
        self._on_line = on_line
        self._serves = ""
        self._fault: MeshError | None = None
        self._connection: AgentConnection | None = None
        self._server: SidecarServer | None = None
        self._files: ArtifactFolder | None = None

    @property
    def path(self) -> Path:
        """Where its socket is."""
        return self._path

    @property
    def serves(self) -> str:
        """What its program serves, "" while there is none."""
        return self._serves

    @property
    def fault(self) -> MeshError | None:
        """Why the login ended for good, if it did."""
        return self._fault

    async def start(self) -> None:
        """Be found at the socket, and log in. Raises AlreadyRunning, ConfigError, a refusal."""
        from chatixia.assembly.wiring import api_key_connection, open_connection
        from chatixia.peer.mesh import PeerMesh
        from chatixia.sidecar.ports import no_link
        from chatixia.sidecar.server import SidecarServer
        from chatixia.sidecar.sockets import check

        from .choice import SkillChoice
        from .files import ArtifactFolder

        check(self._path, tcp=self._tcp)
        connection: AgentConnection = api_key_connection(
            self._settings, self.name
        ) or await open_connection(
            self._settings,
            self.name,
            description=self._settings["description"],
            on_fault=self._failed,
        )
        self._connection, port = connection, connection.port
        try:
            self._files = ArtifactFolder(self._path.with_name(f"{self._path.name}.files"))
            self._server = SidecarServer(
                connection,
                self._files,
                any_skill=SkillChoice(port),
                begin=port.begin if isinstance(port, PeerMesh) else no_link,
                on_hello=self._greeted,
                on_left=self._left,
            )
            self._server.begin()
            await self._server.listen(self._path, tcp=self._tcp)
            self._files.open()
            await connection.start()
            await connection.online(ONLINE_S)
        except (RegistryUnreachable, Overloaded, Unavailable):
            return  # the login goes on trying
        except BaseException:
            await self.stop()
            raise

    def _failed(self, error: MeshError) -> None:
        self._fault = error
        self.on_fault()

    def _greeted(self, hello: IpcHelloPayload) -> None:
        names = ", ".join(skill.name for skill in hello.skills or ()) or "none"
        self._serves = f"skills: {names}"
        self._on_line(self.banner())

    def _left(self) -> None:
        self._serves = ""

    async def online(self, timeout: float) -> None:
        """Until the login stands."""
        if self._connection is not None:
            await self._connection.online(timeout)

    async def stop(self) -> None:
        """Let what runs end, say goodbye, and be found no more."""
        connection, self._connection = self._connection, None
        server, self._server = self._server, None
        if connection is None:
            return
        try:
            await connection.drain(self.grace)
        finally:
            if server is not None:
                await server.stop()
            await connection.stop()
            if self._files is not None:
                self._files.close()

    def banner(self) -> str:
        """One line for the person who started it."""
        connection, what = self._connection, self._serves or f"socket: {self._path}"
        if connection is None:
            return f"  {self.name}  stopped"
        state = "online" if connection.is_online else "waiting for the registry"
        url = connection.url.partition("://")[2].rstrip("/")
        return (
            f"  {self.name}  {state}  {what}  key {connection.key}  "
            f"registry {connection.label} ({url})"
        )


def at(target: str) -> LoadedManifest | None:
    """The manifest that ``target`` names: a folder's, or that file; None for no target.

    Only the described variables of ``.env`` count for a sidecar: no code and no secret is loaded.
    """
    if not target:
        return None
    from chatixia.agent import manifest

    return manifest.load(Path(target))


def settings_of(loaded: LoadedManifest | None, name: str, **flags: Any) -> ResolvedSettings:
    """What is in force for a sidecar. Raises ConfigError where no agent is named.

    ``SIGNALING_URL`` of the described contract names the registry where nothing else does.
    """
    from chatixia.assembly.run.settings import resolve

    settings = resolve({**flags, "name": name or None}, loaded)
    if settings.is_default("registry") and (url := os.environ.get("SIGNALING_URL")):
        settings = resolve({**flags, "name": name or None, "registry": _registry(url)}, loaded)
    if not settings["name"]:
        raise ConfigError(
            "A sidecar needs its agent's name, and loads no code to find it: say it in agent.yaml"
            " (`name: NAME`), as CHATIXIA_AGENT_ID, or to `chatixia sidecar` with --name."
        )
    if not is_agent_id(settings["name"]):
        name = settings["name"]
        raise ConfigError(f"{name[:80]!r} cannot name an agent: {id_problem(name)}.")
    return settings


def hand_on(settings: ResolvedSettings) -> str:
    """What of ``settings`` a sidecar needs, for its environment: so it reads neither the agent's
    manifest nor its ``.env``, and no secret in them is in the process that speaks with peers."""
    chosen = {key: settings[key] for key in NEEDED if not settings.is_default(key)}
    place = settings.data_dir()
    if place is not None:
        chosen["data_dir"] = str(place)
    return msgspec.json.encode(chosen).decode()


def handed_on() -> ResolvedSettings:
    """What a supervisor handed on to this process. Raises ConfigError."""
    from chatixia.assembly.run.settings import resolve

    text = os.environ.pop(SETTINGS, "")
    try:
        return resolve(msgspec.json.decode(text, type=dict[str, Any]))
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{SETTINGS} holds no settings; only a supervisor sets it.") from error


def _registry(url: str) -> str:
    """The registry behind the address of its WebSocket."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}"


def socket_path(settings: ResolvedSettings, chosen: str = "") -> Path:
    """Where the socket is: ``chosen``, the setting, or a place of this user's own."""
    named = chosen or settings["sidecar.socket"]
    if named:
        return Path(named).absolute()
    return runtime_folder() / f"{settings['name']}.sock"


def runtime_folder() -> Path:
    """A folder of this user alone, for what lives as long as a process. Not made here."""
    place = os.environ.get("XDG_RUNTIME_DIR", "")
    if place and len(os.fsencode(place)) <= LONGEST_PLACE:
        return Path(place) / "chatixia"
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir()) / f"chatixia-{user}"
