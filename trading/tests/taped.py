"""A scene whose sessions are on tape, and the one check of its tests: the replay arrives where the row says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trading.engine.archive import Archive
from trading.engine.chain import Link
from trading.engine.replay import ReplayResult, replay_tape
from trading.engine.runtime import Engine
from trading.engine.tape_files import Tapes
from trading.models import StrategySession
from trading.tests.scene import Scene
from trading.venues.simulated.venue import SimulatedVenue


class TapedScene(Scene):
    """A scene that records to ``tapes``."""

    def __init__(self, directory: Path, *, max_mb: float = 1000.0, **options: Any) -> None:
        self.tape_seconds = 1_000_000.0
        self.tapes = Tapes(directory, max_mb=max_mb, wall=lambda: self.tape_seconds)
        super().__init__(**options)

    def new_engine(self, owner: str = "rig", venue: SimulatedVenue | None = None) -> Engine:
        """An engine that records."""
        engine = super().new_engine(owner, venue)
        engine.archive = Archive(self.tapes, wall=lambda: 0.0)
        return engine

    async def replayed(self, session: StrategySession) -> ReplayResult:
        """The session's tape against its row."""
        if self.engine.archive is not None:
            await self.engine.archive.done()
        await session.arefresh_from_db()
        path = self.tapes.find(session.strategy_id)
        assert path is not None, "no tape"
        return replay_tape(path, stored=Link(session.decision_hash, session.decision_count))


def assert_same(result: ReplayResult) -> None:
    """Everything was replayed and nothing differs."""
    assert (result.divergence, result.gaps) == (None, [])
    assert result.same
    assert result.hash == result.expected
    assert len(result.hash) == 64


def edited(path: Path, number: int, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a plain tape with the event of one decision changed."""
    lines = path.read_text().splitlines(keepends=True)
    for index, text in enumerate(lines):
        found = json.loads(text)
        if found.get("n") == number:
            change(found["e"])
            lines[index] = json.dumps(found, separators=(",", ":")) + "\n"
    copy = path.with_name(f"edited-{path.name}")
    copy.write_text("".join(lines))
    return copy
