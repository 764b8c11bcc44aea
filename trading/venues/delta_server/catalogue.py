"""What the exchange lists, by symbol, number, category and chain token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from trading.strategy.types import Instrument, OptionType
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.products import SETTLEMENT_SECOND, at_second, day_date, parse_symbol
from trading.venues.simulated.records import ExchangeError

INDEX_SYMBOLS = {"BTC": ".DEXBTUSD", "ETH": ".DEETHUSD"}
UNDERLYING_OF_INDEX = {symbol: name for name, symbol in INDEX_SYMBOLS.items()}
CATEGORIES = {OptionType.CALL: "call_options", OptionType.PUT: "put_options"}
EXPIRED_DAYS = 3


def category(symbol: str) -> str:
    """``call_options`` or ``put_options`` by an option's symbol."""
    return CATEGORIES[OptionType.CALL if symbol.startswith("C-") else OptionType.PUT]


def chain_token(symbol: str) -> str:
    """The chain an option belongs to, e.g. ``BTC-050926``."""
    _, underlying, _, expiry = symbol.split("-")
    return f"{underlying}-{expiry}"


def matches(token: str, symbol: str) -> bool:
    """Whether a subscription token (symbol, chain, category or ``all``) covers an option."""
    return token in {symbol, "all", category(symbol)} or token == chain_token(symbol)


class Catalogue:
    """Listings as of the venue's time, kept for the venue second they were made for."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange
        self._second = -1
        self._live: list[Instrument] = []
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._expired: dict[tuple[str, int], list[Instrument]] = {}

    def live(self) -> list[Instrument]:
        """Every live option, underlying by underlying, nearest expiry first."""
        now = self._exchange.now()
        second = int(now.timestamp())
        if second != self._second:
            market = self._exchange.market
            self._live = [item for name in market.underlyings for item in market.instruments(now, name)]
            self._tokens = {}
            self._second = second
        return self._live

    def find(self, symbol: str) -> Instrument | None:
        """A live option by symbol."""
        try:
            return self._exchange.instrument(symbol)
        except ExchangeError:
            return None

    def by_id(self, product_id: int) -> Instrument | None:
        """A live option by number."""
        return self._exchange.market.instrument_by_id(product_id, self._exchange.now())

    def resolve(self, token: str) -> tuple[str, ...]:
        """The option symbols a subscription token stands for: a symbol, a chain, a category or ``all``."""
        live = self.live()
        found = self._tokens.get(token)
        if found is None:
            found = self._tokens[token] = self._resolved(token, live)
        return found

    def _resolved(self, token: str, live: Sequence[Instrument]) -> tuple[str, ...]:
        if parse_symbol(token) is not None:
            return (token,) if self.find(token) else ()
        if token == "all":
            return tuple(item.symbol for item in live)
        if token in CATEGORIES.values():
            return tuple(item.symbol for item in live if category(item.symbol) == token)
        return tuple(item.symbol for item in live if chain_token(item.symbol) == token)

    def knows(self, token: str) -> bool:
        """Whether a token stands for something that is listed, or for a whole category."""
        return token == "all" or token in CATEGORIES.values() or bool(self.resolve(token))

    def expired(self) -> list[Instrument]:
        """The options of the last few settlements, newest first."""
        today = int(self._exchange.now().timestamp()) - SETTLEMENT_SECOND
        found: list[Instrument] = []
        for day in range(today // 86_400, today // 86_400 - EXPIRED_DAYS, -1):
            for name in self._exchange.market.underlyings:
                found += self._settled(name, day)
        return found

    def _settled(self, underlying: str, day: int) -> list[Instrument]:
        key = (underlying, day)
        if key not in self._expired:
            eve = at_second(day * 86_400 + SETTLEMENT_SECOND) - timedelta(seconds=1)
            listed = self._exchange.market.instruments(eve, underlying)
            self._expired[key] = [item for item in listed if item.settlement_at.date() == day_date(day)]
        return self._expired[key]

    def payoff(self, instrument: Instrument) -> tuple[Decimal, Decimal]:
        """Settlement price of an expired option (dollars per unit of the underlying) and of its index."""
        index = self._exchange.market.twap(instrument.underlying, instrument.settlement_at)
        inside = index - instrument.strike if instrument.option_type is OptionType.CALL else instrument.strike - index
        return max(Decimal(0), inside), index

    def launch_time(self, instrument: Instrument) -> datetime:
        """When the option was listed; a day before its settlement if that is no longer known."""
        at = min(self._exchange.now(), instrument.settlement_at - timedelta(seconds=1))
        found = self._exchange.market.launched(instrument.symbol, at)
        return found or instrument.settlement_at - timedelta(days=1)


def expiry_of(text: str, pattern: str) -> date | None:
    """A date from a query; None when it is not one."""
    try:
        return datetime.strptime(text, pattern).replace(tzinfo=UTC).date()
    except ValueError:
        return None
