"""Keeps a sidecar and its program alive: each starts again by itself, both end together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final

from chatixia.errors import ConfigError
from chatixia.world import REAL

from .process import SETTINGS, runtime_folder

if TYPE_CHECKING:
    from chatixia.agent.manifest import LoadedManifest

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 10.0
"""Who lived so long starts again at once."""
STOP_S: Final = 5.0
"""Seconds to end, beside the grace of what runs, before a process is killed."""
PERMANENT: Final = (2, 4)
"""Exit codes after which the same start would end the same: usage, settings, denied."""
PASSED: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "SHELL", "VIRTUAL_ENV"),
    *("TMPDIR", "TEMP", "TMP", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "NO_COLOR"),
    *("XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"),
    *("API_KEY", "SIGNALING_URL", "TOKEN_URL", "COVERAGE_PROCESS_START"),
    *("SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "USERNAME"),
)
PASSED_PREFIXES: Final = ("CHATIXIA_", "LC_", "PYTHON")
"""What of the environment a sidecar gets: no secret of a model or a tool is among it."""

Tell = Callable[[str], None]


class ChildProcess:
    """One process, started again whenever it ends. ``ended``: the code of an end for good."""

    def __init__(
        self, what: str, words: Sequence[str], env: Mapping[str, str], cwd: Path | None, tell: Tell
    ) -> None:
        self._what, self._words, self._env, self._cwd = what, words, env, cwd
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._starting = asyncio.Lock()
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def _done(self) -> bool:
        return self._stopping

    @property
    def pid(self) -> int:
        """Of the process that runs now, 0 for none."""
        return self._process.pid if self._process is not None else 0

    async def keep(self) -> None:
        """Run it until :meth:`stop`, or until its end is for good. Raises ConfigError."""
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            began = REAL.monotonic()
            code = await self._run()
            if code is None or self._done:
                return
            if code in (0, *PERMANENT):
                self.ended.set_result(code)
                return
            lived = REAL.monotonic() - began
            pause = FIRST_PAUSE_S if lived > STEADY_S else _longer(pause)
            self._tell(f"  {self._what} ended ({_reason(code)}); it starts again in {pause:g} s")

    async def _run(self) -> int | None:
        """Its exit code; None once it is to be stopped."""
        async with self._starting:
            if self._stopping:
                return None
            process = self._process = await self._started()
        code = await process.wait()
        self._process = None
        return code

    async def _started(self) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._words,
                env=dict(self._env),
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                **_own_group(),
            )
        except OSError as error:
            raise ConfigError(_cannot_run(self._words[0], error)) from error

    async def stop(self, seconds: float) -> None:
        """Ask it to end, kill it after ``seconds``, with what it started."""
        self._stopping = True
        async with self._starting:
            process, self._process = self._process, None
        if process is None:
            return
        _signal(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            _signal(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            await process.wait()


def _cannot_run(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return (
            f"{program} cannot be run: there is no such program. Install it, or write its path in"
            " `exec` of agent.yaml."
        )
    if isinstance(error, PermissionError):
        return f"{program} cannot be run: it is no program of this user; try `chmod +x {program}`."
    return f"{program} cannot be run: {error.strerror}."


def _longer(pause: float) -> float:
    return min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * pause))


def _reason(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _own_group() -> dict[str, Any]:
    """A process group of its own, so that Ctrl-C reaches the supervisor alone; on Linux it also
    ends when the supervisor is killed."""
    if os.name == "nt":
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    options: dict[str, Any] = {"process_group": 0}
    if sys.platform == "linux":
        options["preexec_fn"] = _die_with_parent
    return options


def _die_with_parent() -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _signal(pid: int, number: int) -> None:
    """A signal to a process and all in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


