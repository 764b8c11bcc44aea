"""From bytes to a result or a named error: JSON with exact decimals, envelopes, HTML pages, cut-off answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trading.venues.delta.errors import DeltaError, from_envelope

MAINTENANCE_WORDS = (b"maintenance",)


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: its result, and the paging cursors where there are any."""

    result: Any
    meta: Mapping[str, Any]

    @property
    def after(self) -> str | None:
        """The cursor of the next page, None at the end."""
        cursor = self.meta.get("after")
        return str(cursor) if cursor else None


def loads(data: str | bytes) -> Any:
    """JSON with every number that has a point or an exponent as Decimal; NaN and infinities are refused.

    Raises ValueError.
    """
    return json.loads(data, parse_float=Decimal, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def dumps(body: Mapping[str, object]) -> bytes:
    """The bytes of a body, as they are signed and sent."""
    return json.dumps(body, separators=(",", ":")).encode()


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """The result in an answer. Raises DeltaError for everything that is not one."""
    if status == 429:
        raise DeltaError("rate_limit_exceeded", status=status, context=_reset(headers))
    if body.lstrip()[:1] == b"<":
        raise _page(status, body)
    try:
        data = loads(body)
    except ValueError:
        if status >= 400 and body.lstrip()[:1] not in (b"{", b"["):
            raise _page(status, body) from None
        raise DeltaError("bad_json", f"HTTP {status} with {len(body)} bytes that are not JSON", status=status) from None
    if isinstance(data, Mapping) and "success" not in data and status < 400 and "error" not in data:
        return Reply(data, {})
    if isinstance(data, Mapping) and data.get("success") is True and status < 400:
        meta = data.get("meta")
        return Reply(data.get("result"), meta if isinstance(meta, Mapping) else {})
    if isinstance(data, Mapping) and "error" in data:
        raise _refusal(status, data["error"])
    raise DeltaError("internal_server_error" if status >= 500 else "bad_body", status=status)


def _refusal(status: int, error: object) -> DeltaError:
    """The error of an envelope. One without a known code on HTTP 5xx is a fault of the exchange, not a refusal."""
    refusal = from_envelope(status, error)
    if refusal.code == "unnamed":
        return DeltaError("internal_server_error" if status >= 500 else "bad_body", status=status)
    return refusal


def _page(status: int, body: bytes) -> DeltaError:
    """A page, or a word of plain text: the front door's refusal, maintenance, or some proxy."""
    if status == 403:
        return DeltaError("forbidden", "HTTP 403 with a page instead of an answer", status=status)
    if any(word in body.lower() for word in MAINTENANCE_WORDS):
        return DeltaError("maintenance", f"HTTP {status}: the exchange is under maintenance", status=status)
    return DeltaError("html", f"HTTP {status} with a page instead of an answer", status=status)


def _reset(headers: Mapping[str, str]) -> Mapping[str, Any]:
    """Milliseconds to wait, if the header says so (``X-RATE-LIMIT-RESET``; a CDN may send ``Retry-After`` seconds)."""
    try:
        if value := headers.get("x-rate-limit-reset"):
            return {"reset_ms": float(value)}
        if value := headers.get("retry-after"):
            return {"reset_ms": float(value) * 1000}
    except ValueError:
        return {}
    return {}
