"""Replaying a tape through ``decide``: the same hash, or the first decision that is not the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trading.engine.chain import Link, digest, told
from trading.engine.recovery import recover
from trading.engine.tape_reader import Failed, Header, Line, Record, TapeError, Torn, read, wanted
from trading.strategy.codec import CodecError, dumps, loads
from trading.strategy.decide import decide
from trading.strategy.events import Event
from trading.strategy.state import SessionState


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first decision that differs: its number, the time (ISO) and text of its event, what the tape says was decided
    and what the replay decided. ``why`` says what differs, since the two may be alike (a changed record).
    """

    number: int
    at: str
    event: str
    recorded: str
    replayed: str
    why: str


@dataclass(slots=True)
class ReplayResult:
    """What came of a replay. ``same`` only if nothing differs and nothing is missing.

    ``events`` were decided anew, in ``segments``; ``hash`` is where the replay arrived after ``count`` decisions,
    ``expected`` what it should be: the stored hash if one was given, else the tape's own. ``gaps`` are stretches that
    are not on the tape; ``notes`` what was cut or left out without harm.
    """

    events: int = 0
    segments: int = 0
    count: int = 0
    hash: str = ""
    expected: str = ""
    gaps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    divergence: Divergence | None = None

    @property
    def same(self) -> bool:
        """Nothing differs, nothing is missing, and there was something to compare."""
        return self.divergence is None and not self.gaps and self.events > 0


