"""What the API's description says beyond its views: the one shape of every error, and what ids look like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Every error of the API.",
    "properties": {
        "detail": {"type": "string", "description": "A sentence for people."},
        "code": {"type": "string", "description": "A stable word for programs."},
        "fields": {
            "type": "object",
            "description": "What is wrong at which field, with `invalid_input`.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "required": ["detail", "code"],
}
SAID: Final = {
    "400": "The request could not be read.",
    "401": "No credential, or one that is not good (any more).",
    "403": "The role, or the token's scope, does not allow this.",
    "404": "There is no such thing.",
    "409": "It contradicts the present state.",
    "415": "The body is of a type that is not taken.",
    "422": "A field breaks a rule; `fields` says which.",
    "429": "Too often; `Retry-After` says when to come back.",
}
METHODS: Final = ("get", "post", "put", "patch", "delete")
COUNTED: Final = ("auth_login", "auth_refresh", "trading_control", "trading_set_mode")
DIGITS: Final = "^[0-9]{1,"


def describe_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook: add to every operation the errors it can answer with, and make ids integers."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    for methods in result["paths"].values():
        for operation in (methods[name] for name in METHODS if name in methods):
            for parameter in operation.get("parameters", ()):
                _integer(parameter)
            responses = operation["responses"]
            for status in errors_of(operation):
                responses.setdefault(status, error_response(status))
            for status, response in responses.items():
                if status >= "400":
                    response["content"] = error_response(status)["content"]
            operation["responses"] = dict(sorted(responses.items()))
    return result


def error_response(status: str) -> dict[str, Any]:
    """The description of one error."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": SAID.get(status, ""), "content": {"application/json": {"schema": schema}}}


def errors_of(operation: dict[str, Any]) -> Iterator[str]:
    """The statuses above 399 that any operation of this kind can answer with."""
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    yield from ("401", "403")
    if "path" in places:
        yield "404"
    if "requestBody" in operation:
        yield from ("400", "404", "409", "415", "422")
    elif "query" in places or "header" in places:
        yield "422"
    if operation["operationId"] in COUNTED:
        yield "429"


def _integer(parameter: dict[str, Any]) -> None:
    pattern = parameter["schema"].get("pattern", "")
    if parameter["in"] == "path" and pattern.startswith(DIGITS):
        digits = int(pattern.removeprefix(DIGITS).rstrip("}$"))
        parameter["schema"] = {"type": "integer", "minimum": 0, "maximum": 10**digits - 1}
