"""Replaying the tapes of a run: the same decisions, or a violation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from trading.chaos.evidence import Evidence, LedgerSession
from trading.engine.chain import Link
from trading.engine.replay import replay_tape
from trading.engine.tape_reader import TapeError

TAPES = "tapes"


def replayed(folder: Path, evidence: Evidence) -> dict[str, int]:
    """How the tapes of all sessions replay: how many the same, different, with a gap, missing. What is not the same is
    noted in the evidence.
    """
    found: Counter[str] = Counter()
    for session in evidence.book.sessions:
        verdict, why = _verdict(folder / TAPES, session)
        found[verdict] += 1
        if verdict != "same":
            evidence.seen.replays.append(f"{session.strategy_id}: {verdict}: {why}")
    return dict(found)


def _verdict(folder: Path, session: LedgerSession) -> tuple[str, str]:
    paths = sorted(folder.glob(f"{session.strategy_id}.jsonl*"))
    if not paths:
        return ("same", "") if session.decisions == 0 else ("missing", "there is no tape")
    try:
        result = replay_tape(paths[0], stored=Link(session.hash, session.decisions))
    except (TapeError, OSError) as error:
        return "missing", str(error)
    if result.divergence is not None:
        return "different", f"decision {result.divergence.number}: {result.divergence.why}"
    if result.gaps:
        return "gap", "; ".join(result.gaps)
    return ("same", "") if result.same else ("different", "nothing was compared")
