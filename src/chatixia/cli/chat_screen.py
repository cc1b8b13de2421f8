"""The terminal of a chat: what was said stands above and scrolls, below it a line is typed.

What is printed is the terminal's own from then on; only the line that still grows and the input
are painted again. Nothing else may write to the terminal meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import Output
from prompt_toolkit.output.defaults import create_output
from prompt_toolkit.styles import Style

from . import output as looks
from .wrapping import StreamWrapper, clip, wrap

PROMPT: Final = "> "
INPUT_LINES: Final = 8
"""What of a long input is shown at once."""
PAINT_S: Final = 0.03
DIM, RED, PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[0m"


class ChatScreen:
    """``on_line(text)``: a line was typed. ``on_interrupt()``: Ctrl-C with nothing typed.
    Lives on the running loop, and on the terminal of standard input and output.
    """

    def __init__(
        self,
        on_line: Callable[[str], None],
        on_interrupt: Callable[[], None],
    ) -> None:
        self._on_line, self._on_interrupt = on_line, on_interrupt
        self._stream = StreamWrapper(lambda: self.width)
        self._output = _terminal()
        self._coloured = looks.coloured()
        self._status: str | None = None
        self._buffer = Buffer(
            multiline=False, history=InMemoryHistory(), accept_handler=self._accept
        )
        self._app: Application[None] = Application(
            layout=self._layout(),
            key_bindings=self._keys(),
            erase_when_done=True,
            output=self._output,
            style=Style([("status", "fg:ansibrightblack")]),
            min_redraw_interval=PAINT_S,
        )

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return max(2, self._output.get_size().columns)

    async def run(self) -> None:
        """Until Ctrl-D or :meth:`leave`."""
        await self._app.run_async(handle_sigint=False)
        self.end_text()

    def leave(self) -> None:
        """End :meth:`run`."""
        if self._app.is_running and not self._app.is_done:
            self._app.exit()

    # What is printed.

    def text(self, piece: str) -> None:
        """A piece of the answer, which goes on where the last one ended."""
        self._print(self._stream.feed(_clean(piece)))

    def end_text(self) -> None:
        """The answer ends, or something else comes between: a line begins."""
        self._print(self._stream.end())

    def status(self, text: str | None) -> None:
        """What is under way, shown while no text grows and gone with the next; None for nothing."""
        self._status = text
        self._app.invalidate()

    def line(self, text: str, *, whole: bool = True) -> None:
        """A dim line of its own; not ``whole``: clipped to the width."""
        self.end_text()
        lines = wrap(_clean(text), self.width) if whole else [clip(_clean(text), self.width)]
        self._print(lines, DIM)

    def error(self, text: str) -> None:
        """A red word and a sentence."""
        self.end_text()
        first, *more = wrap(_clean(f"error  {text}"), self.width)
        red = f"{RED}error{PLAIN}{first[5:]}" if self._coloured else first
        self._print([red, *more])

    def question(self, text: str) -> None:
        """What was typed, as it stood."""
        self.end_text()
        lines = wrap(_clean(text), max(1, self.width - len(PROMPT)))
        self._print([PROMPT + line for line in lines])

    def _print(self, lines: list[str], style: str = "") -> None:
        if lines:
            if style and self._coloured:
                lines = [f"{style}{line}{PLAIN}" for line in lines]
            if self._app.is_running:
                self._app.renderer.erase()
            self._output.write_raw("".join(f"{line}\r\n" for line in lines))
            self._output.flush()
        self._app.invalidate()

    # What is typed.

    def _accept(self, buffer: Buffer) -> bool:
        self._on_line(buffer.text)
        return False

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        empty = Condition(lambda: not self._buffer.text)

        @keys.add("c-c")
        def _(_event: KeyPressEvent) -> None:
            if self._buffer.text:
                self._buffer.reset()
            else:
                self._on_interrupt()

        @keys.add("c-d", filter=empty)
        def _(_event: KeyPressEvent) -> None:
            self.leave()

        return keys

    def _layout(self) -> Layout:
        growing = Window(FormattedTextControl(self._growing), height=1, dont_extend_height=True)
        field = Window(
            BufferControl(self._buffer, input_processors=[BeforeInput(PROMPT)]),
            wrap_lines=True,
            height=Dimension(min=1, max=INPUT_LINES),
            dont_extend_height=True,
        )
        shown = Condition(lambda: self._status is not None or bool(self._stream.partial))
        return Layout(HSplit([ConditionalContainer(growing, shown), field]), focused_element=field)

    def _growing(self) -> Any:
        if self._stream.partial:
            return [("", self._stream.partial)]
        text = clip(_clean(" ".join((self._status or "").split())), self.width - 4)
        return [("class:status" if self._coloured else "", f"  {text}")]


def _terminal() -> Output:
    terminal = create_output()
    if hasattr(terminal, "enable_cpr"):
        # No terminal needs to say where its cursor is: nothing here asks for the rows below it.
        terminal.enable_cpr = False
    return terminal


def _clean(text: str) -> str:
    """Without what steers a terminal; its line breaks stay."""
    return looks.plain(text.replace("\r", ""))
