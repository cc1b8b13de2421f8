"""What the parts of a model agent say to each other; no type of any library is among them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any, Final, Literal, Protocol, get_args

import msgspec

from chatixia.wire.events import AgentEvent

Effect = Literal["read", "call", "write"]
"""What a tool can change: nothing; what another agent decides by the path; anything."""
EFFECTS: Final[tuple[Effect, ...]] = get_args(Effect)

MAX_TURNS: Final = 10


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as it is offered to a model. ``parameters``: JSON Schema of an object. ``visible``:
    whether the asker may see its arguments and results."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect = "write"
    visible: bool = True


class ToolCall(msgspec.Struct):
    """A call that a model asked for. ``arguments``: JSON as the model wrote it, not checked.
    ``among``: how many it asked for at once, whose results go into one request."""

    id: str
    name: str
    arguments: str
    among: int = 1


class ToolOutcome(msgspec.Struct):
    """What a call ended with. ``retry``: ``text`` tells the model how to mend the arguments.
    ``failed``: ``text`` is a code and a sentence. ``agent``: which other agent did it;
    ``delegated``: and it has the work now."""

    text: str
    retry: bool = False
    failed: bool = False
    agent: str = ""
    delegated: bool = False


class Toolbox(Protocol):
    """The tools of one run; it decides what may be called, and says so twice: when offering and
    when running."""

    def specs(self) -> Sequence[ToolSpec]:
        """What is offered now; asked anew before each request, on the thread of the engine."""
        ...

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        """Run one call, on the agent's loop; calls of one response run side by side.

        ``again``: the process ended while it ran, so it may have been done; only a tool that is
        idempotent runs, any other says that its outcome is not known. Raises only CancelledError.
        """
        ...


class Usage(msgspec.Struct, omit_defaults=True):
    """What requests used. ``cost``: US dollars, None without a price. ``estimated``: counted here
    and not by the provider, for a response that did not end."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = None
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        cost = None if self.cost is None and other.cost is None else self.money + other.money
        return Usage(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            cost,
            self.estimated or other.estimated,
        )

    @property
    def money(self) -> float:
        """``cost``, with 0 where there is no price."""
        return self.cost or 0.0


class Budget(Protocol):
    """What a run may still use."""

    async def before(self, estimate_tokens: int, provider: str) -> None:
        """Ask before each request to ``provider``. Raises BudgetExceeded."""
        ...

    async def after(self, usage: Usage) -> None:
        """Count what one request used; called for cancelled and dead ones too."""
        ...


class Journal(Protocol):
    """Where a run's messages are stored, each before the next request."""

    async def keep(self, messages: Sequence[bytes]) -> None:
        """Store them behind those before, in one step. Opaque JSON, one for each message."""
        ...


class Attachment(msgspec.Struct, frozen=True):
    """A file that goes with a prompt: an image, or a text."""

    name: str
    media_type: str
    data: bytes


class MessageShape(msgspec.Struct, frozen=True):
    """What there is to know of a stored message. ``kind``: ``request`` (to the model) or
    ``response``. ``prompt``: a person's or agent's words begin a turn here. ``calls`` and
    ``results``: ids of tool calls. ``tokens``: an estimate. ``text``: the words of the prompt, or
    of the answer; nothing that tools said."""

    kind: Literal["request", "response"]
    prompt: bool = False
    calls: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    tokens: int = 0
    text: str = ""


class Compaction(msgspec.Struct, frozen=True):
    """What a request holds of a history: the messages of the numbers ``keep``, in their order, and
    before them a message of the user's with ``digest``, unless empty, for those left out."""

    keep: Sequence[int]
    digest: str = ""


class ModelSpec(msgspec.Struct, frozen=True):
    """Which model, and where. ``key_variable``: the variable that holds the key; empty: the
    provider's own. ``api`` of openai: else Responses at its own address, chat completions at any
    other. ``settings``: for the model (temperature, max_tokens ...). ``script``: in tests,
    what answers instead of an endpoint."""

    provider: str
    model: str = ""
    base_url: str = ""
    key_variable: str = ""
    api: Literal["", "chat", "responses"] = ""
    settings: dict[str, Any] = {}
    fallback: tuple[ModelSpec, ...] = ()
    script: Script | None = None


class ScriptTurn(msgspec.Struct, frozen=True):
    """What a scripted model is asked. ``texts``: the words of the conversation in order, ``user:``,
    ``model:`` or ``tool NAME:`` before each. ``results``: of the tools that the last response
    called, by the names of the tools. ``tools``: those offered. ``last``: the prompt. ``number``:
    of responses since that."""

    instructions: str
    texts: tuple[str, ...]
    results: dict[str, str]
    tools: tuple[ToolSpec, ...]
    last: str
    number: int = 0


class ScriptCall(msgspec.Struct, frozen=True):
    """A tool call of a scripted model. ``arguments`` as text are sent as they are."""

    name: str
    arguments: dict[str, Any] | str = {}


Script = Callable[[ScriptTurn], AsyncIterator["str | ScriptCall"]]
"""A scripted model: gives the pieces of a response and the calls in it."""


class RunRequest(msgspec.Struct):
    """One run of a model: a prompt, and all it may use.

    ``history``: messages of before, as the journal was given them. With ``resume`` there is no
    prompt: the run that ended in mid-way goes on from the history. ``returns``: JSON Schema of the
    answer. ``seconds``: until the deadline. ``window``: tokens that a request may have, 0 for any.
    ``steering``: words for the model that came meanwhile, taken before each request. ``compact``:
    what stays in a request, asked before each; nothing of what it says is stored.
    """

    instructions: str
    parts: Sequence[str | Attachment]
    toolbox: Toolbox
    budget: Budget
    journal: Journal
    history: Sequence[bytes] = ()
    max_turns: int = MAX_TURNS
    returns: dict[str, Any] | None = None
    resume: bool = False
    seconds: float = 600.0
    window: int = 0
    steering: Callable[[], Sequence[str]] | None = None
    compact: Callable[[Sequence[MessageShape]], Compaction] | None = None


class ModelEngine(Protocol):
    """Runs a model with tools to its answer."""

    @property
    def title(self) -> str:
        """``provider:model`` of the first. Raises ConfigError that names what is missing."""
        ...

    async def warm(self) -> None:
        """Import and construct in a thread. Raises ConfigError, MissingExtra."""
        ...

    def run(self, request: RunRequest) -> AsyncGenerator[str | AgentEvent, None]:
        """Pieces of the answer and events, as they come; the last is the event of usage.

        Closing it ends the provider's stream and the calls that run. With ``returns`` the pieces
        together are JSON that fits. Raises MeshError.
        """
        ...

    async def has_price(self) -> bool:
        """Whether each of its models has a known price. Raises ConfigError, MissingExtra."""
        ...

    async def price(self, input_tokens: int) -> float | None:
        """US dollars for that many tokens to the first of its models; None without a price.

        Raises ConfigError, MissingExtra.
        """
        ...

    async def close(self) -> None:
        """End all runs and connections."""
        ...
