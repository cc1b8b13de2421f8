"""Types of an agent as Python source: models as msgspec Structs, the agent as two classes.

The text is as `ruff format` leaves it: a line that would be longer than 88 is one part a line. All
words of the agent are quoted or made to names, so that none of them is ever code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from textwrap import wrap
from typing import Final

from .names import free, pascal, snake
from .python_types import SOURCES, WIDTH, Tag, TypeWriter, is_default, literal, text
from .types import AgentTypes, Field, ListOf, MapOf, Model, SkillTypes

RESERVED: Final = frozenset(
    {"self", "handle", "str", "int", "float", "bool", "bytes", "list", "dict", "tuple", "dt"}
    | {name for _, names in SOURCES for name in names.split()}
)
"""Names that a class body uses for something else."""


def source(agent: AgentTypes) -> str:
    """The file for ``agent``."""
    return _Writer(agent).file()


class _Writer:
    def __init__(self, agent: AgentTypes) -> None:
        self._agent = agent
        self._types = TypeWriter(agent)

    def file(self) -> str:
        agent = self._agent
        models = [self._model(model) for model in agent.models]
        classes = [
            self._class(agent.class_name, False),
            self._class(f"Sync{agent.class_name}", True),
        ]
        aliases = self._types.alias_lines()
        blocks = [
            "\n".join(block) for block in (*models, *([aliases] if aliases else []), *classes)
        ]
        name = text(agent.agent)[1:-1]
        head = [
            f'"""The agent {name}, as `chatixia stubs {name}` wrote it: do it again when its',
            'skills have changed."""',
            "",
            "from __future__ import annotations",
            "",
            *self._types.import_lines(),
        ]
        return "\n".join(head) + "\n\n\n" + "\n\n\n".join(blocks) + "\n"

    # -- models

    def _model(self, model: Model) -> list[str]:
        tag = self._types.tags.get(model.name)
        fields = [field for field in model.fields if tag is None or field.name != tag[0]]
        own = {snake(tag[0], RESERVED | self._types.names)} if tag else set()
        names = self._named(fields, own)
        renamed = {name: field.name for name, field in names.items() if name != field.name}
        options = ["Struct", "kw_only=True"]
        if any(_may_be_away(field) for field in fields):
            options.append("omit_defaults=True")  # None stands for what is not there
        if tag:
            options += [f"tag_field={text(tag[0])}", f"tag={text(tag[1])}"]
        self._types.use("Struct")
        lines = [
            *self._tag_line(own, tag),
            *map(self._field, names, names.values(), repeat(model.name)),
        ]
        words = _docstring(model.description, "    ")
        between = [""] if words and lines else []
        return [*_heading(model.name, options, renamed), *words, *between, *(lines or ["    pass"])]

    def _tag_line(self, names: set[str], tag: Tag | None) -> list[str]:
        if tag is None:
            return []
        self._types.use("ClassVar", "Literal")
        return [f"    {name}: ClassVar[Literal[{text(tag[1])}]] = {text(tag[1])}" for name in names]

    def _field(self, name: str, field: Field, model: str) -> str:
        kind = self._types.short(field.type, f"{model}{pascal(field.name)}")
        if field.required:
            return f"    {name}: {kind}"
        if not _may_be_away(field):
            return f"    {name}: {kind} = {literal(field.default)}"
        optional = kind in ("Any", "None") or kind.endswith("| None")
        return f"    {name}: {kind} = None" if optional else f"    {name}: {kind} | None = None"

    def _parameter(self, name: str, field: Field, skill: str) -> str:
        kind = self._types.short(field.type, f"{skill}{pascal(field.name)}")
        if field.required:
            return f"{name}: {kind}"
        if is_default(field.default, field.type):
            return f"{name}: {kind} = {literal(field.default)}"
        self._types.use("UNSET", "UnsetType")
        return f"{name}: {kind} = UNSET" if kind == "Any" else f"{name}: {kind} | UnsetType = UNSET"

    def _named(self, fields: Iterable[Field], taken: set[str]) -> dict[str, Field]:
        """The fields by their names in Python."""
        names: dict[str, Field] = {}
        others = RESERVED | taken | self._types.names
        for field in fields:
            wanted = snake(field.name, others)
            names[free(wanted, {*names, *others})] = field
        return names

    # -- the agent

    def _class(self, name: str, sync: bool) -> list[str]:
        base = "SyncAgentStub" if sync else "AgentStub"
        self._types.use(base)
        lines = [f"class {name}({base}):"]
        agent = text(self._agent.agent)[1:-1]
        twin = ", for `connect_sync`" if sync else ""
        lines += _docstring(f"The skills of {agent}{twin}.", "    ")
        taken: set[str] = set()
        for skill in self._agent.skills:
            method = snake(skill.name, RESERVED | taken | self._types.names)
            taken.add(method)
            lines += ["", *self._method(method, skill, sync)]
        return lines

    def _method(self, name: str, skill: SkillTypes, sync: bool) -> list[str]:
        self._types.use("skill_stub")
        title = pascal(skill.name, "Skill")
        names = self._named(skill.fields, set())
        renamed = {own: field.name for own, field in names.items() if own != field.name}
        parameters = ["self"]
        if names:
            parameters.append("*")
        for own, field in sorted(names.items(), key=lambda item: not item[1].required):
            parameters.append(self._parameter(own, field, title))
        if skill.others is not None:
            others = self._types.short(skill.others, f"{title}Others")
            parameters.append(f"**{free('others', names)}: {others}")
        result = self._types.short(skill.returns, f"{title}Result")
        if skill.streams:
            items = "SyncTypedItems" if sync else "TypedItems"
            self._types.use(items)
            result = f"{items}[{result}]"
        start = "def" if sync or skill.streams else "async def"
        return [
            *_decorator(skill.name, renamed),
            *_signature(f"    {start} {name}", parameters, result),
            *_docstring(_described(skill, names), "        "),
            "        raise NotImplementedError",
        ]