class Different(Exception):
    """The replay left the tape; carries the divergence."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(divergence.why)
        self.divergence = divergence


def replay_tape(
    path: Path,
    *,
    stored: Link | None = None,
    until: int | None = None,
    progress: Callable[[int], None] = lambda _bytes: None,
) -> ReplayResult:
    """Decide every event of a tape anew and compare each decision and hash with the recorded one.

    ``stored`` is the point of the chain that the session's row holds (``decision_hash``, ``decision_count``); without
    it the tape is only compared with itself. ``until`` stops after the decision of that number. ``progress`` is told
    the bytes read. Raises TapeError for a file that is no tape, OSError.
    """
    ends = stored.count if stored is not None and (until is None or stored.count <= until) else None
    player = _Player(wanted(path) | ({ends} if ends is not None else set()), until)
    done = 0
    try:
        for record, read_to in read(path):
            progress(read_to - done)
            done = read_to
            if player.play(record):
                break
        if player.result.segments == 0:
            raise TapeError(f"{path.name} is no tape: it has no header.")
        player.finish(stored if ends is not None else None)
    except Different as found:
        player.result.divergence = found.divergence
    player.result.count, player.result.hash = player.link.count, player.link.hash
    if stored is not None and ends is not None:
        player.result.count, player.result.hash = player.arrival(stored)
        player.result.expected = stored.hash
    return player.result


class _Player:
    """Where a replay stands. ``seen`` keeps every hash met at the points somebody asks for, with the digest of the
    state there.
    """

    def __init__(self, points: set[int], until: int | None) -> None:
        self.result = ReplayResult()
        self.link = Link()
        self._state: SessionState | None = None
        self._before: tuple[Link, SessionState] | None = None
        self._token = -1
        self._until = until
        self._seen: dict[int, dict[str, str]] = {point: {} for point in points}
        self._torn = ""

    def play(self, record: Record) -> bool:
        """Take one record in; True when ``until`` is reached. Raises Different."""
        match record:
            case Header():
                self._begin(record)
            case Line():
                self._decide(record)
            case Failed():
                self.result.notes.append(f"after decision {self.link.count} the strategy failed: {record.error}")
            case Torn():
                self._cut(record)
        return self._until is not None and self.link.count >= self._until

    def arrival(self, stored: Link) -> tuple[int, str]:
        """The point to show beside the stored one: the same if the replay passed it, else where it stopped."""
        if stored.hash in self._seen.get(stored.count, {}):
            return stored.count, stored.hash
        return self.link.count, self.link.hash

    def finish(self, stored: Link | None) -> None:
        """Compare with what the database holds; what is not on the tape is a gap. Raises Different."""
        if stored is None or (stored.count == 0 and not stored.hash):
            if self._torn:
                self.result.gaps.append(f"{self._torn}; what it held is lost")
            return
        met = self._seen.get(stored.count, {})
        if stored.hash in met:
            return
        if met:
            why = f"the session's row holds another hash for decision {stored.count}"
            raise Different(Divergence(stored.count, "", "", stored.hash, " ".join(met), why))
        missing = f"the tape ends with decision {self.link.count}, the session's row holds {stored.count}"
        self.result.gaps.append(f"{self._torn}; {missing}" if self._torn else missing)

    def _begin(self, header: Header) -> None:
        self.result.segments += 1
        start = Link(header.hash, header.count)
        self._check_start(header, start)
        self._torn, self._before, self._token = "", None, header.token
        try:
            state = loads(SessionState, header.state)
        except CodecError as error:
            raise Different(_unreadable(header, f"the state of a header cannot be read: {error}")) from error
        if header.how == "continued":
            self.link = start
        else:
            if header.how == "resumed":
                state, _ = recover(state, header.at)
            self.link = start.taken_up(dumps(state), header.at)
        self._state = state
        self.result.expected = self.link.hash
        self._remember()

    def _check_start(self, header: Header, start: Link) -> None:
        """A segment goes on where the store stood, which is a point that the tape has passed."""
        if start == Link():
            return
        met = self._seen[start.count]
        if start.hash not in met:
            where = f"segment {self.result.segments} begins at decision {start.count}"
            self.result.gaps.append(f"{where}, which is not on the tape before it (at {header.at.isoformat()})")
        elif met[start.hash] != digest(header.state):
            raise Different(_unreadable(header, "the state of a header is not the one that the replay had there"))

    def _decide(self, line: Line) -> None:
        if self._state is None or line.token < self._token:
            late = "a line of a worker that had lost its lease was left out"
            if late not in self.result.notes:
                self.result.notes.append(late)
            return
        self._token = line.token
        self._place(line)
        if self._state is None:
            return
        self._before = (self.link, self._state)
        try:
            event: Event = loads(Event, line.event)
        except CodecError as error:
            raise Different(_differs(line, "", "", f"the event cannot be read: {error}")) from error
        try:
            decision = decide(self._state, event)
        except Exception as error:
            raise Different(_differs(line, event.at.isoformat(), repr(error), "the strategy fails")) from error
        said = told(decision, dumps(decision.state) if decision.durable else "")
        link = self.link.after(line.event, said)
        if said != line.decision:
            raise Different(_differs(line, event.at.isoformat(), said, "another decision"))
        if not link.hash.startswith(line.hash):
            raise Different(_differs(line, event.at.isoformat(), said, "the record was changed: its hash is another"))
        self.link, self._state = link, decision.state
        self.result.events += 1
        self.result.expected = line.hash
        self._remember()

    def _place(self, line: Line) -> None:
        """A decision whose commit failed is taken back, and its number given again."""
        if line.number == self.link.count and self._before is not None:
            self.link, self._state = self._before
        elif line.number != self.link.count + 1:
            self.result.gaps.append(f"decision {line.number} follows on {self.link.count}")
            self._state = None

    def _cut(self, torn: Torn) -> None:
        self._torn = f"line {torn.number} is torn and was cut off"
        self.result.notes.append(self._torn)

    def _remember(self) -> None:
        if self.link.count in self._seen and self._state is not None:
            self._seen[self.link.count][self.link.hash] = digest(dumps(self._state))


def _differs(line: Line, at: str, replayed: str, why: str) -> Divergence:
    return Divergence(line.number, at, line.event, line.decision, replayed, why)


def _unreadable(header: Header, why: str) -> Divergence:
    return Divergence(header.count, header.at.isoformat(), f"segment header ({header.how})", header.hash, "", why)
