"""JSON Schema 2020-12 of a skill's arguments and result."""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from chatixia.client.artifact import Artifact
from chatixia.client.value import enc_hook
from chatixia.core.wording import with_article
from chatixia.errors import ConfigError

from . import constraints
from .hooks import is_model, result_schema_hook, schema_hook
from .signature import Signature

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def parameters(signature: Signature, name: str, texts: dict[str, str]) -> dict[str, Any]:
    """The schema of a skill's arguments, with the ``texts`` of its docstring on each.

    Raises ConfigError naming the parameter whose type cannot come as JSON.
    """
    for field, hint in signature.hints.items():
        _check(hint, f"The parameter {field} of the skill {name}")
    _check(signature.rest, f"The catch-all parameter of the skill {name}")
    try:
        schema = _flat(msgspec.json.schema(signature.args, schema_hook=schema_hook))
        rest = msgspec.json.schema(signature.rest, schema_hook=schema_hook)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The skill {name} has no schema: {_line(error)}") from error
    schema.pop("title", None)
    if signature.anything:
        schema.pop("additionalProperties", None)
        if rest:
            schema["additionalProperties"] = rest
    properties = schema.setdefault("properties", {})
    for field, default in signature.defaults.items():
        properties[field]["default"] = _builtins(default)
    for field, text in texts.items():
        if field in properties and text:
            properties[field].setdefault("description", text)
    return {"$schema": DIALECT, **finish(schema)}


def returns(signature: Signature) -> dict[str, Any]:
    """The schema of the result, or of each item; empty where the type is not given or unknown."""
    if signature.returns in (Any, inspect.Parameter.empty):
        return {}
    try:
        schema = msgspec.json.schema(signature.returns, schema_hook=result_schema_hook)
    except (TypeError, ValueError, NotImplementedError, RecursionError):
        return {}  # a result is described where it can be; what it is shows when it is encoded
    return {"$schema": DIALECT, **finish(_flat(schema))}


def finish(schema: dict[str, Any]) -> dict[str, Any]:
    """Lift the ``$defs`` of models inside up to the root, where their references point."""
    lifted: dict[str, Any] = schema.pop("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        inner = node.pop("$defs", None)
        if isinstance(inner, dict):
            lifted.update(inner)
        return {key: walk(item) for key, item in node.items()}

    body = walk(schema)
    defs: dict[str, Any] = {}
    while new := {key: item for key, item in lifted.items() if key not in defs}:
        defs |= {key: walk(item) for key, item in new.items()}
    return {**body, "$defs": defs} if defs else dict(body)


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    """The root itself instead of a reference to it."""
    if set(schema) != {"$ref", "$defs"}:
        return schema
    defs = dict(schema["$defs"])
    name = schema["$ref"].removeprefix("#/$defs/")
    text = msgspec.json.encode(defs).decode()
    root = dict(defs[name])
    if f'"{schema["$ref"]}"' not in text:  # else the type refers to itself
        del defs[name]
    return {**root, "$defs": defs} if defs else root


def _check(hint: Any, what: str) -> None:
    """Raise ConfigError with the cure if ``what`` cannot come as JSON, or not all of it checked."""
    try:
        kind = msgspec.inspect.type_info(hint)
    except (TypeError, ValueError, NameError) as error:
        raise ConfigError(f"{what} {_cure(error)}") from error
    except RecursionError:
        raise ConfigError(
            f"{what} has a type that refers to itself by an alias, which is not supported; use a"
            " dataclass, a msgspec Struct or a TypedDict that refers to itself."
        ) from None
    while isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    is_artifact = isinstance(kind, msgspec.inspect.CustomType) and kind.cls is Artifact
    if isinstance(kind, msgspec.inspect.CustomType) and not (is_artifact or is_model(kind.cls)):
        raise ConfigError(
            f"{what} is {with_article(kind.cls.__name__)}, "
            "which cannot come as JSON; use builtin types, a dataclass or a model."
        )
    if problem := constraints.inside(kind):
        raise ConfigError(f"{what} holds {problem}; use msgspec.Meta, or a model of pydantic.")


def _cure(error: BaseException) -> str:
    if "ype unions" not in str(error):
        return f"has a type that cannot be used: {_line(error)}"
    return (
        "is a union of types that cannot be told apart in JSON; make one model of them "
        "(pydantic: `class Either(RootModel[A | B])`), or msgspec Structs with tag=True."
    )


def _builtins(default: Any) -> Any:
    try:
        return msgspec.to_builtins(default, enc_hook=enc_hook)
    except TypeError:
        return None


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".") + "."
