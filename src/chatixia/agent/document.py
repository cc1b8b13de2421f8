"""YAML of settings: safe types alone, and each key once, for the last of two would win unseen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

YAMLError = yaml.YAMLError


class _DuplicateKey(YAMLError):
    """A key is given twice."""

    def __init__(self, key: yaml.ScalarNode) -> None:
        super().__init__()
        self.name = str(key.value)[:64]
        self.problem_mark = key.start_mark


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that refuses equal keys in a mapping (YAML 1.2.2, 3.2.1.1)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                raise _DuplicateKey(key)
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def load(text: str | bytes) -> Any:
    """The one document in ``text``, None if it is empty. Raises YAMLError; see :func:`fault`."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


def lines_of(text: str | bytes) -> dict[str, int]:
    """The line of each key in ``text``, from 1: ``skills.dirs``, ``skills.dirs[0]``."""
    root = yaml.compose(text, _Loader)
    return dict(_lines(root, "")) if root is not None else {}


def _lines(node: yaml.Node, place: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                name = f"{place}.{key.value}" if place else str(key.value)
                yield name, key.start_mark.line + 1
                yield from _lines(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            name = f"{place}[{number}]"
            yield name, item.start_mark.line + 1
            yield from _lines(item, name)


def fault(error: YAMLError) -> str:
    """The end of a sentence that begins with the file's name: the line, and what is wrong there."""
    mark = getattr(error, "problem_mark", None)
    place = f", line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None)
    what = (
        f"the key {error.name} is given twice"
        if isinstance(error, _DuplicateKey)
        else f"this is not YAML: {problem[:200]}"
        if problem
        else "this is not YAML"
    )
    return f"{place}: {what}."
