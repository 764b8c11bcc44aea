"""docs/evidence.md names only tests that exist, every row of the fault matrix, and every defect of the reference."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from trading.tests.matrix.rows import MATRIX, name_of_test

ROOT = Path(__file__).parents[2]
EVIDENCE = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", EVIDENCE)))
DEFECTS = [*(f"C{number}" for number in range(1, 30)), "C6b", "C13b"]


@cache
def names_in(path: str) -> set[str]:
    """Functions and classes of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_evidence_names_exists(path: str, name: str) -> None:
    assert (ROOT / path).is_file(), path
    assert name in names_in(path)


@pytest.mark.parametrize("defect", DEFECTS)
def test_every_defect_of_the_reference_has_its_line_and_its_tests(defect: str) -> None:
    lines = [line for line in EVIDENCE.splitlines() if line.startswith(f"| {defect} |")]
    assert len(lines) == 1
    assert re.search(r"`[\w/]+\.py::test_\w+`", lines[0])


@pytest.mark.parametrize(("row", "file"), MATRIX.items())
def test_every_row_of_the_fault_matrix_is_in_the_evidence(row: str, file: str) -> None:
    assert f"| {row} | `trading/tests/matrix/{file}::{name_of_test(row)}` |" in EVIDENCE
