"""Pages of rows, newest first, with the exchange's opaque cursors (``spec/delta_exchange.md`` §2.1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from trading.venues.delta_server.wire import MOST, Page, bad_schema, integer
from trading.venues.simulated.ledger import Ledger
from trading.venues.simulated.records import FillRecord, OrderRecord, Transaction

T = TypeVar("T")
MAX_ROWS = 50
KEYS: Mapping[type, str] = {OrderRecord: "id", FillRecord: "sequence", Transaction: "sequence"}


def cursor_of(key: int) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(f"k{key}".encode()).decode().rstrip("=")


def key_of(params: Mapping[str, str], name: str) -> int | None:
    """The key in a cursor parameter; ``bad_schema`` for what we did not issue."""
    text = params.get(name, "")
    if text in ("", "null"):
        return None
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        found = ""
    if not found.startswith("k") or not found[1:].isdecimal() or int(found[1:]) >= MOST:
        raise bad_schema(name, "unknown cursor")
    return int(found[1:])


def page_size(params: Mapping[str, str], default: int, most: int) -> int:
    """Rows wanted, silently clamped to ``most``; ``bad_schema`` below one."""
    size = integer(params, "page_size")
    if size is not None and size < 1:
        raise bad_schema("page_size", "page_size is at least 1")
    return min(default if size is None else size, most)


def rows_page(
    ledger: Ledger,
    kind: type[T],
    where: Sequence[str],
    values: Sequence[object],
    params: Mapping[str, str],
    shape: Callable[[T], object],
    *,
    size: int,
) -> Page:
    """A page of table rows that satisfy every condition in ``where`` (their question marks filled by ``values``)."""
    key = KEYS[kind]
    after, before = key_of(params, "after"), key_of(params, "before")
    conditions, filled = [*where], [*values]
    if after is not None:
        conditions.append(f"{key} < ?")
        filled.append(after)
    if before is not None:
        conditions.append(f"{key} > ?")
        filled.append(before)
    direction = "ASC" if before is not None and after is None else "DESC"
    clause = f"WHERE {' AND '.join(conditions) or '1'} ORDER BY {key} {direction} LIMIT {size + 1}"
    rows: list[T] = ledger.page(kind, clause, filled)  # type: ignore[type-var]
    more, rows = len(rows) > size, rows[:size]
    if direction == "ASC":
        rows.reverse()
    older = more if direction == "DESC" else bool(rows)
    newer = more if direction == "ASC" else after is not None and bool(rows)
    meta = {
        "after": cursor_of(getattr(rows[-1], key)) if older else None,
        "before": cursor_of(getattr(rows[0], key)) if newer else None,
    }
    return Page([shape(row) for row in rows], meta)


def list_page(items: Sequence[T], params: Mapping[str, str], *, size: int) -> tuple[Sequence[T], dict[str, str | None]]:
    """A page of a list that has no keys of its own: positions serve as keys. Returns the items and the meta."""
    after, before = key_of(params, "after"), key_of(params, "before")
    start = after if after is not None else max(0, before - size) if before is not None else 0
    end = start + size
    meta = {
        "after": cursor_of(end) if end < len(items) else None,
        "before": cursor_of(start) if start > 0 else None,
    }
    return items[start:end], meta
