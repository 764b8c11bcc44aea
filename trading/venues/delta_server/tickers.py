"""Tickers, books and trades as REST shows them, and the figures that the socket shares (``spec/delta_exchange.md``
§2.3).
"""

from __future__ import annotations

from decimal import Decimal

from trading.strategy.types import Instrument, Quote
from trading.venues.delta_server.catalogue import category
from trading.venues.delta_server.formats import iso, number, plain
from trading.venues.delta_server.products import leverage
from trading.venues.delta_server.wire import Json
from trading.venues.simulated.candles import Candle, recent_stats
from trading.venues.simulated.clock import micros
from trading.venues.simulated.market import Market
from trading.venues.simulated.products import at_second

_DAY = 86_400
_IV_PLACES = 8


def days_left(instrument: Instrument, quote: Quote) -> float:
    """Days from the quote to settlement."""
    return (instrument.settlement_at - quote.at).total_seconds() / _DAY


def rho(instrument: Instrument, quote: Quote, spot: Decimal) -> float:
    """Dollars per percentage point of interest: T·(S·Δ − price)/100, for calls and puts alike."""
    price = float(quote.mark or 0)
    return days_left(instrument, quote) / 365.0 * (float(spot) * (quote.delta or 0.0) - price) / 100.0


def implied(quote: Quote, price: Decimal | None) -> float | None:
    """IV of a quoted price as a fraction, linear in vega around the mark's."""
    if price is None or quote.iv is None:
        return None
    if not quote.vega or quote.mark is None or quote.vega < 1e-6:
        return quote.iv
    return min(5.0, max(0.01, quote.iv + float(price - quote.mark) / quote.vega / 100.0))


def ticker(market: Market, instrument: Instrument, quote: Quote, spot: Decimal) -> Json:
    """One row of ``/v2/tickers``. Contracts without a trade in 24 hours lack the trade fields altogether."""
    lots = quote.open_interest or 0
    interest = lots * instrument.contract_value
    row: Json = {
        "symbol": instrument.symbol,
        "product_id": instrument.product_id,
        "contract_type": category(instrument.symbol),
        "underlying_asset_symbol": instrument.underlying,
        "description": instrument.symbol,
        "strike_price": plain(instrument.strike),
        "spot_price": plain(spot),
        "mark_price": number(quote.mark, 8),
        "mark_vol": number(quote.iv, _IV_PLACES),
        "greeks": _greeks(instrument, quote, spot),
        "quotes": _quotes(quote),
        "price_band": {"lower_limit": number(quote.band_low, 8), "upper_limit": number(quote.band_high, 8)},
        "oi": number(interest, 4),
        "oi_contracts": str(lots),
        "oi_value": number(interest, 4),
        "oi_value_symbol": instrument.underlying,
        "oi_value_usd": number(interest * spot, 4),
        "oi_change_usd_6h": "0.0000",
        "mark_change_24h": "0.0000",
        "leverage": int(leverage(instrument, days_left(instrument, quote))),
        "tick_size": number(instrument.tick_size, 18),
        "contract_value": number(instrument.contract_value, 18),
        "product_trading_status": instrument.trading_status,
        "oi_reduce_only_mode": False,
        "timestamp": micros(quote.at),
    }
    stats = recent_stats(market, instrument, int(quote.at.timestamp()))
    if stats is not None:
        row.update(_traded(stats, instrument, spot), time=iso(at_second(stats.time)))
    return row


def _greeks(instrument: Instrument, quote: Quote, spot: Decimal) -> Json:
    figures = {
        "delta": quote.delta,
        "gamma": quote.gamma,
        "theta": quote.theta,
        "vega": quote.vega,
        "rho": rho(instrument, quote, spot),
    }
    return {**{name: number(value, 8) for name, value in figures.items()}, "spot": plain(spot)}


def _quotes(quote: Quote) -> Json:
    return {
        "best_bid": plain(quote.bid),
        "bid_size": str(quote.bid_size) if quote.bid is not None else None,
        "best_ask": plain(quote.ask),
        "ask_size": str(quote.ask_size) if quote.ask is not None else None,
        "bid_iv": number(implied(quote, quote.bid), _IV_PLACES),
        "ask_iv": number(implied(quote, quote.ask), _IV_PLACES),
        "mark_iv": number(quote.iv, _IV_PLACES),
        "impact_mid_price": None,
    }


def _traded(stats: Candle, instrument: Instrument, spot: Decimal) -> Json:
    volume = (stats.volume or 0) * float(instrument.contract_value)
    turnover = round(volume * float(spot), 4)
    return {
        "open": float(stats.open),
        "high": float(stats.high),
        "low": float(stats.low),
        "close": float(stats.close),
        "size": stats.volume,
        "volume": round(volume, 6),
        "turnover": turnover,
        "turnover_usd": turnover,
        "turnover_symbol": "USD",
        "ltp_change_24h": f"{(float(stats.close / stats.open) - 1.0) * 100.0:.4f}",
    }
