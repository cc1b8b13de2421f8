"""The demo: `up` and three agents in processes of their own read a document over direct links.

    make demo                         the text in this folder
    make demo FILE="my notes.txt"     yours
    make demo ONCE=1                  ends after the job; else Ctrl-C ends it
    make demo ENGINE=aiortc           or ENGINE=wrtc,analyst=aiortc

Exit codes: 0 the report is whole, 1 something is missing in it or did not start, 130 and 143 ended
by Ctrl-C or SIGTERM before there was a report. REPORT=path also writes the report as JSON.
"""
# ruff: noqa: E402

from __future__ import annotations

import signal

# Until the demo listens itself, Ctrl-C ends it as it ends any program: nothing is there to tidy.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
AGENTS = ("coordinator", "researcher", "analyst")
START_WITHIN = 60.0  # seconds
STOP_WITHIN = 10.0
REPORT_WITHIN = 300.0
LONGEST = 60  # characters that are shown of one word
PORTS = 5  # tries, should another program take the port between looking and listening


CURES = {"missing_extra": "; in a checkout, `make demo ENGINE=aiortc` does so first"}


class Child:
    """One process of the demo. What it logs goes to a file beside the keys."""

    def __init__(self, name: str, home: Path, engine: str) -> None:
        self.name = name
        self.log = home / f"{name}.log"
        own = {"CHATIXIA_HOME": str(home), "CHATIXIA_DATA_DIR": str(home / name)}
        self.env = {**os.environ, **own, "PYTHONUNBUFFERED": "1"}
        if engine:
            self.env["CHATIXIA_ENGINE"] = engine
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *words: str) -> dict[str, Any]:
        """Start `chatixia WORDS --json` and wait for its first word: it is ready."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "chatixia.cli",
                *words,
                "--json",
                env=self.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), START_WITHIN)
        except TimeoutError:
            raise Failure(f"{self.name} did not start within {START_WITHIN:.0f} s") from None
        if not line:
            raise Failure(f"{self.name} did not start: {await self.ended()}")
        found = json.loads(line)
        if found.get("kind") == "error":
            cure = CURES.get(found["error"]["code"], "")
            raise Failure(f"{self.name} did not start: {found['error']['message']}{cure}")
        return dict(found)

    async def ended(self) -> str:
        """How it has ended, in its own last words if it had any."""
        assert self.process is not None
        code = await self.process.wait()
        if code < 0:
            return f"it was killed (signal {-code})"
        last = self.tail()
        return f"exit code {code}{':' if last else ''}\n{last}".rstrip()

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), STOP_WITHIN)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    def tail(self) -> str:
        """The last lines that it logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])


class Failure(Exception):
    """The demo cannot go on; its text says why."""


