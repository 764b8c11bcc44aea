"""Every answer that is not a result becomes a named state with advice (§1.3 and §9)."""

from __future__ import annotations

import httpx
import pytest

from trading.venues.delta.errors import ADVICE, CLASS_OF, DeltaError, ErrorClass
from trading.venues.delta.wire import loads, read_reply

DOCUMENTED = """
expired_signature invalid_api_key signature_mismatch invalid_signature ip_not_whitelisted_for_api_key
unauthorized_api_access UnauthorizedApiAccess kyc_pending trading_blocked derivatives_trading_blocked
spot_trading_blocked spot_blocked_country bad_schema invalid_contract invalid_index_symbol
less_than_order_min_size order_max_size_exceeded insufficient_margin close_position_insufficient_margin
insufficient_commission trading_credits_breached risk_limits_breached portfolio_risk_limits_breached
account_risk_limits_breached liquidation_risk_limits_breached greeks_limits_breached
family_position_limit_exceeded max_orders_count_exceeded naked_short_restricted
trading_not_allowed_on_current_margin_mode immediate_liquidation out_of_bankruptcy position_under_liquidation
max_leverage_exceeded min_leverage_exceeded leverage_limit_exceeded order_size_not_available_in_orderbook
order_size_exceed_available no_liquidity_for_market_order unsupported immediate_execution_post_only
self_matching_disrupted_post_only overlapping_buy_sell_orders stale_order unavailable
no_position_for_reduce_only no_position_left_for_reduce_only offset_by_reduce_only reduce_only_orders_allowed
reduce_only_orders_allowed_sell_side close_order_position_unavailable no_open_position open_order_not_found
order_already_filled no_orders bracket_order_position_exists position_bracket_exist_or_invalid_data
limit_order_not_allowed_for_binary_options stop_orders_not_allowed_for_binary_options
not_a_binary_options_product rate_limit_exceeded internal_server_error
"""


def answer(status: int, body: bytes, **headers: str) -> DeltaError:
    """The error that an answer is read as."""
    with pytest.raises(DeltaError) as caught:
        read_reply(status, httpx.Headers(headers), body)
    return caught.value


@pytest.mark.parametrize("code", DOCUMENTED.split())
def test_every_documented_code_is_known_and_comes_with_advice(code: str) -> None:
    error = DeltaError(code, status=400)
    assert error.error_class is not ErrorClass.UNKNOWN
    assert error.advice in str(error)
    assert len(error.advice) > 20


def test_every_class_has_advice() -> None:
    assert set(ADVICE) == set(ErrorClass)
    assert set(CLASS_OF.values()) == set(ErrorClass) - {ErrorClass.UNKNOWN}


def test_an_unknown_code_proves_nothing_about_a_write() -> None:
    error = answer(400, b'{"success":false,"error":{"code":"brand_new_reason","context":{}}}')
    assert error.error_class is ErrorClass.UNKNOWN
    assert not error.definitive
    assert not error.retryable


def test_a_known_refusal_is_definitive() -> None:
    error = answer(
        400,
        b'{"success":false,"error":{"code":"insufficient_margin",'
        b'"context":{"available_balance":"12.5","required_additional_balance":"80"}}}',
    )
    assert error.definitive
    assert "available_balance 12.5" in str(error)
    assert "Add funds" in str(error)


def test_a_refusal_may_come_with_http_200() -> None:
    error = answer(200, b'{"success":false,"error":{"code":"invalid_contract"}}')
    assert (error.code, error.definitive) == ("invalid_contract", True)


def test_http_200_success_false_without_a_reason_proves_nothing() -> None:
    for body in (b'{"success":false}', b'{"success":false,"error":null}', b'{"success":false,"error":{}}', b'"what?"'):
        error = answer(200, body)
        assert not error.definitive
        assert error.retryable


def test_a_bare_string_is_a_code_too() -> None:
    assert answer(401, b'{"success":false,"error":"Signature Mismatch"}').error_class is ErrorClass.AUTH


@pytest.mark.parametrize(
    ("status", "body", "code", "definitive"),
    [
        (403, b"<html><body>Request blocked (CloudFront)</body></html>", "forbidden", True),
        (502, b"<html>Bad gateway</html>", "html", False),
        (503, b"<html>Delta is under maintenance</html>", "maintenance", False),
        (200, b'{"success":true,"result":[{"id":1', "bad_json", False),
        (200, b'{"success":true,"result":{"price":NaN}}', "bad_json", False),
        (500, b'{"success":false,"error":{"code":"internal_server_error"}}', "internal_server_error", False),
        (403, b"Forbidden", "forbidden", True),
        (503, b"upstream connect error", "html", False),
        (503, b"Down for maintenance", "maintenance", False),
        (504, b"", "html", False),
        (502, b'{"success":fal', "bad_json", False),
        (500, b'{"success":false}', "internal_server_error", False),
    ],
)
def test_pages_and_broken_answers_have_names(status: int, body: bytes, code: str, definitive: bool) -> None:
    error = answer(status, body)
    assert (error.code, error.definitive) == (code, definitive)


def test_429_tells_how_long_to_wait() -> None:
    error = answer(429, b"slow down", **{"X-RATE-LIMIT-RESET": "1234"})
    assert error.error_class is ErrorClass.RATE
    assert error.context["reset_ms"] == 1234
    assert not error.definitive
    assert answer(429, b"", **{"Retry-After": "2"}).context["reset_ms"] == 2000
    assert answer(429, b"", **{"Retry-After": "soon"}).context == {}


def test_an_address_that_is_not_whitelisted_is_shown() -> None:
    error = answer(
        401,
        b'{"success":false,"error":{"code":"ip_not_whitelisted_for_api_key","context":{"client_ip":"203.0.113.9"}}}',
    )
    assert "203.0.113.9" in str(error)
    assert "whitelist" in str(error)


def test_the_bare_quota_needs_no_envelope() -> None:
    reply = read_reply(200, {}, b'{"current_quota":42,"remaining_time_in_milliseconds":120632}')
    assert reply.result["current_quota"] == 42


def test_prices_stay_exact() -> None:
    assert str(loads('{"p":1.0e3}')["p"]) == "1.0E+3"
    assert str(loads('{"p":0.1}')["p"]) == "0.1"
