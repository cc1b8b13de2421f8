"""OpenAPI 3.1 from the table of verbs; the same table that is served."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from chatixia.errors import TABLE as ERRORS
from chatixia.wire.verb import Verb
from chatixia.wire.verbs import TABLE

from .following import MAX_WAIT_SECONDS, SSE

_FIELD = re.compile(r"\{(\w+)\}")
REF = "#/components/schemas/{name}"
WAIT = {
    "name": "wait",
    "in": "query",
    "required": False,
    "description": "Seconds to wait for the task's end before the answer.",
    "schema": {"type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS},
}
USUAL = ("bad_request", "invalid", "too_large", "busy")
SECURED = ("unauthorized", "denied")


def document(version: str) -> dict[str, Any]:
    """The whole description."""
    kinds = [kind for verb in TABLE for kind in (verb.request, verb.reply)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for number, verb in enumerate(TABLE):
        request, reply = schemas[2 * number], schemas[2 * number + 1]
        item = _operation(verb, request, reply, components)
        paths.setdefault(verb.path, {})[verb.method.lower()] = item
    return {
        "openapi": "3.1.0",
        "info": {"title": "chatixia registry", "version": version},
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _problem()},
            "securitySchemes": _schemes(),
        },
    }


def _operation(
    verb: Verb, request: dict[str, Any], reply: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": verb.name,
        "summary": verb.summary or (verb.request.__doc__ or "").strip().splitlines()[0],
        "responses": _responses(verb, reply),
        "security": [] if "open" in verb.callers else _security(verb),
    }
    inside = _FIELD.findall(verb.path)
    fields = _resolve(request, components)
    operation["parameters"] = [_parameter(name, fields, "path") for name in inside]
    if verb.method == "POST":
        schema = _without(fields, inside) if inside else request
        content = {"application/json": {"schema": schema}}
        wanted = set(fields.get("required", ())) - set(inside)
        operation["requestBody"] = {"required": bool(wanted), "content": content}
    else:
        names = [name for name in fields.get("properties", {}) if name not in inside]
        operation["parameters"] += [_parameter(name, fields, "query") for name in names]
    if verb.waits:
        operation["parameters"].append(WAIT)
    if verb.streams:
        content = operation["responses"][str(verb.status)]["content"]
        content[SSE] = {"schema": {"type": "string"}}
    return operation


def _responses(verb: Verb, reply: dict[str, Any]) -> dict[str, Any]:
    responses = {
        str(verb.status): {
            "description": "done",
            "content": {"application/json": {"schema": reply}},
        }
    }
    codes = {*USUAL, *verb.errors, *(() if "open" in verb.callers else SECURED), "unavailable"}
    for code in sorted(codes, key=lambda code: (ERRORS[code].status, code)):
        status = str(ERRORS[code].status)
        earlier = responses.get(status)
        text = code if earlier is None else f"{earlier['description']}, {code}"
        responses[status] = {
            "description": text,
            "content": {
                "application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}
            },
        }
    return responses


def _resolve(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    component: dict[str, Any] = components.get(name, schema)
    return component


def _parameter(name: str, fields: dict[str, Any], place: str) -> dict[str, Any]:
    required = place == "path" or name in fields.get("required", ())
    schema = dict(fields["properties"].get(name, {"type": "string"}))
    if place == "path":
        schema.setdefault("minLength", 1)
        schema.pop("default", None)  # a path always has it, and the usual "" is too short
    return {"name": name, "in": place, "required": required, "schema": schema}


def _without(fields: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """A body's schema less what the path gives."""
    rest = dict(fields)
    rest["properties"] = {k: v for k, v in fields["properties"].items() if k not in names}
    rest["required"] = [k for k in fields.get("required", ()) if k not in names]
    return rest


def _security(verb: Verb) -> list[dict[str, Any]]:
    schemes: list[dict[str, Any]] = [{"bearer": []}]
    if "key" in verb.callers:
        schemes.append({"apiKey": []})
    if "person" in verb.callers:
        schemes.append({"session": []})
    return schemes


def _schemes() -> dict[str, Any]:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-chatixia"},
    }


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    names = ("type", "title", "detail", "code", "outcome", "instance")
    return {
        "type": "object",
        "description": "RFC 9457, with the mesh's error code.",
        "properties": {
            **dict.fromkeys(names, text),
            "status": {"type": "integer"},
            "retryable": {"type": "boolean"},
        },
        "required": ["type", "title", "status", "detail", "code", "retryable", "outcome"],
    }
