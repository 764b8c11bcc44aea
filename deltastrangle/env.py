"""Typed reading of environment variables.

Every helper also honours `NAME_FILE`: the path of a file that holds the value, as container secrets are mounted. An
empty value counts as not set. A value of the wrong type raises `ImproperlyConfigured` naming the variable, never its
content.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
ENGINES = {
    "sqlite": "django.db.backends.sqlite3",
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
}


def raw(name: str) -> str | None:
    """The text of `NAME`, or of the file `NAME_FILE` points to, stripped; `None` when neither says anything."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    path = os.environ.get(f"{name}_FILE", "").strip()
    return read_secret_file(f"{name}_FILE", Path(path)) if path else None


def read_secret_file(name: str, path: Path) -> str | None:
    """The stripped content of `path`, `None` when it is empty; `name` is what an error blames."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}: cannot read {path} ({type(error).__name__})") from error


def _typed(name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
    value = raw(name)
    if value is None:
        return default
    try:
        return parse(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be {expected}") from error


def _parse_bool(value: str) -> bool:
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise ValueError(value)


def _parse_list(value: str) -> list[str]:
    if value.startswith("[") and '"' in value:
        return _parse_json_list(value)
    return [item.strip() for item in value.split(",") if item.strip()]


def _parse_json_list(value: str) -> list[str]:
    """The form in which the reference's environment files have lists."""
    items = json.loads(value)
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(value)
    return [item.strip() for item in items if item.strip()]


def env_str(name: str, default: str = "", *, choices: Sequence[str] = ()) -> str:
    """A string; with `choices`, one of them."""

    def parse(value: str) -> str:
        if choices and value not in choices:
            raise ValueError(value)
        return value

    return _typed(name, default, parse, f"one of {', '.join(choices)}")


def env_bool(name: str, default: bool = False) -> bool:
    """A switch: 1/true/yes/on or 0/false/no/off, in any case."""
    return _typed(name, default, _parse_bool, "true or false")


def env_int(name: str, default: int = 0) -> int:
    """A whole number."""
    return _typed(name, default, int, "a whole number")


def env_float(name: str, default: float = 0.0) -> float:
    """A number."""
    return _typed(name, default, float, "a number")


def _parse_rate(value: str) -> str | None:
    if value.lower() == "off":
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,5}/(s|min|h|d)", value):
        raise ValueError(value)
    return value


def env_rate(name: str, default: str) -> str | None:
    """A rate such as `30/min` (per `s`, `min`, `h` or `d`); `off` is `None`."""
    chosen: str | None = default
    return _typed(name, chosen, _parse_rate, "a rate such as 30/min, or off")


def env_list(name: str, default: Sequence[str] = ()) -> list[str]:
    """Comma-separated words, without blanks; or a JSON array of them."""
    return _typed(name, list(default), _parse_list, "a comma-separated list")


def env_path(name: str, default: Path) -> Path:
    """A path; a relative one counts from the working directory. `NAME_FILE` is not special here but works."""
    return _typed(name, default, lambda value: Path(value).expanduser().absolute(), "a path")


def env_secret(name: str, default: str | None = None, *, directory: Path | None = None) -> str | None:
    """A secret: `NAME`, else the file `NAME_FILE`, else the file `name` (lower case) in `directory`, else `default`."""
    value = raw(name)
    if value is None and directory is not None and (kept := directory / name.lower()).is_file():
        value = read_secret_file(name, kept)
    return default if value is None else value


def require_secret(name: str, *, directory: Path, debug: bool) -> str:
    """A secret that must be there; with `debug`, a well-known stand-in is enough."""
    value = env_secret(name, directory=directory)
    if value is not None:
        return value
    if debug:
        return f"debug-only-{name.lower()}-that-protects-nothing"
    raise ImproperlyConfigured(
        f"{name} is not set. Set {name} or {name}_FILE, or run scripts/start_local.sh once, which keeps one in "
        f"{directory}; for development, DEBUG=true does without."
    )


def parse_database_url(url: str) -> dict[str, Any]:
    """Django's `DATABASES` entry for `postgres://user:password@host:port/name?option=value` or `sqlite:///path`.

    As everywhere, `sqlite:///a.db` is relative to the working directory and `sqlite:////a.db` absolute. Query
    parameters become `OPTIONS`. Raises `ImproperlyConfigured`, without the password, when the URL is of another kind.
    """
    parts = urlsplit(url)
    engine = ENGINES.get(parts.scheme)
    if engine is None:
        raise ImproperlyConfigured("DATABASE_URL must start with postgres://, postgresql:// or sqlite:///")
    name = unquote(parts.path[1:])
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no database")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    if parts.scheme == "sqlite":
        return {"ENGINE": engine, "NAME": str(Path(name).absolute()), "OPTIONS": options}
    try:
        port = str(parts.port or "")
    except ValueError as error:
        raise ImproperlyConfigured("DATABASE_URL has a port that is not a number") from error
    return {
        "ENGINE": engine,
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": port,
        "OPTIONS": options,
    }
