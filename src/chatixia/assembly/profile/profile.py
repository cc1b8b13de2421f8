"""A profile: one mesh as one user of one machine is in it (api.md section 4, trust.md section 1).

``<home>/<name>/`` holds ``profile.json``, ``clock`` (the highest mesh time known) and four
folders: ``machine`` (its keys and chain), ``agents``, and on the machine of the first ``up`` also
``owner`` (read by invite and revoke alone) and ``registry`` (all that a registry is given).
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from chatixia.core.membership import trust_of
from chatixia.core.meshtime import MeshTime
from chatixia.core.record import key_id, mesh_of, read_record, sign_record
from chatixia.errors import ConfigError, Conflict
from chatixia.ids import MAX_MACHINE, AgentId, id_problem, is_agent_id, is_machine_id
from chatixia.wire.base import Id, Name, Short
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import DEFAULT_NS, OWNER, REGISTRY, Kind, Record, Signed
from chatixia.world import REAL, World

from .files import expanded, no_room, private_dir, read_json, write_json, write_private
from .lock import changing

if TYPE_CHECKING:
    from chatixia.identity import SealKey, SignKey

DEFAULT_MESH: Final = "home"
DEFAULT_REGISTRY: Final = "http://127.0.0.1:8080"
SIGN_KEY: Final = "sign.key"
SEAL_KEY: Final = "seal.key"
CHAIN: Final = "chain.json"

_MESH_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")


class ProfileFile(msgspec.Struct, omit_defaults=True):
    """``profile.json``. Keys are base64url; ``registries`` base URLs, best first."""

    mesh: Short
    machine: Id
    owner: Short
    registry: Short
    registries: list[Name]
    ns: Short = DEFAULT_NS
    ephemeral: bool = False
    v: int = 1


class RegistryIdentity(msgspec.Struct, frozen=True):
    """All that a registry is given: its folder, key and chain, the owner's public key."""

    folder: Path
    sign: SignKey
    chain: list[Signed]
    owner: bytes
    mesh: str
    ns: str


