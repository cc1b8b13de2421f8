"""``chatixia call AGENT SKILL k=v``: call a skill, its arguments typed by the skill's schema."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from . import artifacts, output
from .bar import Bar
from .common import Console, common, in_mesh, waits
from .submit import Terms, check_arguments, submit

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh
    from chatixia.client.reply import Reply
    from chatixia.core.ports import Queue
    from chatixia.errors import MeshError
    from chatixia.wire.peer import SkillInfo

MAX_INPUT: Final = 16 * 1024 * 1024
"""Bytes read from one file or from standard input: the largest message of the mesh."""


class TypedCall(NamedTuple):
    """One call as it was typed; ``timeout`` in seconds."""

    agent: str
    skill: str
    words: Sequence[str]
    timeout: float
    idempotent: bool
    queue: Queue
    read: Callable[[str], bytes]
    terms: Terms | None = None
    """Given: it is left in the queue, and nobody waits."""
    save_as: str = ""
    """Where the artifacts of the result go."""


@click.command(add_help_option=False)
@click.argument("agent", default="")
@click.argument("skill", default="")
@click.argument("words", nargs=-1, metavar="[ARGUMENT]...")
@waits(30.0, "Deadline, default 30.")
@click.option("--idempotent", is_flag=True, help="The call may run twice, so it may be retried.")
@click.option("--queue", "only_queue", is_flag=True, help="Use the registry's queue only.")
@click.option("--direct", is_flag=True, help="Use a direct link only, never the queue.")
@click.option(
    "-o", "save_as", metavar="FILE|DIR|-", default="", help="Save the files of the result there."
)
@click.option("--no-wait", is_flag=True, help="Leave it in the queue and print the task's id.")
@click.option(
    "-h", "--help", "helped", is_flag=True, help="Show AGENT's skills, or SKILL's arguments."
)
@common
@click.pass_context
def call(
    ctx: click.Context,
    console: Console,
    agent: str,
    skill: str,
    words: tuple[str, ...],
    timeout: float,
    idempotent: bool,
    only_queue: bool,
    direct: bool,
    save_as: str,
    no_wait: bool,
    helped: bool,
) -> None:
    """Call SKILL of AGENT. The result goes to stdout as JSON, the path it took to stderr.

    ARGUMENT is name=value (typed by the skill's schema), name:=JSON, name@FILE, or - for one JSON
    object on standard input. AGENT/SKILL means the same as AGENT SKILL.
    """
    if "/" in agent:
        agent, _, rest = agent.partition("/")
        skill, words = rest, (skill, *words) if skill else words
    if not agent or not (skill or helped):
        if not helped:
            if agent:
                raise click.UsageError(
                    f"Name a skill of {agent}: chatixia call {agent} SKILL."
                    f" Its skills are shown by `chatixia call {agent} --help`.",
                    ctx,
                )
            raise click.UsageError("Name an agent and a skill: chatixia call AGENT SKILL.", ctx)
        click.echo(ctx.get_help())
        return
    if direct and (only_queue or no_wait):
        other = "--queue" if only_queue else "--no-wait"
        raise click.UsageError(
            f"--direct and {other} cannot be used together; give one of them.", ctx
        )
    queue: Queue = "only" if only_queue else "never" if direct else "auto"
    if save_as and no_wait:
        raise click.UsageError("-o waits for the result, and --no-wait does not.", ctx)
    artifacts.check_place("" if helped else save_as)
    content = {} if helped else contents(agent, skill, words)
    terms = terms_of(ctx, timeout, idempotent) if no_wait else None
    request = TypedCall(
        agent, skill, words, timeout, idempotent, queue, reader(content), terms, save_as
    )
    in_mesh(
        console,
        lambda mesh: explain(mesh, console, request) if helped else perform(mesh, console, request),
        timeout,
    )


def terms_of(ctx: click.Context, timeout: float, idempotent: bool) -> Terms:
    """How a call that nobody waits for is submitted: with a day, unless a time was typed."""
    typed = ctx.get_parameter_source("timeout") is not click.core.ParameterSource.DEFAULT
    terms = Terms(max_attempts=3 if idempotent else 1)
    return terms._replace(deadline=timeout) if typed else terms


async def perform(mesh: Mesh, console: Console, request: TypedCall) -> None:
    """Call, and print what comes back."""
    from chatixia.errors import BadArguments, UnknownAgent, UnknownSkill

    from .arguments import assemble

    skills: list[SkillInfo] = []
    try:
        skills = await listed(mesh, request)
        info = find(skills, request.skill)
        arguments = assemble(request.words, schema(info), request.read)
        if request.terms is not None:
            refuse_unknown(request, skills)
            check_arguments(request.skill, arguments, schema(info))
            await submit(mesh, console, request.agent, request.skill, arguments, request.terms)
            if not skills:
                warn_untyped(console, request)
        elif info is None or not info.streams:
            with Bar(console) as bar:
                reply = await handle(mesh, request).call(
                    request.skill, arguments, on_progress=bar.step
                )
            await finish(console, reply, request.save_as)
        elif request.queue == "only":
            await whole(mesh, console, request, arguments)
        else:
            await stream(mesh, console, request, arguments)
    except UnknownAgent as error:
        suggest(error, request.agent, [record.agent_id for record in await mesh.agents()])
        raise
    except UnknownSkill as error:
        suggest(error, request.skill, [skill.name for skill in skills])
        raise
    except BadArguments as error:
        if skills or error.agent is None:  # of none, the words themselves cannot be read
            raise helpful(error, request.agent, request.skill) from None
        error.add_note(
            f"{request.agent} was away, so every value was sent as text; name:=JSON sends JSON."
        )
        raise


def refuse_unknown(request: TypedCall, skills: Sequence[SkillInfo]) -> None:
    """Raise UnknownSkill where the agent is listed without it: the task would wait in vain."""
    from chatixia.errors import UnknownSkill

    if skills and find(skills, request.skill) is None:
        what = f"{request.agent} has no skill {request.skill}."
        raise UnknownSkill(what, agent=request.agent)


def warn_untyped(console: Console, request: TypedCall) -> None:
    """Say so where a value went as text for want of a schema: only the worker would refuse it."""
    from .arguments import perhaps_typed

    if typed := " ".join(map(output.in_line, perhaps_typed(request.words))):
        absence = (
            f"{request.agent} is not online" if request.agent else "Nobody who has it is online"
        )
        console.say(f"  {absence}, so every value was sent as text; to send JSON write {typed}")


async def listed(mesh: Mesh, request: TypedCall) -> list[SkillInfo]:
    """The agent's skills. None of one that the directory does not list: it may be a member that is
    away, and then the queue takes the call; whether it is one, the call itself says."""
    from chatixia.errors import UnknownAgent

    if not request.agent:  # whoever has the skill: they should agree on its schema
        return next((record.skills for record in await mesh.agents(request.skill)), [])
    try:
        return await mesh.skills(request.agent)
    except UnknownAgent:
        if request.queue == "never":
            raise
        return []


def helpful(error: MeshError, agent: str, skill: str) -> MeshError:
    """Add where the arguments are explained."""
    if agent:
        error.add_note(f"See `chatixia call {agent} {skill} --help`.")
    return error


async def stream(
    mesh: Mesh, console: Console, request: TypedCall, arguments: dict[str, Any]
) -> None:
    """Print each item as it comes."""
    from chatixia.errors import RegistryUnreachable, Unreachable

    printed = ItemPrinter(console)
    ask = handle(mesh, request).stream
    try:
        with Bar(console) as bar:
            async with ask(request.skill, arguments, on_progress=bar.step) as items:
                async for item in items:
                    bar.clear()
                    printed.item(item)
                    if request.save_as and any(artifacts.inside(item)):
                        await artifacts.save(console, item, request.save_as)
    except Unreachable as error:
        unsent = error.outcome == "definite" and not isinstance(error, RegistryUnreachable)
        if unsent and request.queue == "auto":
            error.add_note("A streamed reply needs a link; `--queue` delivers it in one piece.")
        raise
    printed.end(request.agent, items.via)


async def whole(
    mesh: Mesh, console: Console, request: TypedCall, arguments: dict[str, Any]
) -> None:
    """Print the items of a reply that streams, which the queue carries in one piece: a list."""
    with Bar(console) as bar:
        reply = await handle(mesh, request).call(request.skill, arguments, on_progress=bar.step)
    printed = ItemPrinter(console)
    for item in reply.value if isinstance(reply.value, list) else [reply.value]:
        printed.item(item)
    printed.end(reply.agent, reply.via)


class ItemPrinter:
    """Prints the items of one answer: text as it is, anything else as a line of JSON."""

    def __init__(self, console: Console) -> None:
        self._console, self._number, self._last = console, 0, "\n"

    def item(self, item: Any) -> None:
        """The next one."""
        item = artifacts.described(item)
        if self._console.as_json:
            self._console.data("item", {"n": self._number, "item": item})
        else:
            self._last = output.faithful(item) + ("" if isinstance(item, str) else "\n")
            output.emit(self._last, "")
        self._number += 1

    def end(self, agent: str, via: str) -> None:
        """That was all; how it was carried."""
        self._console.data("end", {"items": self._number, "agent": agent, "via": via})
        if not self._console.as_json and not self._last.endswith("\n"):
            output.emit("")
        self._console.say(f"  {agent}, {via}, {self._number} items")


def handle(mesh: Mesh, request: TypedCall) -> Any:
    """A handle on the agent with the options that were typed."""
    return mesh.agent(
        request.agent, timeout=request.timeout, idempotent=request.idempotent, queue=request.queue
    )


async def finish(console: Console, reply: Reply, save_as: str) -> None:
    """Print the value, or save the artifacts in it."""
    if save_as:
        await artifacts.save(console, reply.value, save_as)
    show(console, reply, data=save_as != "-")


def show(console: Console, reply: Reply, data: bool = True) -> None:
    """The value on stdout, artifacts described, how it was carried on stderr."""
    import msgspec

    from chatixia.assembly.serve.addresses import lan_addresses

    value = artifacts.described(reply.value)
    fields = msgspec.structs.asdict(reply) | {"value": value}
    if data:
        console.data("reply", fields, output.faithful(value))
    where = "" if output.host(reply.where) in lan_addresses() else reply.where
    console.say(
        output.carried(
            reply.agent, reply.via, reply.ms, where, reply.link_ms, reply.why, reply.tried_ms
        )
    )


async def explain(mesh: Mesh, console: Console, request: TypedCall) -> None:
    """The skills of an agent, or the arguments of one skill."""
    from chatixia.errors import UnknownSkill

    from . import schema_rows as shown
    from .foreign_schema import read_foreign

    skills = await mesh.skills(request.agent)
    if not request.skill:
        listed = [
            {"name": skill.name, "description": skill.description, "streams": skill.streams}
            for skill in skills
        ]
        text = output.rows(
            (
                output.in_line(skill.name),
                output.in_line(skill.description) or "no description",
                "streams" if skill.streams else "",
            )
            for skill in skills
        )
        console.data("skills", {"agent": request.agent, "skills": listed}, text)
        return
    info = find(skills, request.skill)
    if info is None:
        error = UnknownSkill(f"{request.agent} has no skill {request.skill}.", agent=request.agent)
        raise suggest(error, request.skill, [skill.name for skill in skills])
    taken = shown.arguments(schema(info)) or [("", "takes no arguments", "")]
    returned = shown.result(read_foreign(info.returns), info.streams)
    text = output.rows(
        (output.in_line(a), output.in_line(b), output.in_line(c)) for a, b, c in [*taken, *returned]
    )
    if info.description:
        text = f"  {output.in_line(info.description)}\n{text}"
    console.data("skill", {"agent": request.agent, "skill": info}, text)


def find(skills: Sequence[SkillInfo], name: str) -> SkillInfo | None:
    """The skill of that name, if the agent has it."""
    return next((skill for skill in skills if skill.name == name), None)


def schema(skill: SkillInfo | None) -> dict[str, Any]:
    """The JSON Schema of a skill's arguments; empty if it is not known."""
    from .foreign_schema import read_foreign

    return read_foreign(skill.parameters) if skill is not None else {}


def suggest(error: MeshError, name: str, names: Sequence[str]) -> MeshError:
    """Add the nearest of ``names`` to an error's sentence, unless the name itself is one."""
    if name in names:
        return error
    if hint := output.nearest(name, names):
        error.add_note(hint.strip())
    return error


def contents(agent: str, skill: str, words: Sequence[str]) -> dict[str, bytes]:
    """What the files in ``words`` hold that are no ordinary files; those must be there.

    Read before the mesh is entered: a terminal or pipe that says nothing would hold up its loop,
    and with it Ctrl-C. An ordinary file is opened once the schema says what it is for. Raises
    BadArguments, TooLarge.
    """
    from chatixia.errors import BadArguments

    from .arguments import files

    try:
        names = [name for name in dict.fromkeys(files(words)) if not is_ordinary(name)]
        return {name: read(name) for name in names}
    except BadArguments as error:
        raise helpful(error, agent, skill) from None


def is_ordinary(name: str) -> bool:
    """Whether a name is that of a file that can be read at any time."""
    return name != "-" and Path(name).is_file()


def reader(content: dict[str, bytes]) -> Callable[[str], bytes]:
    """What gives the content of a file: what was read, or the ordinary file now."""
    return lambda name: content[name] if name in content else read(name)


def read(name: str) -> bytes:
    """What a file holds, or standard input for ``-``. Raises BadArguments, TooLarge."""
    from chatixia.errors import BadArguments, TooLarge
    from chatixia.wire.tasks import TOO_LARGE

    try:
        if name == "-":
            body = sys.stdin.buffer.read(MAX_INPUT + 1)
        else:
            with Path(name).open("rb") as file:
                body = file.read(MAX_INPUT + 1)
    except OSError as error:
        raise BadArguments(f"{name} cannot be read: {error.strerror}.") from None
    if len(body) > MAX_INPUT:
        raise TooLarge(TOO_LARGE)
    return body
