"""What `trading/strategy` may not do: look at a clock, roll dice, touch the world, or depend on the order of a set."""

from __future__ import annotations

import ast
from collections.abc import Iterator

MODULES = {
    *(
        "__future__",
        "abc",
        "bisect",
        "cmath",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
    ),
    *("enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "operator", "re"),
    *("statistics", "string", "types", "typing", "typing_extensions", "trading"),
}
# A wall clock by any of its names; `hash` and `id` differ from one process to the next.
ATTRIBUTES = {"now", "utcnow", "today"}
CALLS = {"open", "print", "input", "hash", "id", "exec", "eval", "__import__", "globals", "vars"}
ORDERED_BY = {"list", "tuple", "iter", "enumerate", "next", "zip", "map", "filter", "reversed", "join", "extend", "sum"}


def impurities(text: str) -> Iterator[str]:
    """A sentence with its line for everything impure in a module's `text`."""
    tree = ast.parse(text)
    sets = set(_names_of_sets(tree))
    for node in ast.walk(tree):
        for what in (*_imports(node), *_calls(node), *_set_orders(node, sets)):
            yield f"line {getattr(node, 'lineno', '?')}: {what}"


def _imports(node: ast.AST) -> Iterator[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""]
    yield from (f"imports {name}" for name in names if name.split(".")[0] not in MODULES)


def _calls(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
        owner = ast.unparse(node.value)
        if owner.rpartition(".")[2] in {"datetime", "date"}:
            yield f"asks the clock ({owner}.{node.attr})"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield f"calls {node.func.id}()"
    if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global):
        yield "is not a plain function of its arguments"


def _set_orders(node: ast.AST, sets: set[str]) -> Iterator[str]:
    iterated: list[ast.expr] = []
    if isinstance(node, ast.For | ast.comprehension):
        iterated = [node.iter]
    elif isinstance(node, ast.Starred):
        iterated = [node.value]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ORDERED_BY:
        iterated = node.args
    for expression in iterated:
        if _is_set(expression, sets):
            yield f"goes through a set ({ast.unparse(expression)})"


def _is_set(node: ast.expr, sets: set[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in {"set", "frozenset"}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return _is_set(node.left, sets) or _is_set(node.right, sets)
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).rpartition(".")[2] in sets


def _names_of_sets(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_set(node.value, set()):
            yield from (ast.unparse(target).rpartition(".")[2] for target in node.targets)
        elif isinstance(node, ast.AnnAssign) and _says_set(node.annotation):
            yield ast.unparse(node.target).rpartition(".")[2]
        elif isinstance(node, ast.arg) and node.annotation is not None and _says_set(node.annotation):
            yield node.arg


def _says_set(annotation: ast.expr) -> bool:
    outer = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return ast.unparse(outer).rpartition(".")[2] in {"set", "frozenset", "Set", "AbstractSet"}