def main() -> int:
    """Run the demo; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal without a sign of the text gets a "?"
    document = Path(os.environ.get("FILE") or HERE / "text" / "opticks-book-three.txt").resolve()
    if not document.is_file():
        print(f"demo: {document} is no file; name one with FILE=path", file=sys.stderr)
        return 1
    os.environ["DEMO_FILE"] = str(document)
    try:
        return asyncio.run(interruptible())
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


async def interruptible() -> int:
    """The demo, which Ctrl-C, SIGTERM and a closed terminal end in good order."""
    got: list[int] = []
    asked = asyncio.Event()

    def ask(number: int) -> None:
        got.append(number)  # a second one changes nothing
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask, number)
    (ROOT / "build").mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="demo-", dir=ROOT / "build"))
    os.environ["CHATIXIA_HOME"] = str(home)
    codes: list[int] = []
    job = asyncio.ensure_future(demo(home, codes))
    stop = asyncio.ensure_future(asked.wait())
    try:
        await asyncio.wait({job, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            job.cancel()
        stop.cancel()
        await job
    except asyncio.CancelledError:
        when = "" if codes else "before there was a report; "
        print(f"\n  stopped   {when}no process is left", file=sys.stderr)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return codes[0] if codes else 128 + got[0]


async def demo(home: Path, codes: list[int]) -> None:
    """Start everything, do the job, and stay until told otherwise. The exit code goes to `codes`
    as soon as the report is out: whoever ends the demo later changes nothing in it."""
    children: list[Child] = []
    try:
        registry = Child("up", home, "")
        children.append(registry)
        address = await start_registry(registry)
        engines = chosen()
        agents = [Child(name, home, engines.get(name, engines[""])) for name in AGENTS]
        children += agents
        starts = (child.start("run", str(HERE / child.name)) for child in agents)
        started = await unless_ended(asyncio.gather(*starts), [registry])
        say("mesh", f"{address}, agents {', '.join(found['agent'] for found in started)}")
        # Without one of the others the report can be made: it says what is missing.
        codes.append(0 if await unless_ended(job(), [registry, agents[0]]) else 1)
        once = bool(os.environ.get("ONCE"))
        command = f"CHATIXIA_HOME={quoted(home)} {quoted(sys.executable)} -m chatixia.cli hub"
        say("hub", command + (" (while the demo runs, so without ONCE)" if once else ""))
        if not once:
            say("", "Ctrl-C ends the demo")
            await first_end(children)
    finally:
        await stopped(children)


async def stopped(children: list[Child]) -> None:
    """End them all, the registry last; that somebody grows impatient leaves none behind."""
    ends = asyncio.gather(*(child.stop() for child in reversed(children)))
    while not ends.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(ends)


async def unless_ended(work: Awaitable[Any], children: list[Child]) -> Any:
    """What `work` gives. Raises Failure as soon as one of `children` ends, which it cannot do
    without: nobody is left who would tell it so."""
    job = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(first_end(children))
    try:
        await asyncio.wait({job, watch}, return_when=asyncio.FIRST_COMPLETED)
        return await (watch if watch.done() else job)
    finally:
        job.cancel()
        watch.cancel()
        await asyncio.gather(job, watch, return_exceptions=True)


async def start_registry(child: Child) -> str:
    """Start `up` on a free port; its address."""
    for left in reversed(range(PORTS)):
        try:
            found = await child.start("up", "--port", str(free_port()))
            return str(found["addresses"][0])
        except Failure as failure:
            await child.stop()
            if not left or "in use" not in str(failure):
                raise
    raise AssertionError("the last try returns or raises")


async def job() -> bool:
    """Have the report made, print it, and tell whether it is whole."""
    from chatixia import MeshError, connect
    from chatixia.errors import DeadlineExceeded

    try:
        async with connect() as mesh:
            # It may run twice, for it only reads: so a link that dies costs a detour, not the job.
            handle = mesh.agent("coordinator", timeout=REPORT_WITHIN, idempotent=True)
            report: dict[str, Any] = (await handle.call("report")).value
            report["links"] = await both_ends(mesh)
    except DeadlineExceeded:
        raise Failure(
            f"no report came within {REPORT_WITHIN:.0f} s; a smaller FILE takes less"
        ) from None
    except MeshError as error:
        raise Failure(f"the coordinator gave no report: {error.code}, {error}") from None
    show(report)
    write(report)
    return not report["missing"]


async def both_ends(mesh: Any) -> list[dict[str, Any]]:
    """The links between the agents, each as the engines at its two ends read it."""
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for name in AGENTS:
        try:
            found = await mesh.agent(name, timeout=10).links()
        except OSError:  # gone, or past its deadline: it reads nothing any more
            continue
        seen |= {(name, link["peer"]): link for link in found if link["peer"] in AGENTS}
    return [
        {"from": a, "to": b, "here": seen[a, b], "there": seen.get((b, a))}
        for a, b in sorted(seen)
        if a < b or (b, a) not in seen
    ]


def show(report: dict[str, Any]) -> None:
    """Print the report for people."""
    document = report["document"]
    say("document", f"{document['name']}, {document['bytes']:,} bytes in {document['parts']} parts")
    if "words" in report:
        say(
            "counted",
            f"{report['words']:,} words (a word is a run of \\w+), "
            f"{report['distinct']:,} different",
        )
        say(
            "sentences",
            f"{report['sentences']:,} (each ends with . ! or ?, closing quotes or "
            "brackets, and white space or the end of the text)",
        )
        frequent = ", ".join(f"{short(word)} {n}" for word, n in report["frequent"].items())
        say("frequent", f"{frequent or 'none'} (words of 4 characters or more)")
    if "keywords" in report:
        say("keywords", ", ".join(map(short, report["keywords"])))
        for number, sentence in enumerate(report["sentences_that_matter"], 1):
            say("read" if number == 1 else "", f"{number}. {sentence}")
    for row in report["work"]:
        tiers = ", ".join(f"{n} {via}" for via, n in row["via"].items())
        say("work", f"{row['agent']} answered {row['calls']} calls ({tiers}), {row['ms']} ms each")
    for name, why in report["missing"].items():
        say("missing", f"{name} did not answer ({why}); what it would have found is left out")
    for link in report["links"]:
        say("link", f"{link['from']} - {link['to']}: {end(link['here'])} | {end(link['there'])}")
    if not report["links"]:
        say("link", without(report))


def short(word: str) -> str:
    """A word as a line can show it: a file without white space may be one word."""
    return word if len(word) <= LONGEST else f"{word[:LONGEST]}..."


def without(report: dict[str, Any]) -> str:
    """Why no link is open."""
    if not report["work"]:
        nobody = "none is open, and no call was answered"
        return nobody if report["missing"] else "none was needed: the document has no text"
    if all(set(row["via"]) == {"direct"} for row in report["work"]):
        return "none is open any more"
    return "none is open; the calls went through the registry's queue"


def write(report: dict[str, Any]) -> None:
    """Write the report as JSON where REPORT says."""
    if path := os.environ.get("REPORT"):
        text = json.dumps(report, indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")


def end(link: dict[str, Any] | None) -> str:
    """One end of a link as its engine reads it: tier, round trip, candidate types, engine."""
    if link is None:
        return "the other end reports nothing"
    rtt = link.get("rtt_ms")
    trip = "no round trip yet" if rtt is None else f"{rtt:.1f} ms" if rtt >= 1 else "under 1 ms"
    pair = f"{link.get('local', '?')}/{link.get('remote', '?')}"
    return f"{link['tier']}, {trip}, {pair}, {link.get('engine', '?')}"


async def first_end(children: list[Child]) -> None:
    """Wait until one of the processes ends by itself, which none should. Raises Failure."""
    waits = {asyncio.ensure_future(c.process.wait()): c for c in children if c.process}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        child = waits[done.pop()]
        raise Failure(f"{child.name} has ended by itself: {await child.ended()}")
    finally:
        for wait in waits:
            wait.cancel()


def chosen() -> dict[str, str]:
    """Engine by agent, from ENGINE; under "" the one of all others."""
    engines = {"": os.environ.get("CHATIXIA_ENGINE", "")}
    for part in filter(None, os.environ.get("ENGINE", "").split(",")):
        name, _, engine = part.rpartition("=")
        engines[name] = engine
    if unknown := set(engines) - {"", *AGENTS}:
        raise Failure(f"ENGINE names {min(unknown)}; the agents are {', '.join(AGENTS)}")
    return engines


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def quoted(path: Path | str) -> str:
    """A path as a shell takes it."""
    import shlex

    return shlex.quote(str(path))


def say(label: str, text: str) -> None:
    """One line of output."""
    print(f"  {label:<9} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
