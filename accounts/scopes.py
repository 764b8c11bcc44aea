"""What a token may be used for. A token never gives more than its user's role; a scope only takes away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

READ: Final = "read"
CONTROL: Final = "control"
PANIC: Final = "panic"

SCOPES: Final = (READ, CONTROL, PANIC)
CHOICES: Final[list[tuple[str, str]]] = [
    (READ, "Read: see everything"),
    (CONTROL, "Control: start, stop, restart, and change configurations"),
    (PANIC, "Panic: close everything and halt"),
]


def known(given: Iterable[str]) -> list[str]:
    """The scopes among `given`, each once, in their fixed order."""
    asked = set(given)
    return [scope for scope in SCOPES if scope in asked]
