"""The program's end of the socket: connects, proves itself, numbers commands, connects again."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from chatixia.errors import (
    DeadlineExceeded,
    Denied,
    MeshError,
    Overloaded,
    Unavailable,
    from_wire,
)
from chatixia.wire import ipc
from chatixia.wire.base import decode, decoder, encode
from chatixia.wire.ipc_events import (
    ChallengeEvent,
    ErrorEvent,
    Event,
    IpcWelcome,
    ItemEvent,
    ProgressEvent,
    ProofEvent,
    ResultEvent,
    ResultPayload,
)
from chatixia.world import World

from . import proof, sockets
from .lines import LineProtocol

log = logging.getLogger("chatixia.sidecar")

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0
HELLO_S: Final = 5.0
LATE_S: Final = 0.25
"""How long past its deadline a command is left to a sidecar that says nothing."""
MAX_UNSENT: Final = 1024
"""Commands that wait for a connection."""

events: Final = decoder(Event)
OF_COMMANDS: Final = (ItemEvent, ProgressEvent)
"""Events that belong to a command of the program."""
_welcome: Final = msgspec.json.Decoder(IpcWelcome)


class OpenCommand(msgspec.Struct, eq=False):
    """A command that waits for its end. ``until``: on the monotonic clock; ``on_event``: hears
    what comes before the end."""

    waiter: asyncio.Future[ResultPayload]
    until: float
    on_event: Callable[[Any], None] | None = None


class ClientLine(LineProtocol):
    """One connection; what comes goes to its ``client``."""

    def __init__(self, client: SidecarClient) -> None:
        super().__init__(events)
        self._client = client
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.first: asyncio.Future[Any] = self.loop.create_future()
        self.proving = False

    def receive(self, line: Any) -> None:
        """An event."""
        if self.proving and not self.first.done():
            self.first.set_result(line)
            return
        self._client.receive(self, line)

    def reject(self, line: bytes, error: MeshError) -> None:
        """An event that cannot be read: a newer sidecar's, or a defect; it is left out."""
        log.warning("a line of the sidecar cannot be read: %s", error.message)

    def alone(self) -> bool:
        """Whether one command is open, at most."""
        return self._client.open <= 1

    def lost(self) -> None:
        """The connection is over."""
        if not self.ended.done():
            self.ended.set_result(None)