class SupervisedAgent:
    """What ``run.running`` runs for an agent behind a sidecar: both processes.

    ``words``: the program's command; ``settings``: what ``process.hand_on`` made for the sidecar.
    """

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        folder: Path,
        *,
        settings: str = "",
        environment: Mapping[str, str] = {},
        grace: float = 8.0,
        tell: Tell = lambda line: None,
    ) -> None:
        self.name, self._grace = name, grace
        self.grace = 2 * (grace + STOP_S)
        self.on_fault: Callable[[], None] = lambda: None
        self.fault: ConfigError | None = None
        self._words, self._settings, self._folder = words, settings, folder
        self._environment, self._tell = environment, tell
        self._runtime: Path | None = None
        self._children: list[ChildProcess] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.code = 0
        """What the first of the two that ended for good left with."""

    async def start(self) -> None:
        """Start both. Raises ConfigError."""
        from chatixia.sidecar.sockets import private_folder

        place = private_folder(runtime_folder(), "name another in XDG_RUNTIME_DIR")
        self._runtime = Path(mkdtemp(prefix=f"{self.name[:24]}-", dir=place))
        socket = str(self._runtime / "sidecar.sock")
        sidecar = [sys.executable, "-m", "chatixia.cli.supervised", socket]
        program = {
            **self._environment,
            **os.environ,
            "CHATIXIA_SOCKET": socket,
            "CHATIXIA_AGENT_ID": self.name,
        }
        self._children = [
            ChildProcess(
                f"the sidecar of {self.name}",
                sidecar,
                passed(os.environ) | {SETTINGS: self._settings},
                None,
                self._tell,
            ),
            ChildProcess(self.name, self._words, program, self._folder, self._tell),
        ]
        self._tasks = [asyncio.ensure_future(self._keep(child)) for child in self._children]

    async def _keep(self, child: ChildProcess) -> None:
        try:
            await child.keep()
        except ConfigError as error:
            self.fault = self.fault or error
            self.code = self.code or error.exit
            self.on_fault()
        if child.ended.done():
            self.code = self.code or child.ended.result()
            self.on_fault()

    async def online(self, timeout: float) -> None:
        """The sidecar says so itself."""

    def banner(self) -> str:
        """Nothing: the sidecar tells when the program is there."""
        return ""

    async def stop(self) -> None:
        """End the program, then its sidecar; nothing of either is left."""
        for child in reversed(self._children):
            await child.stop(self._grace + STOP_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)


def passed(environ: Mapping[str, str]) -> dict[str, str]:
    """What of the environment a sidecar gets."""
    return {
        name: value
        for name, value in environ.items()
        if name in PASSED or name.startswith(PASSED_PREFIXES)
    }


def target_manifest(target: str, wanted: bool = False) -> LoadedManifest | None:
    """The manifest of what ``chatixia run`` is given; None where there is none, or where it
    describes several agents. Raises ConfigError if one of those, or ``wanted``, asks for a sidecar.
    """
    from chatixia.agent import manifest

    path = Path(target)
    if path.suffix == ".py":
        path = path.parent
    if not path.exists() or manifest.find(path) is None:
        return None
    loaded = manifest.load_all(path)
    if len(loaded) == 1:
        return loaded[0]
    if wanted or any(one.manifest.exec or one.manifest.sidecar.enabled for one in loaded):
        raise ConfigError(f"{path} describes several agents; a sidecar has one: give it a folder.")
    return None


def supervised(
    target: str,
    loaded: LoadedManifest | None,
    *,
    mesh: str = "",
    sidecar: bool = False,
    options: Sequence[str] = (),
    tell: Tell = lambda line: None,
) -> SupervisedAgent | None:
    """The two processes for ``target``, where its manifest or ``sidecar`` wants them; else None.
    ``options``: more of ``chatixia run``, for a program that is run by it.

    Raises ConfigError for a sidecar whose agent has no name in the manifest.
    """
    from .process import hand_on, settings_of

    manifest = loaded.manifest if loaded is not None else None
    words = list(manifest.exec) if manifest is not None else []
    if not (words or sidecar or (manifest is not None and manifest.sidecar.enabled)):
        return None
    settings = settings_of(loaded, "", mesh=mesh or None)
    named = ["--mesh", mesh] if mesh else []
    folder = loaded.folder if loaded is not None else Path.cwd()
    if not words:
        words = [sys.executable, "-m", "chatixia.cli", "run", "--quiet", *named, *options]
        words.append(str(Path(target).absolute()) if Path(target).exists() else target)
        folder = Path.cwd()
    return SupervisedAgent(
        settings["name"],
        words,
        folder,
        settings=hand_on(settings),
        environment=loaded.environment if loaded is not None else {},
        grace=float(settings["grace"]),
        tell=tell,
    )
