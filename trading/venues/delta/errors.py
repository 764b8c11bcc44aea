"""What can go wrong at the exchange, by class, with what an operator should do about it.

Three questions matter: is a refusal definitive, may a read be repeated, and may a write have been executed although no
proper answer came (``spec/delta_exchange.md`` §1.3 and §9).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class ErrorClass(StrEnum):
    """Families of errors, each with one consequence."""

    CLOCK = "clock"
    AUTH = "auth"
    SCHEMA = "schema"
    FUNDS = "funds"
    RISK = "risk"
    LIQUIDATION = "liquidation"
    LEVERAGE = "leverage"
    LIQUIDITY = "liquidity"
    POST_ONLY = "post_only"
    MARKET_STATE = "market_state"
    REDUCE_ONLY = "reduce_only"
    GONE = "gone"
    BRACKET = "bracket"
    BINARY = "binary"
    RATE = "rate"
    INFRA = "infra"
    NETWORK = "network"
    UNSENT = "unsent"
    UNKNOWN = "unknown"


_C = ErrorClass
CODES: Mapping[ErrorClass, tuple[str, ...]] = {
    _C.CLOCK: ("expired_signature", "signatureexpired", "request_expired"),
    _C.AUTH: (
        *("invalid_api_key", "invalidapikey", "api_key_not_found", "signature_mismatch", "invalid_signature"),
        *("ip_not_whitelisted_for_api_key", "ip_not_whitelisted", "unauthorized_api_access", "unauthorizedapiaccess"),
        *("kyc_pending", "trading_blocked", "derivatives_trading_blocked", "spot_trading_blocked"),
        *("spot_blocked_country", "incomplete_payload", "signature mismatch", "forbidden"),
    ),
    _C.SCHEMA: (
        *("bad_schema", "invalid_contract", "invalid_index_symbol", "less_than_order_min_size"),
        "order_max_size_exceeded",
    ),
    _C.FUNDS: (
        *("insufficient_margin", "close_position_insufficient_margin", "insufficient_commission"),
        "trading_credits_breached",
    ),
    _C.RISK: (
        *("risk_limits_breached", "portfolio_risk_limits_breached", "account_risk_limits_breached"),
        *("liquidation_risk_limits_breached", "greeks_limits_breached", "family_position_limit_exceeded"),
        *("max_orders_count_exceeded", "naked_short_restricted", "trading_not_allowed_on_current_margin_mode"),
    ),
    _C.LIQUIDATION: ("immediate_liquidation", "out_of_bankruptcy", "position_under_liquidation"),
    _C.LEVERAGE: ("max_leverage_exceeded", "min_leverage_exceeded", "leverage_limit_exceeded"),
    _C.LIQUIDITY: (
        *("order_size_not_available_in_orderbook", "order_size_exceed_available", "no_liquidity_for_market_order"),
        "unsupported",
    ),
    _C.POST_ONLY: ("immediate_execution_post_only",),
    _C.MARKET_STATE: (
        *("self_matching_disrupted_post_only", "overlapping_buy_sell_orders", "stale_order", "unavailable"),
    ),
    _C.REDUCE_ONLY: (
        *("no_position_for_reduce_only", "no_position_left_for_reduce_only", "offset_by_reduce_only"),
        *("reduce_only_orders_allowed", "reduce_only_orders_allowed_sell_side", "close_order_position_unavailable"),
        "no_open_position",
    ),
    _C.GONE: ("open_order_not_found", "order_already_filled", "no_orders", "not_found", "order_not_found"),
    _C.BRACKET: ("bracket_order_position_exists", "position_bracket_exist_or_invalid_data"),
    _C.BINARY: (
        *("limit_order_not_allowed_for_binary_options", "stop_orders_not_allowed_for_binary_options"),
        "not_a_binary_options_product",
    ),
    _C.RATE: ("rate_limit_exceeded", "too_many_requests"),
    _C.INFRA: ("internal_server_error", "maintenance", "under_maintenance", "html", "bad_json", "bad_body"),
    _C.NETWORK: ("timeout", "disconnected"),
    _C.UNSENT: ("not_sent", "rate_budget", "not_ready", "no_keys"),
}
CLASS_OF: Mapping[str, ErrorClass] = {code: kind for kind, codes in CODES.items() for code in codes}

ADVICE: Mapping[ErrorClass, str] = {
    _C.CLOCK: "The clock of this machine differs from the exchange's; it is corrected and the request signed again. "
    "If this repeats, check the machine's time service.",
    _C.AUTH: "Trading stops until the key or the account is put right at the exchange.",
    _C.SCHEMA: "The exchange did not understand the order. The products are read again; if it repeats, report it.",
    _C.FUNDS: "Add funds or lower the quantity; nothing is retried at the same size.",
    _C.RISK: "A risk limit of the exchange blocks entries. Lower the size or raise the limit at the exchange.",
    _C.LIQUIDATION: "The position is close to liquidation. Reduce it by hand at once if the platform does not.",
    _C.LEVERAGE: "Correct the leverage of this contract at the exchange.",
    _C.LIQUIDITY: "The book is too thin; closes are repriced and repeated.",
    _C.POST_ONLY: "The order would have traded at once; it is repriced.",
    _C.MARKET_STATE: "The contract or the exchange is not trading normally; its status is read again.",
    _C.REDUCE_ONLY: "There seems to be nothing left to close; the position is read again.",
    _C.GONE: "The order is no longer open; its end is read again.",
    _C.BRACKET: "A stop already exists for this position.",
    _C.BINARY: "This contract is a binary option, which the platform does not trade.",
    _C.RATE: "Too many requests; nothing more is sent until the exchange's counter restarts.",
    _C.INFRA: "The exchange has a fault. Reads are repeated; what became of an order is asked, not guessed.",
    _C.NETWORK: "The connection failed. Reads are repeated; what became of an order is asked, not guessed.",
    _C.UNSENT: "The request never left this machine.",
    _C.UNKNOWN: "The exchange gave a reason this client does not know. An order is not repeated; its fate is read.",
}
ADVICE_BY_CODE: Mapping[str, str] = {
    "invalid_api_key": "The key is unknown at this host: keys of India and global, production and testnet are "
    "separate. Check the environment setting and the key.",
    "api_key_not_found": "The key is unknown at this host: keys of India and global, production and testnet are "
    "separate. Check the environment setting and the key.",
    "signature_mismatch": "The signature was not accepted: check the secret; if it is right, report this as a bug.",
    "invalid_signature": "The signature was not accepted: check the secret; if it is right, report this as a bug.",
    "signature mismatch": "The signature was not accepted: check the secret; if it is right, report this as a bug.",
    "ip_not_whitelisted_for_api_key": "Add this machine's address to the key's whitelist at the exchange.",
    "ip_not_whitelisted": "Add this machine's address to the key's whitelist at the exchange.",
    "unauthorized_api_access": "The key may not trade: give it the Trading permission at the exchange.",
    "unauthorizedapiaccess": "The key may not trade: give it the Trading permission at the exchange.",
    "kyc_pending": "Finish the identity check at the exchange.",
    "forbidden": "The exchange's front door refused this machine: check the User-Agent, the country and the firewall.",
    "maintenance": "The exchange is under maintenance; trading resumes by itself after it.",
    "under_maintenance": "The exchange is under maintenance; trading resumes by itself after it.",
    "html": "A proxy answered instead of the exchange. Reads are repeated; an order's fate is read back.",
    "bad_json": "The answer was cut off. Reads are repeated; an order's fate is read back.",
    "no_keys": "Set the exchange's key and secret in the worker.",
    "not_ready": "The streams are being caught up; entries wait until orders, fills and positions are known again.",
    "rate_budget": "The request budget is spent; only closes and cancels have a reserve.",
}
DEFINITIVE = frozenset(ErrorClass) - {_C.RATE, _C.INFRA, _C.NETWORK, _C.UNKNOWN}
RETRYABLE = frozenset({_C.RATE, _C.INFRA, _C.NETWORK, _C.MARKET_STATE})
SHOWN = (
    *("client_ip", "available_balance", "required_additional_balance", "additional_margin_required"),
    *("request_time", "server_time", "schema_errors"),
)


class DeltaError(Exception):
    """A request failed. ``code`` is the exchange's (lower case) or ours; ``status`` the HTTP status, 0 without one;
    ``context`` what the exchange added. The text is for operators and ends with what to do.
    """

    def __init__(
        self, code: str, detail: str = "", *, status: int = 0, context: Mapping[str, Any] | None = None
    ) -> None:
        self.code = code.lower()
        self.status = status
        self.context: Mapping[str, Any] = context or {}
        self.error_class = CLASS_OF.get(self.code, ErrorClass.UNKNOWN)
        self.detail = detail or self._facts()
        super().__init__(f"{self.detail}. {self.advice}")

    @property
    def advice(self) -> str:
        """What to do, in plain words."""
        return ADVICE_BY_CODE.get(self.code, ADVICE[self.error_class])

    @property
    def definitive(self) -> bool:
        """A write with this answer was certainly not executed."""
        return self.error_class in DEFINITIVE

    @property
    def retryable(self) -> bool:
        """A read with this answer may be repeated."""
        return self.error_class in RETRYABLE or self.code == "not_sent"

    def _facts(self) -> str:
        shown = ", ".join(f"{name} {self.context[name]}" for name in SHOWN if self.context.get(name) is not None)
        words = self.code.replace("_", " ").capitalize()
        status = f" (HTTP {self.status})" if self.status >= 400 else ""
        return f"{words}{status}: {shown}" if shown else f"{words}{status}"


def from_envelope(status: int, error: object) -> DeltaError:
    """The error inside an envelope: an object with ``code`` and ``context``, or a bare string."""
    if isinstance(error, Mapping):
        code = error.get("code") or error.get("message") or "unnamed"
        context = error.get("context")
        return DeltaError(str(code), status=status, context=context if isinstance(context, Mapping) else None)
    return DeltaError(str(error) if error else "unnamed", status=status)
