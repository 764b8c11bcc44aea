"""What the operator's tools at the exchange share: which account, how errors end, a table."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from trading.engine.ports import ModeUnavailable, VenueUnavailable
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.fields import BadField

ACCOUNTS: Final = ("testnet", "live")
MARKETS: Final = ("dry_run", "testnet")
T = TypeVar("T")


class DeltaTool(BaseCommand):
    """A command at the exchange. ``modes`` are those it knows, the first being the default."""

    modes: Sequence[str] = ACCOUNTS
    # A tool for a bad day runs also where a check fails.
    requires_system_checks = ()

    def add_mode(self, parser: CommandParser) -> None:
        """The option that chooses where."""
        parser.add_argument("--mode", choices=self.modes, default=self.modes[0], help="Where (default %(default)s).")

    def at_exchange(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work``; Ctrl-C ends it, and a refusal becomes a sentence and exit code 1."""
        with said():
            return asyncio.run(work)


@contextmanager
def said() -> Iterator[None]:
    """What goes wrong at the exchange, before it, or with our own database, as the command's end."""
    try:
        yield
    except (ModeUnavailable, VenueUnavailable, DeltaError, BadField, ValueError) as error:
        raise CommandError(str(error)) from error
    except DatabaseError as error:
        raise CommandError(f"The database cannot be used: {error}. Was manage.py migrate run?") from error


def columns(rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Rows with their columns aligned; those in ``right`` to the right."""
    listed = list(rows)
    widths = [max(map(len, cells)) for cells in zip(*listed, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in listed
    )