class Profile:
    """An opened profile; made by :meth:`open`, :meth:`create` or ``assembly.membership.join``."""

    def __init__(self, folder: Path, facts: ProfileFile, world: World = REAL) -> None:
        self.folder, self._facts, self._world = folder, facts, world
        self.clock = MeshTime(self._high(), world.boottime, self._save_clock)

    @classmethod
    def open(cls, name: str = "", *, home: Path | None = None, world: World = REAL) -> Profile:
        """The profile called ``name`` (default: see :func:`mesh_name`).

        Raises ConfigError when there is none, naming the cure.
        """
        folder = folder_of(name, home)
        try:
            facts = read_json(folder / "profile.json", ProfileFile)
        except FileNotFoundError:
            raise ConfigError(_not_here(folder)) from None
        if facts.v != 1:
            raise ConfigError(f"{folder} was made by a newer version; upgrade chatixia-mesh.")
        return cls(folder, facts, world)

    @classmethod
    def create(
        cls, name: str = "", *, home: Path | None = None, machine: str = "", world: World = REAL
    ) -> Profile:
        """A new mesh: owner's key, records of the registry and of this machine; or the profile
        that is already there. The owner's key is out of this process when this returns.

        Two processes that do this at once get the same profile.
        """
        folder = folder_of(name, home)
        if (folder / "profile.json").exists():
            return cls.open(name, home=home, world=world)
        private_dir(folder.parent)
        with changing(folder.parent / f".{folder.name}.lock", world):
            if not (folder / "profile.json").exists():
                _appear(folder, lambda draft: _make_mesh(draft, machine, world))
        return cls.open(name, home=home, world=world)

    @property
    def name(self) -> str:
        """The mesh's local label."""
        return self.folder.name

    @property
    def mesh(self) -> str:
        """The mesh id."""
        return self._facts.mesh

    @property
    def ns(self) -> str:
        """The namespace inside the mesh."""
        return self._facts.ns

    @property
    def machine(self) -> AgentId:
        """This machine's id."""
        return AgentId(self._facts.machine)

    @property
    def owner(self) -> bytes:
        """The owner's raw public key."""
        return unb64(self._facts.owner)

    @property
    def registry_key(self) -> bytes:
        """The registry's raw identity key, as pinned."""
        return unb64(self._facts.registry)

    @property
    def registries(self) -> list[str]:
        """Base URLs of the registry, best first."""
        return list(self._facts.registries)

    @property
    def ephemeral(self) -> bool:
        """Whether what runs here leaves the directory when gone."""
        return self._facts.ephemeral

    @property
    def is_owner(self) -> bool:
        """Whether the owner's key is on this machine."""
        return (self.folder / "owner" / SIGN_KEY).exists()

    @property
    def has_registry(self) -> bool:
        """Whether the mesh's registry runs from here."""
        return (self.folder / "registry" / SIGN_KEY).exists()

    @property
    def machine_chain(self) -> list[Signed]:
        """This machine's chain, leaf first."""
        return read_chain(self.folder / "machine")

    @property
    def registry_until(self) -> int:
        """Until which mesh second this machine is in by the registry's signature, within what the
        owner delegated; 0 if the owner let it in."""
        records = [read_record(unb64(part.b)) for part in self.machine_chain]
        return records[0].not_after if trust_of(records) == REGISTRY else 0

    @property
    def agent_names(self) -> list[str]:
        """The patterns of names that this machine may give its agents."""
        return read_record(unb64(self.machine_chain[0].b)).names

    def machine_keys(self) -> tuple[SignKey, SealKey]:
        """This machine's keys. Raises ConfigError."""
        return load_keys(self.folder / "machine")

    def owner_key(self) -> tuple[SignKey, list[Signed]]:
        """The owner's key and record, for one act in a process of its own.

        Raises ConfigError where it is not: only the machine of the first ``up`` has it.
        """
        if not self.is_owner:
            raise ConfigError(
                "The owner's key is not on this machine; run this where you ran `chatixia up`."
            )
        return _load_sign(self.folder / "owner"), read_chain(self.folder / "owner")

    def registry_identity(self) -> RegistryIdentity:
        """What a registry is given. Raises ConfigError on a machine that only joined."""
        folder = self.folder / "registry"
        if not self.has_registry:
            raise ConfigError(
                f"The registry of {self.name} runs on another machine; `chatixia up --mesh NAME`"
                " starts a mesh of your own."
            )
        return RegistryIdentity(
            folder, _load_sign(folder), read_chain(folder), self.owner, self.mesh, self.ns
        )

    def agent_dir(self, agent: str, data_dir: Path | None = None) -> Path:
        """Where an agent keeps its keys and its ``local.db``: in the profile, or, with a
        manifest, in its ``data_dir`` apart from what other meshes keep there."""
        if data_dir is None:
            return self.folder / "agents" / agent
        return data_dir / f"{agent}-{self.mesh[:16]}"

    def set_registries(self, urls: Sequence[str]) -> None:
        """Remember the registry's addresses, as ``up`` or its ``config`` names them."""
        if list(urls) == self._facts.registries or not urls:
            return
        with changing(self.folder / ".lock", self._world):
            facts = read_json(self.folder / "profile.json", ProfileFile)
            facts.registries = list(urls)[:32]
            write_json(self.folder / "profile.json", facts)
            self._facts = facts

    def changing(self) -> AbstractContextManager[None]:
        """The lock for a short change in this profile, against other processes."""
        return changing(self.folder / ".lock", self._world)

    def _high(self) -> float:
        try:
            return float((self.folder / "clock").read_text("ascii")[:32])
        except (OSError, ValueError):
            return 0.0

    def _save_clock(self, now: float) -> None:
        """Only a hint against a clock that is set back: a full disk does without."""
        if now <= self._high():
            return
        try:
            write_private(self.folder / "clock", f"{now:.3f}\n".encode())
        except ConfigError as error:
            if not no_room(error):
                raise


def home_dir() -> Path:
    """``CHATIXIA_HOME``, or the user's data folder for chatixia."""
    if named := os.environ.get("CHATIXIA_HOME"):
        return expanded(Path(named)).absolute()
    import platformdirs

    try:
        folder = platformdirs.user_data_dir("chatixia", appauthor=False)
    except RuntimeError:  # a user of no account, with no HOME; other versions leave the ~ in
        folder = "~/.local/share/chatixia"
    return expanded(Path(folder))


def mesh_name(name: str = "") -> str:
    """``name``, else ``CHATIXIA_MESH``, else ``home``. Raises ConfigError for one that is none."""
    name = name or os.environ.get("CHATIXIA_MESH", "") or DEFAULT_MESH
    if not _MESH_NAME.match(name):
        raise ConfigError(
            f"{name!r} cannot name a mesh; use lower-case letters, digits, - or _, at most 40,"
            " beginning with a letter or digit."
        )
    return name


def folder_of(name: str = "", home: Path | None = None) -> Path:
    """Where the profile called ``name`` is, or would be."""
    return (home or home_dir()) / mesh_name(name)


def exists(name: str = "", home: Path | None = None) -> bool:
    """Whether there is a profile called ``name``."""
    return (folder_of(name, home) / "profile.json").exists()


def _not_here(folder: Path) -> str:
    """Why there is no profile in ``folder``: this machine is in no mesh, or in others."""
    others = profiles(folder.parent)
    if not others:
        return (
            f"This machine has not joined a mesh ({folder} does not exist); start one with"
            " `chatixia up`, or join one with `chatixia join`."
        )
    return (
        f"This machine has joined no mesh called {folder.name}, but {', '.join(others)}; name that"
        " one (`--mesh`, CHATIXIA_MESH, or `mesh` in agent.yaml), or join the other with"
        f" `chatixia join STRING --mesh {folder.name}`."
    )


