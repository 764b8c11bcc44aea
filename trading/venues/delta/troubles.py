"""What cannot be read now, and why: kept for the operator until the same thing can be read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trading.venues.delta.errors import DeltaError, ErrorClass
from trading.venues.delta.fields import BadField

KEPT_SECONDS = 240.0
"""Longer than the rarest chore pauses: what nobody tries any more is no trouble any more."""
PROOFS = frozenset({"account", "balance", "positions"})
"""Signed reads that always ask the exchange: their answer proves that the key is good and the door open."""
MAINTENANCE = frozenset({"maintenance", "under_maintenance"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed read. ``shut`` says that it is not this read alone: the key or the whole exchange is shut."""

    text: str
    at: float
    shut: bool


class Troubles:
    """Failed reads by what was being read. ``mono`` is seconds of a clock that never jumps."""

    def __init__(self, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._found: dict[str, Trouble] = {}

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Note how reading ``what`` ends: a failure is kept, and passed on; an answer ends it."""
        try:
            yield
        except (DeltaError, BadField) as error:
            self._found[what] = Trouble(str(error), self._mono(), _is_shut(error))
            raise
        self._found.pop(what, None)
        if what in PROOFS:
            self._found = {name: trouble for name, trouble in self._found.items() if not trouble.shut}

    @property
    def shut(self) -> bool:
        """The key is refused or the exchange is down: no order could be sent now."""
        return any(trouble.shut for trouble in self._current().values())

    def told(self) -> list[str]:
        """One sentence per cause, with what could not be read for it."""
        causes: dict[str, list[str]] = {}
        for what, trouble in self._current().items():
            causes.setdefault(trouble.text.rstrip("."), []).append(what)
        return [f"{', '.join(sorted(names))} not read: {text}" for text, names in causes.items()]

    def _current(self) -> dict[str, Trouble]:
        horizon = self._mono() - KEPT_SECONDS
        return {what: trouble for what, trouble in self._found.items() if trouble.at >= horizon}


def _is_shut(error: Exception) -> bool:
    if not isinstance(error, DeltaError):
        return False
    return error.error_class is ErrorClass.AUTH or error.code in MAINTENANCE
