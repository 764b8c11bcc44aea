"""``manage.py replay``: a recorded session through the strategy again: the same, or the first difference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from trading.engine.chain import Link
from trading.engine.replay import Divergence, ReplayResult, replay_tape
from trading.engine.tape_files import Tapes
from trading.engine.tape_reader import TapeError, size_of
from trading.management.tables import Row, table
from trading.models import StrategySession

DIFFERENT: Final = 1
INCOMPLETE: Final = 4
SHOWN: Final = 2000


class Command(BaseCommand):
    """Reads tapes and the session's row, writes nothing. Exits 1 when a decision differs or a tape cannot be read, 4
    when nothing differs but part of the session is not on the tape.
    """

    help = "Replay a session from its tape and compare every decision with the recorded one."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Which session, or all of them."""
        parser.add_argument("strategy_id", nargs="?", default="", help="As shown on the session's page.")
        parser.add_argument("--until", type=int, metavar="N", help="Stop after decision N.")
        parser.add_argument("--tape", type=Path, metavar="PATH", help="This file instead of the one in TAPE_DIR.")
        parser.add_argument("--all", action="store_true", help="Every tape in TAPE_DIR, in a table.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay. Exits 2 for bad usage."""
        strategy_id, tape = options["strategy_id"], options["tape"]
        if bool(options["all"]) == bool(strategy_id or tape):
            raise CommandError("Name one session (or --tape PATH), or ask for --all.", returncode=2)
        if options["all"]:
            self._all(options["until"])
            return
        path = tape or Tapes(settings.TAPE_DIR).find(strategy_id)
        if path is None:
            raise CommandError(f"There is no tape of {strategy_id} in {settings.TAPE_DIR}: never written, or pruned.")
        try:
            result = self._replay(path, strategy_id or _named(path), options["until"])
        except (TapeError, OSError) as error:
            raise CommandError(f"Cannot replay {path.name}: {error}") from error
        self.stdout.write(table(rows(path, result)))
        _exit([result])

    def _all(self, until: int | None) -> None:
        results: list[ReplayResult] = []
        unread = 0
        self.stdout.write(f"{'session':<32} {'events':>9} {'segments':>8}  outcome")
        for path in Tapes(settings.TAPE_DIR).all():
            try:
                result = self._replay(path, _named(path), until)
            except (TapeError, OSError) as error:
                unread += 1
                self.stdout.write(f"{_named(path):<32} {'-':>9} {'-':>8}  cannot be read: {error}")
                continue
            results.append(result)
            self.stdout.write(f"{_named(path):<32} {result.events:>9,} {result.segments:>8}  {outcome(result)}")
        self.stdout.write(f"{len(results)} replayed, {sum(r.same for r in results)} the same, {unread} unreadable")
        _exit(results, unread=unread)

    def _replay(self, path: Path, strategy_id: str, until: int | None) -> ReplayResult:
        row = StrategySession.objects.filter(strategy_id=strategy_id).first()
        stored = Link(row.decision_hash, row.decision_count) if row is not None else None
        with tqdm(total=size_of(path), unit="B", unit_scale=True, desc=path.name, file=sys.stderr) as bar:
            return replay_tape(path, stored=stored, until=until, progress=lambda size: _moved(bar, size))


def rows(path: Path, result: ReplayResult) -> list[Row]:
    """The result in two columns."""
    found: list[Row] = [
        ("tape", path.name),
        ("events", f"{result.events:,} in {result.segments} segments"),
        ("decisions", f"{result.count:,}"),
        ("hash", result.hash),
        ("expected", result.expected),
        *(("gap", gap) for gap in result.gaps),
        *(("note", note) for note in result.notes),
    ]
    if result.divergence is not None:
        found += _divergence_rows(result.divergence)
    return [*found, ("outcome", outcome(result))]


def outcome(result: ReplayResult) -> str:
    """Same, different or incomplete, in a few words."""
    if result.divergence is not None:
        return f"DIFFERENT at decision {result.divergence.number}: {result.divergence.why}"
    if result.gaps:
        return f"incomplete: {result.gaps[0]}"
    return "same" if result.same else "empty"


def _divergence_rows(found: Divergence) -> list[Row]:
    return [
        ("first difference", f"decision {found.number}: {found.why}"),
        ("at", found.at or "-"),
        ("event", found.event[:SHOWN]),
        ("recorded", found.recorded[:SHOWN]),
        ("replayed", found.replayed[:SHOWN]),
    ]


def _moved(bar: tqdm[Any], size: int) -> None:
    bar.update(size)


def _named(path: Path) -> str:
    return path.name.split(".", 1)[0]


def _exit(results: list[ReplayResult], *, unread: int = 0) -> None:
    if unread or any(result.divergence is not None for result in results):
        sys.exit(DIFFERENT)
    if any(not result.same for result in results):
        sys.exit(INCOMPLETE)
