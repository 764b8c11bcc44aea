"""The house rules as functions over source text: each returns the sentences that say what breaks it."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("deltastrangle", "accounts", "trading", "analytics", "logviewer")
FILE_LINES, FUNCTION_LINES, TEMPLATE_LINES, PARTIAL_LINES = 500, 60, 150, 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    """Every Python file of the project, migrations apart."""
    found = [path for app in (*APPS, "benchmarks", "scripts") for path in (ROOT / app).rglob("*.py")]
    found += [ROOT / "manage.py", ROOT / "conftest.py"]
    return sorted(path for path in found if "migrations" not in path.parts)


def relative(path: Path) -> str:
    """`path` as seen from the project's root."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """The dotted name of the module at `path`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_test(path: Path) -> bool:
    """Whether `path` belongs to the tests."""
    return "tests" in path.parts or path.name == "conftest.py"


def within_strategy(path: Path) -> bool:
    """Whether `path` is code of the pure core."""
    return path.is_relative_to(ROOT / "trading" / "strategy") and not is_test(path)


def too_long(name: str, text: str) -> Iterator[str]:
    """Files and functions over their caps."""
    lines = text.count("\n")
    if lines > FILE_LINES:
        yield f"{name}: {lines} lines (at most {FILE_LINES})"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function) and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES:
            yield f"{name}:{node.lineno} {node.name}: {length} lines (at most {FUNCTION_LINES})"


def template_too_long(name: str, text: str) -> Iterator[str]:
    """Templates and partials (names starting with an underscore) over their caps."""
    limit = PARTIAL_LINES if Path(name).name.startswith("_") else TEMPLATE_LINES
    if (lines := text.count("\n")) > limit:
        yield f"{name}: {lines} lines (at most {limit})"


INLINE = re.compile(
    r"""<style\b|<script(?![^>]*\bsrc=)(?![^>]*type="application/json")[^>]*>|\sstyle=["']|\son[a-z]+=["']|\shx-on[:=-]""",
    re.IGNORECASE,
)


def inline_code(name: str, text: str) -> Iterator[str]:
    """Scripts and styles inside a template, which the content security policy would block."""
    for match in INLINE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield f"{name}:{line} has inline {match.group().strip()!r}"


def imports(module: str, text: str, *, package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that `module` imports, lazily or not; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: len(module.split(".")) - node.level + package]
                base = ".".join([*above, *base.split(".")]).rstrip(".")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant):
                    yield node.lineno, str(argument.value)


def names_of_settings(text: str) -> Iterator[str]:
    """The environment variables a module reads through `deltastrangle.env`."""
    readers = re.compile(r"(env_\w+|require_secret|raw)")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        first = node.args[0]
        if readers.fullmatch(ast.unparse(node.func).rpartition(".")[2]) and isinstance(first, ast.Constant):
            yield str(first.value)


def undocumented(names: Iterable[str], example: str, page: str) -> Iterator[str]:
    """The names that `.env.example` (as `NAME=`) or the configuration page (as `` `NAME` ``) does not mention."""
    for name in sorted(set(names)):
        if not re.search(rf"^#? ?{name}=", example, re.MULTILINE):
            yield f"{name} is not in .env.example"
        if f"`{name}`" not in page:
            yield f"{name} is not in docs/configuration.md"


VENDORED_ROW = re.compile(
    r"^\|\s*`?(?P<file>[^|`]+?)`?\s*\|[^|]*\|[^|]*\|\s*`?(?P<sha>[0-9a-f]{64})`?\s*\|", re.MULTILINE
)


def vendored_wrongly(folder: Path) -> Iterator[str]:
    """Files of `folder` that `VENDORED.md` does not list, and rows whose file is missing or of another SHA-256."""
    listing = folder / "VENDORED.md"
    page = listing.read_text() if listing.exists() else ""
    rows = {match["file"]: match["sha"] for match in VENDORED_ROW.finditer(page)}
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    files.pop("VENDORED.md", None)
    yield from (f"{name} is not listed" for name in sorted(set(files) - set(rows)))
    yield from (f"{name} is listed and missing" for name in sorted(set(rows) - set(files)))
    for name in sorted(set(rows) & set(files)):
        if hashlib.sha256(files[name].read_bytes()).hexdigest() != rows[name]:
            yield f"{name} has another SHA-256"
