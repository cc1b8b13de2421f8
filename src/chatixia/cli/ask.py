"""``chatixia ask AGENT TEXT``: ask an agent; its answer is printed as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common, in_mesh, waits

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[AGENT] TEXT...")
@click.option("--all", "everyone", is_flag=True, help="Send it to every agent; give no AGENT then.")
@click.option("--no-wait", is_flag=True, help="With --all: do not wait for answers.")
@waits(60.0, "Deadline, default 60.")
@common
def ask(
    console: Console, words: tuple[str, ...], everyone: bool, no_wait: bool, timeout: float
) -> None:
    """Ask AGENT in plain language; its prompt handler or model answers."""
    if everyone:
        message = " ".join(words)
        in_mesh(console, lambda mesh: tell(mesh, console, message, not no_wait, timeout), timeout)
        return
    if len(words) < 2:
        raise click.UsageError("Give a text too: chatixia ask AGENT TEXT.")
    agent, text = words[0], " ".join(words[1:])
    in_mesh(console, lambda mesh: question(mesh, console, agent, text, timeout), timeout)


async def question(mesh: Mesh, console: Console, agent: str, text: str, timeout: float) -> None:
    """Ask one agent and print its answer piece by piece."""
    answer: list[str] = []
    async with mesh.agent(agent, timeout=timeout).ask(text) as pieces:
        async for piece in pieces:
            answer.append(str(piece))
            if not console.as_json:
                output.emit(answer[-1], "")
        via = pieces.via
    console.data("answer", {"agent": agent, "text": "".join(answer), "via": via})
    if not console.as_json and not "".join(answer).endswith("\n"):
        output.emit("")
    console.say(f"  {agent}, {via}")


async def tell(mesh: Mesh, console: Console, text: str, wait: bool, timeout: float) -> None:
    """Tell everyone, and print who got it and what they said."""
    receipts = await mesh.broadcast(text, wait=wait, timeout=timeout)
    for receipt in receipts:
        # Further lines of an answer stand in, so that none looks like another agent's.
        answer = "\n  ".join((receipt.reply if receipt.ok else receipt.message).splitlines())
        line = f"{receipt.agent}: {output.plain(answer)}" if answer else receipt.agent
        console.data("receipt", {"receipt": receipt}, line)
    if not receipts:
        console.say("  No agent is online to hear it. Start one with `chatixia run FOLDER`.")