class SidecarClient:
    """Keeps a connection to the sidecar at ``path``.

    ``hello``: made anew for each connection. ``on_event``: hears requests and the like;
    ``on_lost``: the connection broke; ``on_fault``: no other will be tried. ``welcome``: what the
    sidecar said last. ``line``: the connection, None while there is none.
    """

    def __init__(
        self,
        path: Path,
        world: World,
        hello: Callable[[], ipc.IpcHelloPayload],
        on_event: Callable[[Event], None],
        on_lost: Callable[[], None] = lambda: None,
        on_fault: Callable[[MeshError], None] = lambda error: None,
    ) -> None:
        self._path, self._world = path, world
        self._hello, self._on_event, self._on_lost = hello, on_event, on_lost
        self._on_fault = on_fault
        self._numbers = 0
        self._open: dict[int, OpenCommand] = {}
        self._unsent = 0
        self._connected: asyncio.Event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._stopped = False
        self.line: ClientLine | None = None
        self.welcome = IpcWelcome("", 0)
        self.refusal: MeshError | None = None

    # -- life

    async def start(self, seconds: float) -> None:
        """Connect, and stay connected. Raises the sidecar's refusal; Unavailable after ``seconds``,
        and then goes on trying."""
        self._task = asyncio.ensure_future(self._stay())
        try:
            async with asyncio.timeout(seconds):
                await self._connected.wait()
        except TimeoutError:
            raise self._nobody() from None
        if self.refusal is not None:
            refusal = self.refusal
            await self.stop()
            raise refusal

    def _nobody(self) -> Unavailable:
        return Unavailable(f"No sidecar answers at {self._path}; `chatixia run` starts one.")

    async def stop(self) -> None:
        """Hang up; what is open ends."""
        self._stopped = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        line, self.line = self.line, None
        if line is not None:
            line.close()
        self._end_all(Unavailable("This process is stopping.", outcome="unknown"))
        if self._sweep is not None:
            self._sweep.cancel()

    def abandon(self) -> None:
        """Hang up where the loop has ended."""
        if self.line is not None and self.line.transport is not None:
            self.line.transport.abort()

    async def _stay(self) -> None:
        pause, since = 0.0, self._world.monotonic()
        while not self._stopped:
            await asyncio.sleep(pause)
            try:
                line = await self._connect()
                await self._greet(line)
            except MeshError as error:
                self.refusal = error
                self._on_fault(error)
                self._connected.set()
                return
            except (OSError, TimeoutError) as error:
                log.debug("the sidecar is not there: %s", error)
                pause = pause_after(self._world.monotonic() - since)
                continue
            await line.ended
            pause, since = 0.0, self._world.monotonic()
            self._lost()

    async def _connect(self) -> ClientLine:
        loop = asyncio.get_running_loop()
        line = ClientLine(self)
        if stat.S_ISSOCK(self._path.lstat().st_mode):
            await loop.create_unix_connection(lambda: line, os.fspath(self._path))
            return line
        address = sockets.read_address(self._path)
        line.proving = True
        await loop.create_connection(lambda: line, "127.0.0.1", address.port)
        assert line.transport is not None
        connection = line.transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(HELLO_S):
            await self._prove(line, proof.raw(address.token))
        return line

    async def _prove(self, line: ClientLine, token: bytes) -> None:
        first = await self._next(line)
        if not isinstance(first, ChallengeEvent):
            raise Denied("What listens there is no sidecar.")
        challenge, answer = first.payload.nonce, proof.nonce(self._world)
        mac = proof.mac(token, ipc.CLIENT_PROOF, challenge, answer)
        line.first = line.loop.create_future()
        line.send(ipc.ProofCommand(ipc.ProofPayload(answer, mac)))
        second = await self._next(line)
        if not isinstance(second, ProofEvent) or not proof.proves(
            token, ipc.SERVER_PROOF, challenge, answer, second.payload.mac
        ):
            line.abort()
            raise Denied("What listens there has not the token of the sidecar.")
        line.proving = False

    async def _next(self, line: ClientLine) -> Any:
        await asyncio.wait([line.first, line.ended], return_when=asyncio.FIRST_COMPLETED)
        if not line.first.done():
            raise ConnectionResetError("the sidecar hung up")
        return line.first.result()

    async def _greet(self, line: ClientLine) -> None:
        """Say hello; from then on the connection is used."""
        self._numbers += 1
        number, waiter = self._numbers, line.loop.create_future()
        self._open[number] = OpenCommand(waiter, self._world.monotonic() + HELLO_S)
        line.send(ipc.HelloCommand(self._hello(), id=number))
        try:
            async with asyncio.timeout(HELLO_S):
                await asyncio.wait([waiter, line.ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.pop(number, None)
        if not waiter.done():
            raise ConnectionResetError("the sidecar hung up")
        waiter.result()

    def _greeted(self, line: ClientLine, result: ResultPayload) -> None:
        """The answer to hello: requests may follow in the same batch, and are answered by it."""
        self.welcome = _welcome.decode(result.value)
        self.line = line
        self._connected.set()

    def _lost(self) -> None:
        self.line = None
        self._connected.clear()
        self._end_all(Unavailable("The sidecar ended while it held this.", outcome="unknown"))
        self._on_lost()

    def _end_all(self, error: MeshError) -> None:
        wire = error.to_wire()
        for command in list(self._open.values()):
            if not command.waiter.done():
                command.waiter.set_exception(from_wire(wire))
        self._open.clear()

    # -- lines

    def receive(self, line: ClientLine, event: Any) -> None:
        """An event of the sidecar."""
        kind = event.__class__
        if kind is ResultEvent:
            command = self._open.pop(event.id, None)
            if command is not None and not command.waiter.done():
                command.waiter.set_result(event.payload)
                if line is not self.line:
                    self._greeted(line, event.payload)
        elif kind is ErrorEvent:
            self._failed(event)
        else:
            command = self._open.get(event.id)
            if command is not None and command.on_event is not None and kind in OF_COMMANDS:
                command.on_event(event)
            else:
                self._on_event(event)

    def _failed(self, event: ErrorEvent) -> None:
        error = from_wire(event.payload)
        command = self._open.pop(event.id, None)
        if command is None:
            log.warning("the sidecar says: %s", error)
            if error.code in ("replaced", "already_running"):
                self.refusal = error
        elif not command.waiter.done():
            command.waiter.set_exception(error)

    @property
    def open(self) -> int:
        """Commands that wait for their end."""
        return len(self._open)

    async def ready(self, seconds: float) -> ClientLine:
        """The connection, once there is one. Raises Unavailable after ``seconds``, Overloaded."""
        if self.line is not None:
            return self.line
        if self._stopped:
            raise Unavailable("This process is stopping.")
        if self._unsent >= MAX_UNSENT:
            raise Overloaded("Too many calls wait for the sidecar.")
        self._unsent += 1
        try:
            async with asyncio.timeout(seconds):
                await self._connected.wait()
        except TimeoutError:
            raise self._nobody() from None
        finally:
            self._unsent -= 1
        return self._present()

    def _present(self) -> ClientLine:
        if self.line is None:
            raise self.refusal or Unavailable("The sidecar is not there.")
        return self.line

    def begin(
        self,
        line: ClientLine,
        command: Any,
        timeout: float,
        on_event: Callable[[Any], None] | None = None,
    ) -> tuple[int, asyncio.Future[ResultPayload]]:
        """Send a command under a new number; what it ends with."""
        self._numbers = number = self._numbers + 1
        command.id = number
        waiter: asyncio.Future[ResultPayload] = line.loop.create_future()
        until = self._world.monotonic() + timeout
        self._open[number] = OpenCommand(waiter, until, on_event)
        line.send(command)
        if self._sweep is None:
            self._sweep = line.loop.call_later(LATE_S, self._expire)
        return number, waiter

    async def ask(self, command: Any, timeout: float) -> ResultPayload:
        """Its result, or its MeshError within ``timeout`` seconds; leaving cancels it."""
        line = self.line
        if line is None:
            began = self._world.monotonic()
            line = await self.ready(timeout)
            timeout -= self._world.monotonic() - began
        number, waiter = self.begin(line, command, timeout)
        try:
            return await waiter
        except asyncio.CancelledError:
            self.leave(number)
            raise

    def leave(self, number: int) -> None:
        """That command is not wanted any more."""
        if self._open.pop(number, None) is not None and self.line is not None:
            self.line.send(ipc.CancelCommand(ipc.CancelPayload(number)))

    def tell(self, command: Any) -> None:
        """Send a command that nothing comes back of; nothing happens without a connection."""
        if self.line is not None:
            self.line.send(command)

    def _expire(self) -> None:
        """End what a sidecar that says nothing has left open past its deadline."""
        self._sweep = None
        late = self._world.monotonic() - LATE_S
        for number, command in list(self._open.items()):
            if command.until < late and not command.waiter.done():
                self.leave(number)
                command.waiter.set_exception(DeadlineExceeded())
        if self._open:
            self._sweep = asyncio.get_running_loop().call_later(LATE_S, self._expire)


def pause_after(away: float) -> float:
    """Seconds until the next try to connect, ``away`` seconds after the connection was lost: an
    eighth of that. So what comes back is found with little more than an eighth of its absence."""
    return min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, away / 8))


def encoded(value: Any) -> msgspec.Raw:
    """``value`` as JSON that is not looked into any more."""
    return msgspec.Raw(encode(value))


def decoded(kind: Any, value: msgspec.Raw) -> Any:
    """The ``kind`` that a result holds. Raises BadRequest."""
    return decode(msgspec.json.Decoder(kind), bytes(value), ipc.MAX_LINE)
