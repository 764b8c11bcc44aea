"""JSON logs with a bound context, secrets blotted out, and one file that several processes may share."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

REDACTED = "***"
SECRET_NAME = re.compile(r"secret|signature|api[_-]?key|password|token|authorization", re.IGNORECASE)
# `name=value`, `name: value` and `"name": "value"` inside a message.
SECRET_IN_TEXT = re.compile(
    r"""(?P<name>["']?[\w-]*(?:secret|signature|api[_-]?key|password|token|authorization)["']?\s*[=:]\s*)"""
    r"""(?P<value>(?:Bearer|Basic|Token)\s+\S+|"[^"]*"|'[^']*'|[^\s,;&}\])]+)""",
    re.IGNORECASE,
)

_context: ContextVar[Mapping[str, object]] = ContextVar("log_context", default={})  # noqa: B039 - never mutated


@contextmanager
def logging_context(**fields: object) -> Iterator[None]:
    """Add `fields` to every record logged inside the block, in this thread or task and those it starts."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def bound(name: str) -> object | None:
    """The field `name` of the current context, or `None`."""
    return _context.get().get(name)


def correlation_id() -> str:
    """The correlation id of the request or command being served, or an empty string."""
    return str(bound("correlation_id") or "")


def redact(value: object) -> object:
    """`value` with whatever is kept under a secret's name replaced by `***`, at any depth and inside text."""
    if isinstance(value, Mapping):
        return {key: REDACTED if SECRET_NAME.search(str(key)) else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    if isinstance(value, str):
        return SECRET_IN_TEXT.sub(lambda match: f"{match['name']}{REDACTED}", value)
    return value


class JsonFormatter(BaseJsonFormatter):
    """One JSON object a line: message, timestamp, level, logger, correlation_id, the bound context and `extra`."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Fill `log_data`; the fixed names win over the context, and the context's secrets do not survive."""
        super().add_fields(log_data, record, message_dict)
        for key, value in _context.get().items():
            log_data.setdefault(key, value)
        log_data["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        # Django logs a 404 after the middleware's context has ended, and attaches the request as an object.
        request = log_data.pop("request", None)
        log_data["correlation_id"] = correlation_id() or getattr(request, "correlation_id", None)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """The record as it is written, redacted."""
        redacted = redact(log_data)
        assert isinstance(redacted, dict)
        return redacted


class SharedRotatingFileHandler(RotatingFileHandler):
    """A rotating file that the web, the worker and commands write at once.

    The standard handler lets each process rotate for itself, so that one renames what another still writes to. Here a
    lock file decides who rotates, and the others reopen.
    """

    def __init__(self, filename: str, maxBytes: int = 0, backupCount: int = 0) -> None:  # noqa: N803 - logging's names
        super().__init__(filename, maxBytes=maxBytes, backupCount=backupCount, encoding="utf-8", delay=True)

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, to the present file even if another process has just rotated it."""
        if self.stream is not None and not self._is_current():
            self.stream.close()
            self.stream = self._open()
        super().emit(record)

    def doRollover(self) -> None:  # noqa: N802 - logging's name
        """Rotate, unless another process did so while this one waited for the lock."""
        with open(f"{self.baseFilename}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._is_current():
                super().doRollover()

    def _is_current(self) -> bool:
        try:
            there = os.stat(self.baseFilename)
        except FileNotFoundError:
            return False
        here = os.fstat(self.stream.fileno()) if self.stream else there
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
