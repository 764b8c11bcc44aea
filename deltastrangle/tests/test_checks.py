"""Each system check fires on what it is for, and only then."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.checks import CheckMessage
from pytest_django import Settings

from deltastrangle import checks

ALL = (
    checks.secrets,
    checks.exchange_keys,
    checks.layout,
    checks.database_options,
    checks.simulated_venue,
    checks.engine_timing,
    checks.delta_exchange,
)


def ids() -> list[str | None]:
    """The ids of everything the checks say about the present settings."""
    messages: list[CheckMessage] = [message for check in ALL for message in check()]
    return [message.id for message in messages]


def test_the_defaults_pass() -> None:
    assert ids() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"SECRET_KEY": "change-me"}, "E001"),
        ({"SECRET_KEY": "x" * 40, "JWT_SECRET_KEY": "x" * 40}, "E001"),
        ({"STRANGLE_LAYOUT": "split", "REDIS_URL": None}, "E003"),
        ({"DELTA_LIVE_TRADING": True}, "E004"),
        ({"STRANGLE_LAYOUT": "split", "REDIS_URL": "redis://r", "DEBUG": True}, "W001"),
        ({"SIMULATED_VENUE_SPEED": 0.5}, "E007"),
        ({"SIMULATED_VENUE_SPEED": 601}, "E007"),
        ({"SIMULATED_VENUE_START": "24:00"}, "E008"),
        ({"SIMULATED_VENUE_BALANCE": "much"}, "E009"),
        ({"SIMULATED_VENUE_BALANCE": "NaN"}, "E009"),
        ({"SIMULATED_VENUE_BALANCE": "-1"}, "E009"),
        ({"ENGINE_LEASE_SECONDS": 1.0}, "E010"),
        ({"ENGINE_PUBLISH_SECONDS": 0.0}, "E010"),
        ({"DELTA_TESTNET_URL": "127.0.0.1:9400"}, "E011"),
        ({"DELTA_PRIVATE_WS_URL": "https://127.0.0.1"}, "E011"),
        ({"DELTA_TESTNET_SPEED": 0.5}, "E011"),
        ({"DELTA_WEIGHT_LIMIT": 0}, "E011"),
    ],
)
def test_it_fires(settings: Settings, changes: dict[str, Any], expected: str) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    assert ids() == [f"deltastrangle.{expected}"]


def test_live_is_fine_in_the_split_layout(settings: Settings) -> None:
    settings.STRANGLE_LAYOUT = "split"
    settings.REDIS_URL = "redis://r"
    settings.DELTA_LIVE_TRADING = True
    assert ids() == []


@pytest.mark.parametrize("name", ["DELTA_API_KEY", "DELTA_API_SECRET_FILE", "DELTA_TESTNET_API_SECRET"])
def test_it_refuses_exchange_keys_in_the_web(settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "value")
    assert ids() == ["deltastrangle.E002"]
    settings.STRANGLE_ROLE = "worker"
    assert ids() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ATOMIC_REQUESTS": True}, "E006"),
        ({"OPTIONS": {}}, "E005"),
        ({"OPTIONS": {"init_command": "PRAGMA journal_mode=WAL", "timeout": 5}}, "E005"),
    ],
)
def test_it_guards_the_database_options(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], expected: str) -> None:
    sqlite = {
        "ENGINE": "django.db.backends.sqlite3",
        "OPTIONS": {"timeout": 5, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"},
    }
    monkeypatch.setitem(settings.DATABASES, "default", sqlite | change)
    assert [message.id for message in checks.database_options()] == [f"deltastrangle.{expected}"]
