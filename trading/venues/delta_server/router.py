"""Which handler answers which path, at which weight, for whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.wire import Request

Handler = Callable[..., Any]
PUBLIC: Final = "public"
READ: Final = "read"
TRADE: Final = "trade"


@dataclass(frozen=True, slots=True)
class Route:
    """A handler with its price. ``access`` is public, read (signed) or trade (signed by a key that may trade)."""

    method: str
    parts: tuple[str, ...]
    weight: int
    access: str
    handler: Handler


class Router:
    """A table of routes; literal parts win over ``{named}`` ones."""

    def __init__(self) -> None:
        self._literal: dict[tuple[str, tuple[str, ...]], Route] = {}
        self._named: list[Route] = []

    def route(self, method: str, path: str, *, weight: int = 1, access: str = PUBLIC) -> Callable[[Handler], Handler]:
        """Register the decorated handler; it is called with server, request and the path's named parts."""
        parts = tuple(path.strip("/").split("/"))

        def register(handler: Handler) -> Handler:
            found = Route(method, parts, weight, access, handler)
            if "{" in path:
                self._named.append(found)
            else:
                self._literal[(method, parts)] = found
            return handler

        return register

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request with the decoded named parts; None when nobody answers there."""
        parts = tuple(path.strip("/").split("/"))
        literal = self._literal.get((method, parts))
        if literal is not None:
            return literal, {}
        for route in self._named:
            values = _bind(route, method, parts)
            if values is not None:
                return route, values
        return None

    def table(self) -> list[Route]:
        """All routes."""
        return [*self._literal.values(), *self._named]


def _bind(route: Route, method: str, parts: tuple[str, ...]) -> dict[str, str] | None:
    if route.method != method or len(route.parts) != len(parts):
        return None
    values = {}
    for pattern, part in zip(route.parts, parts, strict=True):
        if pattern.startswith("{"):
            values[pattern[1:-1]] = unquote(part)
        elif pattern != part:
            return None
    return values


rest = Router()
Answer = Callable[[DeltaServer, Request], Awaitable[object]]