def _may_be_away(field: Field) -> bool:
    """Whether it may be left out, and nothing that stands in source is in its place then."""
    empty = isinstance(field.type, ListOf | MapOf) and field.default in ([], {})
    return not (field.required or empty or is_default(field.default, field.type))


def _described(skill: SkillTypes, names: dict[str, Field]) -> str:
    notes = [f"``{own}``: {field.description}" for own, field in names.items() if field.description]
    return "\n\n".join([skill.description or f"The skill {skill.name}.", *notes])


def _heading(name: str, options: list[str], renamed: dict[str, str]) -> list[str]:
    line = f"class {name}({', '.join(options)}):"
    if not renamed and len(line) <= WIDTH:
        return [line]
    return [
        f"class {name}(",
        *(f"    {option}," for option in options),
        *(_mapping(renamed, "    ", "rename=") if renamed else ()),
        "):",
    ]


def _decorator(name: str, renamed: dict[str, str]) -> list[str]:
    if not renamed:
        return [f"    @skill_stub({text(name)})"]
    body = [f"        {text(name)},", *_mapping(renamed, "        ")]
    return ["    @skill_stub(", *body, "    )"]


def _mapping(items: dict[str, str], indent: str, start: str = "") -> Iterator[str]:
    yield f"{indent}{start}{{"
    for own, name in items.items():
        yield f"{indent}    {text(own)}: {text(name)},"
    yield f"{indent}}},"


def _signature(start: str, parameters: list[str], result: str) -> list[str]:
    line = f"{start}({', '.join(parameters)}) -> {result}:"
    if len(line) <= WIDTH:
        return [line]
    return [f"{start}(", *(f"        {one}," for one in parameters), f"    ) -> {result}:"]


def _docstring(words: str, indent: str) -> list[str]:
    """The words of an agent as a docstring: printable, and without what would end it."""
    plain = words.replace("\\", "\\\\").replace('"', "'")
    paragraphs = [
        "".join(c if c.isprintable() else " " for c in one) for one in plain.split("\n\n")
    ]
    lines: list[str] = []
    for paragraph in paragraphs:
        folded = wrap(
            " ".join(paragraph.split()),
            WIDTH - len(indent),
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [*([""] if lines and folded else []), *folded]
    if not lines:
        return []
    first, *rest = lines
    if not rest and len(first) + 6 + len(indent) <= WIDTH:
        return [f'{indent}"""{first}"""']
    return [f'{indent}"""', *(f"{indent}{one}" if one else "" for one in lines), f'{indent}"""']
