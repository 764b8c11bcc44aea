"""The venue's own words: what a read was answered, kept beside what was made of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LONGEST = 4000
"""Characters of one answer; a longer one is cut and says so."""

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


@contextmanager
def hearing() -> Iterator[list[str]]:
    """Collect what is heard within, in tasks that are begun within too, in the order in which it comes."""
    lines: list[str] = []
    token = _heard.set(lines)
    try:
        yield lines
    finally:
        _heard.reset(token)


def heard(asked: str, answer: str) -> None:
    """A venue's adapter was answered. Kept if somebody collects; the answer as it came, before it is understood."""
    lines = _heard.get()
    if lines is not None:
        more = len(answer) - LONGEST
        lines.append(f"{asked} → {answer[:LONGEST]}" + (f" … {more} characters more" if more > 0 else ""))


def listening() -> bool:
    """Whether somebody collects; else an adapter need not make words of an answer."""
    return _heard.get() is not None
