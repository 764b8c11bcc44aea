"""How often the API may be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.tests.conftest import MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counting(settings: Settings) -> Iterator[None]:
    """Limits as in production, and counters that start at zero."""
    settings.API_LOGIN_RATE = settings.API_CONTROL_RATE = "2/min"
    cache.clear()
    yield
    cache.clear()


def login(client: Client, **headers: Any) -> Any:
    return client.post("/api/auth/login", {"username": "a@example.com", "password": "wrong"}, headers=headers)


def test_the_third_login_in_a_minute_waits(client: Client) -> None:
    assert [login(client).status_code for _ in range(2)] == [401, 401]
    response = login(client)
    assert (response.status_code, response.json()["code"]) == (429, "throttled")
    assert 0 < int(response["Retry-After"]) <= 60


def test_a_forged_forwarding_header_is_no_way_around(client: Client) -> None:
    assert [login(client, x_forwarded_for=f"10.0.0.{n}").status_code for n in range(3)] == [401, 401, 429]


def test_control_is_counted_by_user_and_a_panic_never_waits(make_user: MakeUser) -> None:
    api, other = APIClient(), APIClient()
    api.force_authenticate(make_user("operator"))
    other.force_authenticate(make_user("admin"))
    asked = {"action": "stop"}
    codes = [api.post("/api/trading/control", asked, format="json").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert api.post("/api/trading/control", {"action": "panic"}, format="json").status_code == 200
    assert other.post("/api/trading/control", asked, format="json").status_code == 200


def test_reading_the_mode_is_not_counted_and_setting_it_is(make_user: MakeUser) -> None:
    api = APIClient()
    api.force_authenticate(make_user("operator"))
    mode = "/api/trading/mode"
    assert {api.get(mode).status_code for _ in range(5)} == {200}
    assert [api.post(mode, {"mode": "active"}, format="json").status_code for _ in range(3)] == [200, 200, 429]


def test_a_limit_that_is_off_limits_nobody(client: Client, settings: Settings) -> None:
    settings.API_LOGIN_RATE = None
    assert {login(client).status_code for _ in range(4)} == {401}
