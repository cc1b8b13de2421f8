"""What an agent at work tells beside its text: a line for each event, and the sum of all."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from . import output

if TYPE_CHECKING:
    from chatixia.wire.events import AgentEvent

    from .common import Console

LABEL: Final = 9
DIM: Final = "\x1b[2m"
PLAIN: Final = "\x1b[0m"


class Tally:
    """What an answer took so far, by its events."""

    def __init__(self) -> None:
        self.tools = 0
        self.input_tokens = self.output_tokens = 0
        self.cost: float | None = None
        self.estimated = False

    def add(self, event: AgentEvent) -> None:
        """Count one."""
        self.tools += event.kind == "tool_began"
        if event.kind == "usage":
            self.input_tokens += event.input_tokens
            self.output_tokens += event.output_tokens
            self.estimated |= event.estimated
            if event.cost is not None:
                self.cost = (self.cost or 0.0) + event.cost

    @property
    def fields(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "tools": self.tools,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": self.cost,
            "estimated": self.estimated,
        }

    def footer(self, agent: str, via: str, ms: float) -> str:
        """``  helper, direct, 1,234 tokens, $0.0021, 3 tools, 4.2 s``; only what there was."""
        parts = [agent, via]
        if tokens := self.input_tokens + self.output_tokens:
            parts.append(f"{'about ' * self.estimated}{tokens:,} tokens")
        if self.cost is not None:
            parts.append(money(self.cost))
        if self.tools:
            parts.append(f"{self.tools} tool{'s' * (self.tools > 1)}")
        if tokens or self.tools:
            parts.append(output.millis(ms))
        return "  " + ", ".join(parts)


def money(dollars: float) -> str:
    """``$0.0021``; cents and more with two places."""
    return f"${dollars:.2f}" if dollars >= 1 else f"${dollars:.4f}"


def line(event: AgentEvent, width: int) -> str:
    """One event in at most ``width`` characters; empty for one that has no line of its own."""
    write = _LINES.get(event.kind)
    if write is None:
        return ""
    label, text = write(event)
    return f"  {label:<{LABEL}} {output.in_line(text)}"[:width].rstrip()


def _began(event: AgentEvent) -> tuple[str, str]:
    return "tool", f"{_tool(event)} {event.text}"


def _ended(event: AgentEvent) -> tuple[str, str]:
    end = "ok" if event.ok else "failed"
    return "tool", f"{_tool(event)}: {end}, {output.millis(event.ms)} {event.text}"


def _tool(event: AgentEvent) -> str:
    return f"{event.agent}/{event.name}" if event.agent else event.name


def _fallback(event: AgentEvent) -> tuple[str, str]:
    goes_on = f"{event.model} goes on" if event.model else "another model goes on"
    return "fallback", f"{goes_on}; the text so far is taken back: {event.text}"


def _retry(event: AgentEvent) -> tuple[str, str]:
    named = not event.model or event.model in event.text
    return "retry", event.text if named else f"{event.model} {event.text}"


_LINES: Final[dict[str, Callable[[AgentEvent], tuple[str, str]]]] = {
    "tool_began": _began,
    "tool_ended": _ended,
    "delegated": lambda event: ("delegated", f"{event.name} to {event.agent} {event.text}"),
    "retry": _retry,
    "fallback": _fallback,
    "thinking": lambda event: ("thinking", f"{event.agent}{': ' * bool(event.agent)}{event.text}"),
}


class EventPrinter:
    """Writes events to stderr, dim on a terminal; nothing with `-q`. With `--json` each is an
    object of its own among the data."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.tally = Tally()

    def show(self, event: AgentEvent) -> None:
        """One event."""
        import msgspec

        self.tally.add(event)
        if self._console.as_json:
            self._console.data("event", {"event": msgspec.to_builtins(event)})
        elif text := line(event, shutil.get_terminal_size().columns - 1):
            if not self._console.quiet and output.coloured():
                sys.stderr.write(DIM)
                self._console.say(text)
                sys.stderr.write(PLAIN)
                sys.stderr.flush()
            else:
                self._console.say(text)
