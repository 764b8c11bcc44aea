"""CSV that a browser downloads while it is being made, and that a spreadsheet cannot be tricked by."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from itertools import islice
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from deltastrangle.logs import correlation_id, logging_context

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
FIRST_ROWS: Final = 20
ROWS_AT_ONCE: Final = 500


def safe_cell(value: object) -> str:
    """`value` as the text of a cell that no spreadsheet takes for a formula.

    None is empty, a Decimal is written without an exponent, a time in ISO-8601, a truth value as true or false, a
    mapping or list as compact JSON with sorted keys. Text that begins like a formula (after any blanks) gets an
    apostrophe in front; a signed number keeps its sign. NULs are dropped: spreadsheets stop reading at them.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case int() | float():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case dict() | list() | tuple():
            return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    text = str(value).replace("\x00", "")
    risky = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
    return f"'{text}" if risky and not PLAIN_NUMBER.fullmatch(text) else text


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The header and the rows as text, a few rows first and then many at once; an empty row is an empty line."""
    yield _text([columns])
    remaining = iter(rows)
    size = FIRST_ROWS
    while batch := list(islice(remaining, size)):
        yield _text(batch)
        size = ROWS_AT_ONCE


def _text(rows: Iterable[Sequence[object]]) -> str:
    buffer = StringIO()
    csv.writer(buffer).writerows([safe_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


class CsvResponse(StreamingHttpResponse):
    """A streamed CSV. Over ASGI, too, each part leaves as soon as it is made: Django would collect all of it first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The parts, each made in the request's own thread, which has its database connection."""
        parts = iter(self)
        following = sync_to_async(lambda: next(parts, None))
        while (part := await following()) is not None:
            yield part


def stream_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], *, filename: str) -> CsvResponse:
    """A download named `filename` with a header of `columns` and `rows`, which is read only as the caller reads.

    Give a generator over `queryset.iterator()` for tables of any size. Permission must be checked before: the status
    has left when the first row is asked for.
    """
    parts = _on_behalf_of(correlation_id(), csv_lines(columns, rows))
    response = CsvResponse(parts, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{_plain(filename)}"'
    response["Cache-Control"] = "no-store"
    return response


def _on_behalf_of(correlation: str, parts: Iterator[str]) -> Iterator[str]:
    """``parts``, made in the logging context of the request, which itself is over when they are asked for."""
    while True:
        with logging_context(correlation_id=correlation):
            part = next(parts, None)
        if part is None:
            return
        yield part


def _plain(filename: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", filename)


def rows_of(items: Iterable[Any], names: Sequence[str]) -> Iterator[list[object]]:
    """The named attributes of each item, for tables that are exported as they are."""
    return ([getattr(item, name) for name in names] for item in items)
