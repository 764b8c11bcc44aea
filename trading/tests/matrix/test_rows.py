"""Every row of the fault matrix has its scenario, and every scenario ends with the same check."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from trading.tests.matrix.rows import MATRIX, name_of_test

HERE = Path(__file__).parent
SHARED = "end_check"


def functions(file: str) -> dict[str, ast.AsyncFunctionDef]:
    """The asynchronous functions of a file of scenarios."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}


def called(node: ast.AST) -> set[str]:
    """Names of the plain functions that are called within."""
    return {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def test_there_are_33_rows() -> None:
    assert len(MATRIX) == 33


@pytest.mark.parametrize(("row", "file"), MATRIX.items())
def test_it_has_a_scenario_by_the_name_of_the_row(row: str, file: str) -> None:
    assert name_of_test(row) in functions(file)


@pytest.mark.parametrize("file", sorted(set(MATRIX.values())))
def test_every_scenario_ends_with_the_shared_check(file: str) -> None:
    found = functions(file)
    for name, node in found.items():
        if name.startswith("test_"):
            helpers = called(node) & set(found)
            reached = called(node) | {inner for helper in helpers for inner in called(found[helper])}
            assert SHARED in reached, f"{file}::{name}"
