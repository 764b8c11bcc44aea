"""The pre-flight: everything that must hold before real orders, looked at without sending one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from trading.strategy.types import ZERO
from trading.venues.delta import parse_account
from trading.venues.delta.errors import DeltaError, ErrorClass
from trading.venues.delta.fields import BadField, text, whole
from trading.venues.delta.venue import DeltaVenue

STREAM_SECONDS: Final = 10.0
STREAM_LOOK_SECONDS: Final = 0.05
MOST_SKEW_MS: Final = 2000.0
MOST_SPENT: Final = 0.5
MARGIN_MODE: Final = "isolated"
NOBODYS_ORDER: Final = "strangle-preflight"
WHITELIST_CODES: Final = frozenset({"ip_not_whitelisted_for_api_key", "ip_not_whitelisted"})
PERMISSION_CODES: Final = frozenset({"unauthorized_api_access", "unauthorizedapiaccess"})
OPERATIONAL: Final = "operational"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, and, where it failed, what to do."""

    name: str
    passed: bool
    found: str
    advice: str = ""


class Preflight:
    """Looks at one account. Sends no order; the only write asks to cancel an order that nobody has.

    ``stream_seconds`` of wall time is how long both streams may take to come up.
    """

    def __init__(self, venue: DeltaVenue, *, stream_seconds: float = STREAM_SECONDS) -> None:
        self._venue = venue
        self._config = venue.config
        self._rest = venue.link.rest
        self._stream_seconds = stream_seconds

    async def run(self) -> list[Finding]:
        """All findings, in the order of the checks. What cannot be seen without a connection, or without a key that is
        accepted, is left out: one of those failed then.
        """
        connection = await self._look("connectivity", self._connectivity)
        if not connection.passed:
            return [connection]
        key, whitelist = await self._key()
        # The first signed answer may have set the clock: only now it tells the truth.
        found = [connection, self._clock(), key, whitelist, await self._look("products", self._products)]
        if key.passed and whitelist.passed:
            found += [await self._look(name, check) for name, check in self._account_checks()]
        return found

    def _account_checks(self) -> tuple[tuple[str, Callable[[], Awaitable[Finding]]], ...]:
        return (
            ("permissions", self._permissions),
            ("balance", self._balance),
            ("margin mode", self._margin_mode),
            ("limits", self._limits),
            ("streams", self._streams),
        )

    async def _look(self, name: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
        try:
            return await check()
        except DeltaError as error:
            return Finding(name, False, error.detail, error.advice)
        except BadField as error:
            return Finding(name, False, f"The answer cannot be read: {error}", "Report this as a bug.")

    async def _connectivity(self) -> Finding:
        link = self._venue.link
        await link.set_clock()
        took = link.transport.round_trips.percentile(0.5)
        found = f"{self._config.rest_url} answered" + (f" in {took:.0f} ms" if took is not None else "")
        if link.maintenance:
            return Finding("connectivity", False, "the exchange is under maintenance", "Wait until it is over.")
        return Finding("connectivity", True, found)

    def _clock(self) -> Finding:
        skew = self._venue.link.clock.skew_ms
        # Without a minus before zero.
        found = f"{round(skew / 1000, 1) + 0.0:+.1f} s against this machine"
        if abs(skew) <= MOST_SKEW_MS:
            return Finding("clock skew", True, found)
        return Finding("clock skew", False, found, "Signatures live five seconds: start this machine's time service.")

    async def _key(self) -> tuple[Finding, Finding]:
        """The key and the whitelist, from one signed read: an exchange that knows the whitelist knows the key."""
        try:
            await self._rest.balances()
        except DeltaError as error:
            if error.code in WHITELIST_CODES:
                return Finding("key", True, "known"), Finding("whitelist", False, error.detail, error.advice)
            if error.code not in PERMISSION_CODES:
                unseen = Finding("whitelist", False, "not seen: no signed request was accepted", error.advice)
                return Finding("key", False, error.detail, error.advice), unseen
        return Finding("key", True, "accepted"), Finding("whitelist", True, "this address is accepted")

    async def _products(self) -> Finding:
        products = self._venue.market.products
        await products.fresh()
        counts = {name: [o.trading_status for o in products.of(name)] for name in self._config.underlyings}
        found = ", ".join(f"{name}: {s.count(OPERATIONAL)} of {len(s)} trading" for name, s in counts.items())
        passed = all(OPERATIONAL in statuses for statuses in counts.values())
        return Finding("products", passed, found, "" if passed else "No option of it can be traded now: try later.")

    async def _permissions(self) -> Finding:
        """May the key trade? Asks to cancel an order nobody has; a key that may is told that there is none."""
        products = self._venue.market.products
        options = [option for name in self._config.underlyings for option in products.of(name)]
        if not options:
            return Finding("permissions", False, "not seen: there is no product to ask about", "Try again later.")
        try:
            await self._rest.cancel({"product_id": options[0].product_id, "client_order_id": NOBODYS_ORDER})
        except DeltaError as error:
            if error.error_class is not ErrorClass.GONE:
                raise
        return Finding("permissions", True, "the key may trade")

    async def _balance(self) -> Finding:
        money = parse_account.balance(await self._rest.balances())
        found = f"{money.cash:,.2f} USD, {money.available:,.2f} free"
        passed = money.available > ZERO
        return Finding("balance", passed, found, "" if passed else "Add funds at the exchange.")

    async def _margin_mode(self) -> Finding:
        """Field seen live but documented nowhere; without it the answer is no."""
        mode = text(await self._rest.trading_preferences(), "margin_mode")
        passed = mode == MARGIN_MODE
        advice = f"Set the account to {MARGIN_MODE} margin at the exchange, while it holds nothing."
        return Finding("margin mode", passed, mode or "the exchange does not say", "" if passed else advice)

    async def _limits(self) -> Finding:
        limit = self._config.weight_limit
        if not self._config.quota_seconds or self._config.environment.startswith("global"):
            return Finding("limits", True, f"{limit} per five minutes; this host has no meter")
        spent = whole(await self._rest.quota(), "current_quota") or 0
        passed = spent <= limit * MOST_SPENT
        advice = "Another program spends this account's request budget: stop it, or raise DELTA_WEIGHT_LIMIT."
        return Finding("limits", passed, f"{spent} of {limit} spent in five minutes", "" if passed else advice)

    async def _streams(self) -> Finding:
        """Both sockets up, authenticated, and every channel granted."""
        venue = self._venue
        await venue.connect()
        streams = (venue.market.stream, venue.account.stream)
        try:
            async with asyncio.timeout(self._stream_seconds):
                while not all(stream.whole for stream in streams):
                    await venue.link.waits.sleep(STREAM_LOOK_SECONDS)
        except TimeoutError:
            down = [
                f"{s.name}: {s.problem or 'refused ' + ', '.join(sorted(s.refused))}" for s in streams if not s.whole
            ]
            advice = "Check the socket addresses and the firewall; REST alone is too slow to trade on."
            return Finding("streams", False, "; ".join(down), advice)
        return Finding("streams", True, "public and private are up")
