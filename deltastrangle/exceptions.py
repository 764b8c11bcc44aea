"""The errors services raise, independent of how they are shown (`deltastrangle.errors` maps them to responses)."""

from __future__ import annotations

from typing import ClassVar


class ApplicationError(Exception):
    """A refusal meant for the caller: a sentence, a stable code and the HTTP status it maps to.

    `fields` maps a field's name to its messages; `extra` is added to the API's error body as it is.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"

    def __init__(self, detail: str, *, fields: dict[str, list[str]] | None = None, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields
        self.extra = extra


class InvalidInput(ApplicationError):
    """The input is well-formed and breaks a rule; `fields` says which."""

    status = 422
    code = "invalid_input"


class NotFound(ApplicationError):
    """There is no such thing, or the caller may not know of it."""

    status = 404
    code = "not_found"


class Conflict(ApplicationError):
    """The request contradicts the present state (a duplicate name, a session already running)."""

    status = 409
    code = "conflict"


class PermissionRefused(ApplicationError):
    """The caller is known and may not do this."""

    status = 403
    code = "permission_denied"


class NotAuthenticated(ApplicationError):
    """The caller is not known."""

    status = 401
    code = "not_authenticated"


class ServiceUnavailable(ApplicationError):
    """Something this needs (the engine, the database, the venue) does not answer now."""

    status = 503
    code = "unavailable"
