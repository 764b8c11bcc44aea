"""Products, assets and indices as the exchange shows them (``spec/delta_exchange.md`` §2.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from trading.strategy.types import Instrument, OptionType
from trading.venues.delta_server.catalogue import CATEGORIES, INDEX_SYMBOLS, Catalogue
from trading.venues.delta_server.formats import iso, plain
from trading.venues.delta_server.wire import Json
from trading.venues.simulated.products import UNDERLYINGS

USD_ID: Final = 14
ASSET_IDS: Final = {"BTC": 13, "ETH": 16, "USD": USD_ID}
_INDEX_IDS: Final = {"BTC": 14, "ETH": 15}
_IMPACT: Final = {"BTC": 200, "ETH": 300}
_LEVERAGE_OF_MARGIN: Final = 100


def asset(symbol: str) -> Json:
    """One row of ``/v2/assets``."""
    precision = 8 if symbol != "USD" else 2
    return {
        "id": ASSET_IDS[symbol],
        "symbol": symbol,
        "name": {"BTC": "Bitcoin", "ETH": "Ethereum", "USD": "US Dollar"}[symbol],
        "precision": precision,
        "minimum_precision": precision,
        "deposit_status": "disabled",
        "withdrawal_status": "disabled",
        "base_withdrawal_fee": "0",
        "min_withdrawal_amount": "0",
        "variable_withdrawal_fee": "0",
        "interest_credit": False,
        "networks": [],
        "sort_priority": ASSET_IDS[symbol],
    }


def index(underlying: str) -> Json:
    """One row of ``/v2/indices``."""
    return {
        "id": _INDEX_IDS[underlying],
        "symbol": INDEX_SYMBOLS[underlying],
        "description": f"{underlying} spot index in US dollars",
        "index_type": "spot_pair",
        "is_composite": True,
        "price_method": "ltp",
        "tick_size": "0.5" if underlying == "BTC" else "0.05",
        "underlying_asset_id": ASSET_IDS[underlying],
        "quoting_asset_id": USD_ID,
    }


def leverage(instrument: Instrument, days: float) -> Decimal:
    """Default leverage: what the initial margin allows."""
    return _LEVERAGE_OF_MARGIN / UNDERLYINGS[instrument.underlying].margin_terms(days).initial_pct


def product(catalogue: Catalogue, instrument: Instrument, days: float) -> Json:
    """A live contract ``days`` before its settlement."""
    spec = UNDERLYINGS[instrument.underlying]
    margin = spec.margin_terms(days)
    return {
        "id": instrument.product_id,
        "symbol": instrument.symbol,
        "description": _description(instrument),
        "contract_type": CATEGORIES[instrument.option_type],
        "state": "live",
        "trading_status": instrument.trading_status,
        "disruption_reason": None,
        "strike_price": plain(instrument.strike),
        "settlement_time": iso(instrument.settlement_at),
        "settlement_price": None,
        "launch_time": iso(catalogue.launch_time(instrument)),
        "auction_start_time": iso(catalogue.launch_time(instrument)),
        "auction_finish_time": None,
        "contract_value": plain(instrument.contract_value),
        "contract_unit_currency": instrument.underlying,
        "notional_type": "vanilla",
        "tick_size": plain(instrument.tick_size),
        "initial_margin": plain(margin.initial_pct),
        "maintenance_margin": plain(margin.maintenance_pct),
        "initial_margin_scaling_factor": plain(margin.initial_scaling),
        "maintenance_margin_scaling_factor": plain(margin.maintenance_scaling),
        "max_leverage_notional": plain(margin.free_notional),
        "default_leverage": f"{leverage(instrument, days):.18f}",
        "maker_commission_rate": plain(instrument.maker_rate),
        "taker_commission_rate": plain(instrument.taker_rate),
        "liquidation_penalty_factor": "0.5",
        "insurance_fund_margin_contribution": "5",
        "position_size_limit": spec.position_limit,
        "position_notional_limit": None,
        "price_band": "2",
        "impact_size": _IMPACT[instrument.underlying],
        "impact_notional": "10000",
        "barrier_price": None,
        "is_quanto": False,
        "product_specs": _specs(instrument),
        **_assets(instrument.underlying),
    }


def expired(catalogue: Catalogue, instrument: Instrument, *, told: bool = True) -> Json:
    """An expired contract with its settlement price, once that is ``told``."""
    payoff, index_price = catalogue.payoff(instrument)
    row = product(catalogue, instrument, 0.0)
    row.update(state="expired", trading_status="operational", settlement_price=plain(payoff) if told else None)
    row["product_specs"]["settlement_index_price"] = plain(index_price) if told else None
    return row


def _description(instrument: Instrument) -> str:
    kind = "call" if instrument.option_type is OptionType.CALL else "put"
    day = instrument.settlement_at
    return f"{instrument.underlying} {kind} option expiring on {day.day}-{day.month}-{day.year}"


def _specs(instrument: Instrument) -> Json:
    return {
        "premium_commission_rate": float(instrument.premium_cap_rate),
        "only_reduce_only_orders_allowed": False,
        "isolated_liq_penalty_factor": 0.0005 if instrument.underlying == "BTC" else 0.001,
        "isolated_liq_premium_penalty_factor": 0.2,
        "min_volatility": 0.1,
        "max_volatility": 3,
        "vol_calculation_method": "orderbook",
    }


def _assets(underlying: str) -> Json:
    usd = {"id": USD_ID, "symbol": "USD"}
    return {
        "underlying_asset": {"id": ASSET_IDS[underlying], "symbol": underlying},
        "quoting_asset": usd,
        "settling_asset": usd,
        "spot_index": {
            "id": _INDEX_IDS[underlying],
            "symbol": INDEX_SYMBOLS[underlying],
            "tick_size": index(underlying)["tick_size"],
        },
    }


def reference(product_id: int, symbol: str) -> Json:
    """The short form of a product inside orders and fills."""
    underlying = symbol.split("-")[1]
    return {
        "id": product_id,
        "symbol": symbol,
        "contract_type": CATEGORIES[OptionType.CALL if symbol.startswith("C-") else OptionType.PUT],
        "contract_value": plain(UNDERLYINGS[underlying].contract_value),
        "tick_size": plain(UNDERLYINGS[underlying].tick),
        "settling_asset": {"id": USD_ID, "symbol": "USD"},
        "underlying_asset": {"id": ASSET_IDS[underlying], "symbol": underlying},
    }
