"""The account beside the session: reading it now and then, and what an operator asks about foreign positions.

Requests run as tasks, so that neither a slow venue nor a long close holds the guards up. What touches the session is
handed to it in the engine's own turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

from trading.engine.flatten import Flattening, FlattenWish
from trading.engine.ownership import Owned, owned_by, share_of
from trading.engine.ports import (
    AccountPicture,
    AccountSeen,
    LeaseLost,
    ModeUnavailable,
    PendingCommand,
    RecordKeeper,
    RestingOrder,
    Store,
    Venue,
    VenueUnavailable,
)
from trading.engine.session import SessionRunner
from trading.strategy.adopting import adopted_already, adoption_refusal, leg_with
from trading.strategy.events import Adopted, ForeignClosed
from trading.strategy.types import Phase

log = logging.getLogger("trading.engine")
READ_SECONDS: Final = 60.0
CARRIED_IN_A_ROW: Final = 5
"""How often resting orders are carried over from one picture to the next: the session's readings tell which orders rest
and what is filled, the desk's own also of what and how much.
"""
Answer = tuple[bool, dict[str, object]]


class AccountDesk:
    """Reads accounts, flattens and adopts. ``venue_of`` gives the venue of a mode or raises ModeUnavailable."""

    def __init__(
        self,
        *,
        store: Store,
        venue_of: Callable[[str], Venue],
        session: Callable[[], SessionRunner | None],
        token: Callable[[], int | None],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._venue_of = venue_of
        self._session = session
        self._token = token
        self._wake = wake
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = asyncio.Lock()
        self._waiting = False
        self._at_work: set[int] = set()
        self._answers: dict[int, Answer | None] = {}
        self._adoptions: list[tuple[PendingCommand, Adopted]] = []
        self._heard: list[ForeignClosed] = []
        self._seen_phase: Phase | None = None
        self._newest: AccountPicture | None = None
        self._seen: AccountSeen | None = None
        self._fresh = False
        self._carried = 0
        self.version = 0
        """Grows with every reading that differs from the one before, and with every command that is settled."""
        self.reads = 0
        """Pictures made, whoever read for them, failed readings included."""

    @property
    def busy(self) -> bool:
        """Requests in flight, or something for the session to take in."""
        return bool(self._tasks or self._adoptions or self._heard)

    def look(self) -> None:
        """Read, unless the session's own readings kept the picture fresh since the last look."""
        fresh, self._fresh = self._fresh, False
        if not fresh:
            self.read()

    def read(self) -> None:
        """Have the account of the session's mode read soon, of the active configuration's when there is none."""
        if not self._waiting:
            self._waiting = True
            self._spawn(self._read_own())

    def obey(self, command: PendingCommand) -> bool:
        """Take a command up if it is one about the account; it is settled when done."""
        work = {"read_account": self._read_asked, "flatten": self._flatten, "adopt": self._adopt}.get(command.action)
        if work is None:
            return False
        if command.command_id not in self._at_work:
            self._at_work.add(command.command_id)
            self._spawn(self._carry_out(command, work))
        return True

    async def complete(self) -> None:
        """Hand the session what is for it; called in the engine's turn. Raises LeaseLost.

        A session that came to hold something, or let it go, has made the newest reading old.
        """
        session, token = self._session(), self._token()
        phase = session.state.phase if session is not None else None
        if phase is not self._seen_phase and (phase is None or phase in (Phase.LIVE, Phase.ATTENTION)):
            self.read()
        self._seen_phase = phase
        if session is not None:
            self._share(session.spec.mode, session.account_seen)
        heard, self._heard = self._heard, []
        for event in heard:
            if session is not None and token is not None:
                await session.feed(event, token)
        while self._adoptions:
            command, adopted = self._adoptions[0]
            await self._settle(command, await self._give(session, token, adopted))
            self._adoptions.pop(0)
            self.read()

    async def finish(self, timeout: float | None = None) -> None:
        """Wait until the requests in flight have answered."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout)

    def abandon(self) -> None:
        """Stop at once: another worker has the lease, and the commands."""
        for task in self._tasks:
            task.cancel()
        self._waiting = False
        self._at_work.clear()
        self._answers.clear()
        self._adoptions.clear()
        self._heard.clear()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(
        self, command: PendingCommand, work: Callable[[PendingCommand], Awaitable[Answer | None]]
    ) -> None:
        """Do it and settle it; a lost lease leaves the command to the next worker.

        One that could not be settled is taken up again with the answer it already has: nothing is done twice.
        """
        known = command.command_id
        try:
            if known not in self._answers:
                self._answers[known] = await self._answer(command, work)
            answer = self._answers[known]
            if answer is not None:
                await self._settle(command, answer)
        except LeaseLost:
            self._at_work.discard(known)
            return
        except Exception:
            log.exception("Command %s was not settled; trying again", known, extra={"event": "command_not_settled"})
            self._at_work.discard(known)
        self._wake()

    async def _answer(
        self, command: PendingCommand, work: Callable[[PendingCommand], Awaitable[Answer | None]]
    ) -> Answer | None:
        try:
            return await work(command)
        except LeaseLost:
            raise
        except (ModeUnavailable, VenueUnavailable) as error:
            return False, {"error": str(error)}
        except Exception as error:
            log.exception("Command %s failed", command.command_id, extra={"event": "command_failed"})
            return False, {"error": f"{type(error).__name__}: {error}"[:300]}

    async def _settle(self, command: PendingCommand, answer: Answer) -> None:
        """Record the outcome. LeaseLost when the command is another worker's now.

        It stays ``at work``: commands that were read before this may still list it, and must not have it done again.
        """
        token = self._token()
        if token is None:
            raise LeaseLost("no lease")
        await self._store.settle_command(command.command_id, ok=answer[0], result=answer[1], token=token)
        self._answers.pop(command.command_id, None)
        self.version += 1

    def _share(self, mode: str, seen: AccountSeen | None) -> None:
        """Make a picture of what the session just read for its own comparison, instead of reading it again."""
        if seen is None or seen is self._seen:
            return
        self._seen, self._fresh = seen, True
        orders = self._carried_over(mode, seen)
        if orders is None:
            self.read()
        else:
            self._spawn(self._keep(AccountPicture(mode, seen.positions, orders)))

    def _carried_over(self, mode: str, seen: AccountSeen) -> tuple[RestingOrder, ...] | None:
        """The orders that rest, as they are known; None when they have to be read."""
        if not seen.resting:
            return ()
        newest = self._newest
        known = newest.orders if newest is not None and newest.mode == mode else ()
        changed = {(o.venue_order_id, o.filled) for o in known} != {(r.venue_order_id, r.filled) for r in seen.resting}
        if changed or self._carried >= CARRIED_IN_A_ROW:
            return None
        self._carried += 1
        return known

    async def _read_own(self) -> None:
        try:
            session = self._session()
            mode = session.spec.mode if session is not None else await self._store.idle_mode()
            try:
                venue = self._venue_of(mode)
            except ModeUnavailable:
                mode, venue = "paper", self._venue_of("paper")
            self._waiting = False
            await self._read(mode, venue)
        except Exception:
            log.exception("The account could not be read", extra={"event": "account_read_failed"})
        finally:
            self._waiting = False

    async def _read(self, mode: str, venue: Venue) -> str:
        """Read and store; the error, or nothing. A failed read keeps what was known: it is unknown, never empty."""
        async with self._reading:
            self._carried = 0
            try:
                await venue.connect()
                positions, orders = await asyncio.gather(venue.positions(), _resting(venue))
                picture = AccountPicture(mode, tuple(positions), tuple(orders))
            except Exception as error:
                foreseen = isinstance(error, VenueUnavailable)
                log.warning(
                    "The account could not be read: %s",
                    error,
                    extra={"event": "account_read_failed"},
                    exc_info=None if foreseen else error,
                )
                picture = AccountPicture(mode, error=str(error) or type(error).__name__)
            await self._keep(picture)
        return picture.error

    async def _keep(self, picture: AccountPicture) -> None:
        self.reads += 1
        await self._store.save_account(picture)
        if picture != self._newest:
            self._newest, self.version = picture, self.version + 1

    async def _read_asked(self, command: PendingCommand) -> Answer:
        session = self._session()
        own = session.spec.mode if session is not None else await self._store.idle_mode()
        mode = str(command.payload.get("mode") or own)
        error = await self._read(mode, self._venue_of(mode))
        return not error, {"error": error} if error else {"message": f"The {mode} account was read"}

    async def _flatten(self, command: PendingCommand) -> Answer:
        mode, symbol, size = _wish(command)
        venue = self._venue_of(mode)
        await venue.connect()
        token = self._token()

        async def note(progress: Mapping[str, object]) -> None:
            if token is None:
                raise LeaseLost("no lease")
            await self._store.note_command(command.command_id, progress, token=token)

        work = Flattening(
            FlattenWish(str(command.payload["key"]), symbol, size),
            venue,
            owned=lambda: self._owned(mode),
            hindrance=lambda: self._hindrance(mode, symbol),
            note=note,
            closed=lambda event: self._hear(mode, event),
        )
        result = await work.run(command.progress)
        await self._read(mode, venue)
        return "error" not in result, result

    async def _adopt(self, command: PendingCommand) -> Answer | None:
        """Read what is foreign, then have the session take it over in the engine's turn."""
        mode, symbol, size = _wish(command)
        session = self._session()
        if session is None or session.spec.mode != mode:
            return False, {"error": f"No session runs in mode {mode}; only a live session can take a position over."}
        share = share_of(symbol, await session.venue.positions(), self._owned(mode))
        event = Adopted(
            at=session.venue.now(),
            symbol=symbol,
            size=abs(size),
            price=share.price,
            foreign=share.foreign,
            key=str(command.payload["key"]),
            actor=command.actor,
        )
        self._adoptions.append((command, event))
        return None

    async def _give(self, session: SessionRunner | None, token: int | None, event: Adopted) -> Answer:
        if session is None or token is None:
            return False, {"error": "The session is over."}
        if not adopted_already(session.state, event):
            refusal = adoption_refusal(session.state, event)
            if refusal:
                return False, {"error": f"Not adopted: {refusal}."}
            await session.feed(event, token)
        price = str(event.price)
        return True, {"symbol": event.symbol, "adopted": event.size, "price": price, "message": f"Adopted {event.size}"}

    def _owned(self, mode: str) -> tuple[Owned, ...]:
        session = self._session()
        return owned_by(session.state) if session is not None and session.spec.mode == mode else ()

    def _hindrance(self, mode: str, symbol: str) -> str:
        """Why orders in this option would now mix with the session's own."""
        session = self._session()
        if session is None or session.spec.mode != mode:
            return ""
        state = session.state
        if state.phase in (Phase.SELECTING, Phase.ENTERING):
            return "the session is entering; try again when it is live"
        leg = leg_with(state, symbol)
        if leg is None:
            return ""
        if state.exit_reason is not None and state.open:
            return f"the session is closing its own part of {symbol}; try again when it is closed"
        return f"an order of the session in {symbol} is under way; try again in a moment" if leg.working() else ""

    def _hear(self, mode: str, event: ForeignClosed) -> None:
        session = self._session()
        if session is not None and session.spec.mode == mode:
            self._heard.append(event)
            self._wake()


def _wish(command: PendingCommand) -> tuple[str, str, int]:
    payload = command.payload
    return str(payload["mode"]), str(payload["symbol"]), int(str(payload["size"]))


async def _resting(venue: Venue) -> list[RestingOrder]:
    """What rests, with symbols where the venue tells them."""
    if isinstance(venue, RecordKeeper):
        return [RestingOrder(o.client_order_id, o.venue_order_id, o.symbol, o.side.value, o.size, o.filled)
                for o in await venue.resting_orders()]  # fmt: skip
    return [RestingOrder(o.client_order_id, o.venue_order_id, filled=o.filled) for o in await venue.open_orders()]
