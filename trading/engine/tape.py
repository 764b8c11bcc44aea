"""The tape: every event of a session with what was decided on it, one line of JSON each, in the order of the decisions.

``<strategy id>.jsonl`` while the session is open, ``.jsonl.gz`` when it is over. Each worker that takes the session up
begins a segment with a header: the state it starts from and the point of the chain. A line is with the operating
system before its decision is committed or acted on, so the store is never ahead of the tape when the worker is killed.
Trading never waits for a tape: one that cannot be written stops, says so, and goes on with a new segment later.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from json.encoder import encode_basestring_ascii as quoted

from trading.engine.chain import Link, changes_nothing, told
from trading.engine.tape_files import TapeFile, Tapes
from trading.strategy.codec import dumps
from trading.strategy.decide import Decision
from trading.strategy.events import Event
from trading.strategy.state import SessionState

log = logging.getLogger("trading.engine")
FORMAT = 1
SHORT = 16
"""Digits of the hash on a line; a durable decision has all 64."""


class Recorder:
    """Chains one session's decisions and puts them on its tape; without ``tapes`` it only chains.

    ``link`` is the point that the session in memory has reached.
    """

    def __init__(self, strategy_id: str, link: Link, tapes: Tapes | None = None) -> None:
        self.link = link
        self._next = link
        self._strategy_id = strategy_id
        self._file: TapeFile | None = tapes.open(strategy_id) if tapes is not None else None
        self._header = ""
        self._stopped = False

    def begin(self, state: SessionState, at: datetime, saved: str = "") -> None:
        """A worker takes the session up at ``at``: fresh in ``state``, or resumed in ``state`` from ``saved``."""
        start, text = self.link, dumps(state)
        self.link = self._next = start.taken_up(text, at)
        self._header = self._segment("resumed" if saved else "fresh", start, at, saved or text)

    def record(self, before: SessionState, event: Event, decision: Decision, token: int, state: str = "") -> Link:
        """The decision on the tape; the point of the chain that it makes, reached once it ``stands``.

        ``state`` is the text of the state after it, needed of a durable decision. A closed session decides nothing.
        """
        self._next = self.link
        if not before.open or changes_nothing(before, event, decision):
            return self.link
        seen, said = dumps(event), told(decision, state)
        self._next = link = self.link.after(seen, said)
        if self._file is not None:
            shown = link.hash if decision.durable else link.hash[:SHORT]
            line = f'{{"n":{link.count},"t":{token},"h":"{shown}","d":{quoted(said)},"e":{seen}}}\n'
            self._write(line, before, event.at, token)
        return link

    def stands(self) -> None:
        """The decision recorded last is the session's: its commit is done, or it needs none."""
        self.link = self._next

    def failed(self, before: SessionState, event: Event, error: Exception, token: int) -> None:
        """Keep an event that the strategy failed on: for whoever looks into it; it is no point of the chain."""
        if self._file is not None:
            line = f'{{"failed":{quoted(repr(error))},"t":{token},"e":{dumps(event)}}}\n'
            self._write(line, before, event.at, token)

    def started(self, before: SessionState, at: datetime, token: int) -> None:
        """Put the header on the tape now, if it is not there yet."""
        if self._file is not None and self._header:
            self._write("", before, at, token)

    def news(self) -> str:
        """A sentence when the tape stopped or went on since the last call; else empty."""
        if self._file is None or self._stopped == bool(self._file.stopped):
            return ""
        self._stopped = bool(self._file.stopped)
        if self._stopped:
            return f"The tape stopped: {self._file.stopped}. Trading goes on; this stretch cannot be replayed"
        return "The tape goes on with a new segment"

    def close(self) -> None:
        """No more is recorded by this worker."""
        if self._file is not None:
            self._file.close()

    def _write(self, line: str, before: SessionState, at: datetime, token: int) -> None:
        file = self._file
        if file is None or not file.ready():
            return
        header = self._header
        if not header and file.interrupted:
            header = self._segment("continued", self.link, at, dumps(before))
        if file.write(f"{_under(token, header)}{line}".encode()):
            self._header = ""

    def _segment(self, how: str, start: Link, at: datetime, state: str) -> str:
        head = {"tape": FORMAT, "strategy": self._strategy_id, "how": how, "at": at.isoformat()}
        return json.dumps({**head, "hash": start.hash, "count": start.count, "state": state}) + "\n"


def _under(token: int, header: str) -> str:
    """The header with the fencing token of whoever writes it."""
    return f'{header[:-2]}, "t": {token}}}\n' if header else ""
