"""CSV downloads: harmless to spreadsheets, and made as they are read."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltastrangle.csv_export import FIRST_ROWS, csv_lines, safe_cell, stream_csv


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "-", "+1 2"]
)
def test_text_that_begins_like_a_formula_is_defused(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        (Decimal("-0.00000012"), "-0.00000012"),
        ("+12.30", "+12.30"),
        ("-1e-7", "-1e-7"),
        (datetime(2026, 11, 22, 4, 0, tzinfo=UTC), "2026-11-22T04:00:00+00:00"),
        ({"b": 1, "a": Decimal("2.5")}, '{"a":"2.5","b":1}'),
        ("a\x00b", "ab"),
        ("C-BTC-70000", "C-BTC-70000"),
    ],
)
def test_a_value_is_written_as_one_reads_it(value: object, cell: str) -> None:
    assert safe_cell(value) == cell


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), min_size=2))
def test_what_is_written_is_read_back_but_for_the_apostrophes(cells: list[str]) -> None:
    text = "".join(csv_lines(["a", "b"], [cells]))
    header, row = csv.reader(StringIO(text, newline=""))
    assert header == ["a", "b"]
    assert [read.removeprefix("'") for read in row] == [cell.removeprefix("'") for cell in cells]


def test_an_empty_row_is_an_empty_line() -> None:
    assert "".join(csv_lines(["a"], [["1"], [], ["2"]])) == "a\r\n1\r\n\r\n2\r\n"


def test_the_header_leaves_before_any_row_is_asked_for_and_rows_are_asked_for_as_they_are_read() -> None:
    asked: list[int] = []

    def rows() -> Iterator[list[object]]:
        for number in range(100):
            asked.append(number)
            yield [number]

    parts = iter(csv_lines(["n"], rows()))
    assert next(parts) == "n\r\n"
    assert asked == []
    next(parts)
    assert len(asked) == FIRST_ROWS


def test_it_is_a_download_that_no_cache_keeps() -> None:
    response = stream_csv(["a"], [[1]], filename='x"\r\n.csv')
    assert response["Content-Disposition"] == 'attachment; filename="x---.csv"'
    assert response["Cache-Control"] == "no-store"
    assert response.getvalue() == b"a\r\n1\r\n"


async def test_over_asgi_the_parts_come_one_by_one() -> None:
    response = stream_csv(["a"], ([number] for number in range(FIRST_ROWS + 1)), filename="a.csv")
    parts = [part async for part in response]
    assert parts[0] == b"a\r\n"
    assert len(parts) == 3
