"""The fee calculator: the API's contract and the page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db
URL = "/api/trading/fees/quote"
EXAMPLE: dict[str, Any] = {"underlying_price": 26200, "contract_size": 0.001, "quantity": 300, "premium": 15}


@pytest.fixture
def api() -> APIClient:
    """A program of a viewer."""
    client = APIClient()
    client.force_authenticate(make.user("viewer"))
    return client


@pytest.mark.parametrize("url", [URL, f"{URL}/"])
def test_the_references_example(api: APIClient, url: str) -> None:
    response = api.post(url, EXAMPLE, format="json")
    breakdown = {
        "notional_fee": 1.179,
        "premium_cap": 0.225,
        "applied_fee": 0.225,
        "cap_applied": True,
        "gst_rate": 0.18,
        "total_fee_with_gst": 0.2655,
    }
    assert response.status_code == 200
    assert response.json() == {
        **EXAMPLE,
        **breakdown,
        "order_type": "taker",
        "fee_rate": 0.00015,
        "premium_cap_rate": 0.05,
        "notional": 7860.0,
        "premium_value": 4.5,
        "fee": 0.225,
        "breakdown": breakdown,
    }


def test_a_maker_pays_what_a_taker_pays_and_a_product_its_own_rates(api: APIClient) -> None:
    product = {"fee_rate": "0.0001", "premium_cap_rate": "0.035", "order_type": "maker"}
    body = api.post(URL, {**EXAMPLE, **product}, format="json").json()
    assert (body["notional_fee"], body["premium_cap"], body["fee"]) == (0.786, 0.1575, 0.1575)


def test_without_premium_the_notional_pays(api: APIClient) -> None:
    body = api.post(URL, {**EXAMPLE, "premium": 0}, format="json").json()
    assert (body["fee"], body["cap_applied"]) == (1.179, False)


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"underlying_price": 0}, "underlying_price", "Underlying price must be greater than zero."),
        ({"contract_size": -1}, "contract_size", "Contract size must be greater than zero."),
        ({"quantity": 0}, "quantity", "Quantity must be greater than zero."),
        ({"premium": -1}, "premium", "Premium cannot be negative."),
        ({"fee_rate": -1}, "fee_rate", "Fee rate cannot be negative."),
        ({"premium_cap_rate": -1}, "premium_cap_rate", "Premium cap rate cannot be negative."),
    ],
)
def test_it_refuses_in_the_references_words(api: APIClient, changed: dict[str, Any], field: str, said: str) -> None:
    response = api.post(URL, {**EXAMPLE, **changed}, format="json")
    assert (response.status_code, response.json()["detail"]) == (422, said)
    assert response.json()["fields"] == {field: [said]}


@pytest.mark.parametrize("changed", [{"quantity": 1.5}, {"premium": "NaN"}, {"order_type": "stop"}, {"quantity": None}])
def test_what_is_no_number_is_refused_at_its_field(api: APIClient, changed: dict[str, Any]) -> None:
    response = api.post(URL, {**EXAMPLE, **changed}, format="json")
    assert (response.status_code, list(response.json()["fields"])) == (422, list(changed))


def test_strangers_are_refused() -> None:
    assert APIClient().post(URL, EXAMPLE, format="json").status_code == 401
    assert Client().get(reverse("fees")).status_code == 302


def test_the_page_shows_the_example_and_its_sum() -> None:
    client = Client()
    client.force_login(make.user("viewer"))
    shown = client.get(reverse("fees")).content.decode()
    for text in ("$7,860.00", "$1.1790", "$0.2250", "capped", "$0.2655"):
        assert text in shown, text


def test_the_page_says_at_the_field_what_is_wrong() -> None:
    client = Client()
    client.force_login(make.user("viewer"))
    shown = client.get(reverse("fees"), {"quantity": "0"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in shown
    assert "Quantity must be greater than zero." in shown
    assert "With GST" not in shown
    assert "Fee rate cannot be negative." in client.get(reverse("fees"), {"fee_rate_pct": "-1"}).content.decode()
