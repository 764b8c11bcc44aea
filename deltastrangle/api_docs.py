"""The API's description as a page: every route with its fields and errors, made from the schema on the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from deltastrangle.openapi import METHODS

DEEPEST: Final = 4
MEANINGLESS: Final = 10**8
"""A bound this high only says what fits a column."""
REF: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field or parameter as the page shows it; ``name`` is a path such as ``items[].id``."""

    name: str
    kind: str
    required: bool
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: what it takes and what it answers."""

    id: str
    method: str
    path: str
    text: str
    parameters: list[FieldRow]
    body: list[FieldRow]
    answers: list[tuple[str, str, list[FieldRow]]]
    errors: list[tuple[str, str]]


@require_safe
@login_required
def api_docs(request: HttpRequest) -> HttpResponse:
    """The page."""
    groups = sections()
    return render(request, "api/docs.html", {"groups": groups, "title": settings.APP_NAME})


@cache
def sections() -> dict[str, list[Operation]]:
    """The operations by their tag, in the order of their paths. The schema does not change while the process runs."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    groups: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        for method in METHODS:
            if method in methods:
                found = methods[method]
                tag = (found.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation(path, method, found, schema["components"]["schemas"]))
    return groups


def _operation(path: str, method: str, found: Mapping[str, Any], named: Mapping[str, Any]) -> Operation:
    responses = {status: found["responses"][status] for status in sorted(found["responses"])}
    good = {status: response for status, response in responses.items() if status < "400"}
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        text=_words(found.get("description", "")),
        parameters=[_parameter(parameter) for parameter in found.get("parameters", ())],
        body=list(_fields(_schema_of(found.get("requestBody", {})), named)),
        answers=[
            (status, _media(response), list(_fields(_schema_of(response), named))) for status, response in good.items()
        ],
        errors=[(status, response["description"]) for status, response in responses.items() if status not in good],
    )


def _parameter(parameter: Mapping[str, Any]) -> FieldRow:
    required = bool(parameter.get("required"))
    text = _words(parameter.get("description", ""))
    return FieldRow(parameter["name"], _kind(parameter["schema"], {}), required, text, parameter["in"])


def _words(text: str) -> str:
    """Without the marks of Markdown, and without the list of an enumeration, which its type has already."""
    return text.partition("* `")[0].replace("``", "`").replace("`", "").strip()


def _schema_of(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Mapping[str, Any]] = holder.get("content") or {}
    first: Mapping[str, Any] = next(iter(content.values()), {})
    return first.get("schema") or {}


def _media(response: Mapping[str, Any]) -> str:
    return next(iter(response.get("content") or {}), "no body")


def _resolved(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind references and single-element compositions."""
    while True:
        parts = schema.get("allOf") or schema.get("oneOf") or ()
        if "$ref" in schema:
            schema = named.get(schema["$ref"].removeprefix(REF), {})
        elif parts:
            schema = parts[0]
        else:
            return schema


def _fields(
    schema: Mapping[str, Any], named: Mapping[str, Any], prefix: str = "", depth: int = 0
) -> Iterator[FieldRow]:
    """The fields of an object, those of objects inside it behind a dotted name."""
    whole = _resolved(schema, named)
    if whole.get("type") == "array":
        yield from _fields(whole.get("items") or {}, named, f"{prefix}[]", depth)
        return
    needed = set(whole.get("required") or ())
    for name, inner in (whole.get("properties") or {}).items():
        path = f"{prefix}.{name}" if prefix else name
        text = inner.get("description") or _resolved(inner, named).get("description", "")
        yield FieldRow(path, _kind(inner, named), name in needed, _words(text))
        if depth < DEEPEST:
            yield from _fields(inner, named, path, depth + 1)


def _kind(schema: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """The type in words: `integer, 1 to 200`, `one of a, b`, `array of string`, `… or null`."""
    whole = _resolved(schema, named)
    words = whole.get("format") if whole.get("format") in ("date", "date-time", "email") else whole.get("type", "any")
    if whole.get("enum"):
        words = f"one of {', '.join(str(value) for value in whole['enum'] if value is not None)}"
    elif words == "array":
        words = f"array of {_kind(whole.get('items') or {}, named)}"
    low, high = whole.get("minimum"), whole.get("maximum")
    if low is not None and high is not None and high < MEANINGLESS:
        words = f"{words}, {low} to {high}"
    elif "maxLength" in whole:
        words = f"{words}, at most {whole['maxLength']} characters"
    if "default" in schema:
        words = f"{words}, default {schema['default']}"
    return f"{words} or null" if schema.get("nullable") or whole.get("nullable") else str(words)
