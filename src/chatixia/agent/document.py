"""YAML of settings: safe types alone, and each key once, for the last of two would win unseen."""

from __future__ import annotations

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


def fault(error: YAMLError) -> str:
    """The end of a sentence that begins with the file's name: the line, and what is wrong there."""
    mark = getattr(error, "problem_mark", None)
    place = f", line {mark.line + 1}" if mark else ""
    what = (
        f"the key {error.name} is given twice"
        if isinstance(error, _DuplicateKey)
        else "this is not YAML"
    )
    return f"{place}: {what}."