def profiles(home: Path | None = None) -> list[str]:
    """The names of all profiles here."""
    return sorted(path.parent.name for path in (home or home_dir()).glob("*/profile.json"))


def machine_name(host: str = "") -> AgentId:
    """A machine id made of this host's name."""
    head = (host or socket.gethostname()).lower().partition(".")[0]
    text = re.sub(r"[^a-z0-9_-]+", "-", head).strip("-_")[:48]
    return AgentId(text if is_agent_id(text) else f"machine-{text}".rstrip("-"))


def read_chain(folder: Path) -> list[Signed]:
    """The chain kept in ``folder``, leaf first. Raises ConfigError."""
    try:
        return read_json(folder / CHAIN, list[Signed])
    except FileNotFoundError:
        raise ConfigError(f"{folder / CHAIN} is missing.") from None


def load_keys(folder: Path) -> tuple[SignKey, SealKey]:
    """The two keys kept in ``folder``. Raises ConfigError."""
    from chatixia.identity import SealKey, load

    return _load_sign(folder), SealKey(load(folder / SEAL_KEY))


def make_keys(folder: Path) -> tuple[SignKey, SealKey]:
    """The two keys in ``folder``, made where one is missing."""
    from chatixia.identity import SealKey, SignKey, save

    private_dir(folder)
    for name, kind in ((SIGN_KEY, SignKey), (SEAL_KEY, SealKey)):
        if not (folder / name).exists():
            save(folder / name, kind.generate().seed())
    return load_keys(folder)


def appear_profile(
    folder: Path, facts: ProfileFile, machine: Path, now: float, world: World
) -> None:
    """Put a joined machine's profile at ``folder``, whole or not at all.

    ``machine``: a folder with its keys and chain, which is copied: on a full disk nothing is lost.
    Raises Conflict when a profile is there already.
    """
    private_dir(folder.parent)
    with changing(folder.parent / f".{folder.name}.lock", world):
        if (folder / "profile.json").exists():
            raise Conflict(f"{folder} already exists; use --mesh NAME, or `chatixia leave`.")

        def fill(draft: Path) -> None:
            shutil.copytree(machine, draft / "machine")
            _finish(draft, facts, now)

        _appear(folder, fill)


def _load_sign(folder: Path) -> SignKey:
    from chatixia.identity import SignKey, load

    return SignKey(load(folder / SIGN_KEY))


def _appear(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside ``folder`` and rename it into place: a crash leaves no half profile."""
    draft = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        private_dir(draft)
        fill(draft)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    try:
        os.rename(draft, folder)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise ConfigError(f"{folder} is not empty and is not a profile; move it away.") from error


def _finish(draft: Path, facts: ProfileFile, now: float) -> None:
    private_dir(draft / "agents")
    write_private(draft / "clock", f"{now:.3f}\n".encode())
    write_json(draft / "profile.json", facts)


def _make_mesh(draft: Path, machine: str, world: World) -> None:
    """Keys and records of a new mesh; the owner's key lives in this call alone."""
    from chatixia.identity import SignKey, save

    name = machine or machine_name()
    if not is_machine_id(name):
        problem = id_problem(name, MAX_MACHINE)
        raise ConfigError(f"{name[:80]!r} cannot name a machine: {problem}.")
    owner, registry = SignKey.generate(), SignKey.generate()
    sign, seal = make_keys(draft / "machine")
    mesh, now = mesh_of(owner.public), int(world.wall())

    def record(kind: Kind, id_: str, key: bytes, *, seal: bytes = b"") -> Signed:
        everything = ["*"] if kind in ("owner", "machine") else []
        content = Record(
            v=1,
            mesh=mesh,
            ns=DEFAULT_NS,
            id=id_,
            kind=kind,
            roles=everything,
            names=everything,
            sign=b64(key),
            seal=b64(seal),
            serial=1,
            issued=now,
            not_after=0,
            by=key_id(owner.public),
        )
        return sign_record(content, owner.sign)

    top = record("owner", OWNER, owner.public)
    save(private_dir(draft / "owner") / SIGN_KEY, owner.seed())
    write_json(draft / "owner" / CHAIN, [top])
    save(private_dir(draft / "registry") / SIGN_KEY, registry.seed())
    write_json(draft / "registry" / CHAIN, [record("registry", REGISTRY, registry.public), top])
    own = record("machine", name, sign.public, seal=seal.public)
    write_json(draft / "machine" / CHAIN, [own, top])
    facts = ProfileFile(mesh, name, b64(owner.public), b64(registry.public), [DEFAULT_REGISTRY])
    _finish(draft, facts, now)
