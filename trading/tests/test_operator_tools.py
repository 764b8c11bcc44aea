"""The operator's tools against a simulator in a process of its own, reached by settings alone."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from pytest_django import Settings

from accounts.models import AuditEvent
from trading.management.commands import manual_order, positions, preflight, record_market, watch_quotes
from trading.models import PreflightRun
from trading.strategy.codec import loads
from trading.strategy.types import Chain
from trading.venues.delta_server.tests.support import KEY, SECRET
from trading.venues.delta_server.tests.wire import Simulator, near_call

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """An exchange at the pace of the wall clock."""
    data = tmp_path_factory.mktemp("simulator")
    with Simulator(data, "--api-key", KEY, "--api-secret", SECRET) as running:
        yield running


@pytest.fixture(autouse=True)
def pointed(settings: Settings, simulator: Simulator) -> Iterator[Settings]:
    """The worker's settings, with testnet and the public data at the simulator."""
    sockets = simulator.url.replace("http", "ws")
    settings.DELTA_TESTNET_URL = settings.DELTA_BASE_URL = simulator.url
    settings.DELTA_TESTNET_PUBLIC_WS_URL = settings.DELTA_PUBLIC_WS_URL = f"{sockets}/public"
    settings.DELTA_TESTNET_PRIVATE_WS_URL = settings.DELTA_PRIVATE_WS_URL = f"{sockets}/private"
    settings.DELTA_TESTNET_API_KEY, settings.DELTA_TESTNET_API_SECRET = KEY, SECRET
    settings.STRANGLE_LAYOUT = "split"
    yield settings
    httpx.delete(f"{simulator.url}/_control/faults")


def run(command: type[BaseCommand], *args: str, **given: Any) -> str:
    """The command's output; that of one that failed is in the error's ``output``."""
    out = StringIO()
    try:
        call_command(command(stdout=out, stderr=out, no_color=True, **given), *args)
    except CommandError as error:
        error.output = out.getvalue()  # type: ignore[attr-defined]
        raise
    return out.getvalue()


def inject(simulator: Simulator, fault: str) -> None:
    """Put a fault of the wire in force."""
    httpx.post(f"{simulator.url}/_control/faults", json={"text": fault}).raise_for_status()


def truth(simulator: Simulator) -> dict[str, Any]:
    """What the venue itself knows."""
    found: dict[str, Any] = httpx.get(f"{simulator.url}/_control/truth").json()
    return found


def lines(path: Path) -> list[str]:
    """What a recording holds."""
    with gzip.open(path, "rt") as file:
        return file.read().splitlines()


def never(question: str) -> str:
    """Nobody should be asked."""
    raise AssertionError(question)


# --- preflight -------------------------------------------------------------------------------------


def test_a_good_account_passes_and_is_stored() -> None:
    out = run(preflight.Command)
    names = re.findall(r"^PASS  (\S.*?)  ", out, re.MULTILINE)
    assert names == [
        *("layout", "connectivity", "clock skew", "key", "whitelist"),
        *("products", "permissions", "balance", "margin mode", "limits", "streams"),
    ]
    assert "FAIL" not in out
    stored = PreflightRun.objects.get()
    assert (stored.mode, stored.environment, stored.passed, len(stored.checks)) == (
        "testnet",
        "india_testnet",
        True,
        11,
    )
    assert AuditEvent.objects.get(action="preflight").outcome == "ok"


def test_without_a_database_the_table_is_shown_and_the_reason_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(**given: object) -> None:
        raise OperationalError("no such table: trading_preflightrun")

    monkeypatch.setattr(preflight, "record_preflight", missing)
    with pytest.raises(CommandError, match=r"no such table.*migrate"):
        run(preflight.Command)


def test_a_wrong_secret_fails_and_shows_no_secret(pointed: Settings) -> None:
    pointed.DELTA_TESTNET_API_SECRET = "not-the-secret-of-this-key"
    with pytest.raises(CommandError, match=r"Pre-flight failed: key, whitelist$") as failed:
        run(preflight.Command)
    out = failed.value.output  # type: ignore[attr-defined]
    assert "check the secret" in out
    assert "not-the-secret" not in out
    assert failed.value.returncode == 1
    assert not PreflightRun.objects.get().passed


def test_an_address_that_is_not_whitelisted_is_named(simulator: Simulator) -> None:
    inject(simulator, "ip_refused")
    with pytest.raises(CommandError, match="whitelist") as failed:
        run(preflight.Command)
    out = failed.value.output  # type: ignore[attr-defined]
    assert re.search(r"^PASS  key ", out, re.MULTILINE)
    assert "Add this machine's address to the key's whitelist" in out


def test_nobody_there_fails_at_once(pointed: Settings) -> None:
    pointed.DELTA_TESTNET_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match=r"Pre-flight failed: connectivity$"):
        run(preflight.Command)


def test_it_needs_the_keys(pointed: Settings) -> None:
    pointed.DELTA_TESTNET_API_KEY = None
    with pytest.raises(CommandError, match="needs DELTA_TESTNET_API_KEY and DELTA_TESTNET_API_SECRET"):
        run(preflight.Command)
    assert PreflightRun.objects.count() == 0


def test_live_needs_its_switch(pointed: Settings) -> None:
    pointed.DELTA_API_KEY, pointed.DELTA_API_SECRET = KEY, SECRET
    with pytest.raises(CommandError, match=r"Pre-flight failed: live trading$"):
        run(preflight.Command, "--mode", "live")
    pointed.DELTA_LIVE_TRADING = True
    assert "Pre-flight passed" in run(preflight.Command, "--mode", "live")


# --- manual_order and positions --------------------------------------------------------------------


def test_a_dry_run_shows_the_signed_request_without_secrets_and_sends_nothing(simulator: Simulator) -> None:
    symbol = near_call(simulator.url)["symbol"]
    before = truth(simulator)["orders"]
    out = run(manual_order.Command, symbol, "sell", "3", "--limit", "5000", "--dry-run", ask=never)
    assert out.startswith(f"POST {simulator.url}/v2/orders\n")
    assert "signature: ***" in out
    assert "api-key: ***" in out
    assert '"size":3,"side":"sell","order_type":"limit_order"' in out
    assert '"limit_price":"5000"' in out
    assert KEY not in out
    assert SECRET not in out
    assert truth(simulator)["orders"] == before
    assert not AuditEvent.objects.filter(action__startswith="manual_order").exists()


def test_a_confirmed_order_is_sent_once_and_its_position_is_seen(simulator: Simulator) -> None:
    symbol = near_call(simulator.url)["symbol"]
    out = run(manual_order.Command, symbol, "sell", "2", ask=lambda question: symbol)
    assert "closed, 2 of 2 filled at " in out
    events = AuditEvent.objects.order_by("id").values_list("action", "outcome", "target")
    assert list(events) == [("manual_order.ask", "ok", symbol), ("manual_order.send", "ok", symbol)]
    held = run(positions.Command)
    assert re.search(rf"^{symbol}\s+-2\s+\d", held, re.MULTILINE)
    out = run(manual_order.Command, symbol, "buy", "2", "--reduce-only", ask=lambda question: symbol)
    assert "closed, 2 of 2 filled" in out
    assert "No positions\nNo resting orders" in run(positions.Command)


@pytest.mark.parametrize("answer", ["", "y", "C-BTC-1-010130"])
def test_an_order_that_is_not_confirmed_is_not_sent(simulator: Simulator, answer: str) -> None:
    symbol = near_call(simulator.url)["symbol"]
    before = truth(simulator)["orders"]
    with pytest.raises(CommandError, match="Not confirmed: nothing was sent"):
        run(manual_order.Command, symbol, "sell", "1", ask=lambda question: answer)
    assert truth(simulator)["orders"] == before


def test_without_anybody_at_the_keyboard_nothing_is_sent(simulator: Simulator) -> None:
    def closed(question: str) -> str:
        raise EOFError

    symbol = near_call(simulator.url)["symbol"]
    with pytest.raises(CommandError, match="Not confirmed: nothing was sent"):
        run(manual_order.Command, symbol, "sell", "1", ask=closed)


def test_an_order_whose_answer_is_lost_is_called_unknown(simulator: Simulator) -> None:
    symbol = near_call(simulator.url)["symbol"]
    inject(simulator, "error_after:count=1")
    with pytest.raises(CommandError, match=r"not known\. Look with: manage\.py positions"):
        run(manual_order.Command, symbol, "sell", "1", ask=lambda question: symbol)
    assert AuditEvent.objects.filter(action="manual_order.send", outcome="failed").exists()
    run(manual_order.Command, symbol, "buy", "1", "--reduce-only", ask=lambda question: symbol)


def test_a_refused_order_says_why(simulator: Simulator) -> None:
    symbol = near_call(simulator.url)["symbol"]
    with pytest.raises(CommandError, match=r"(?i)reduce only|position") as refused:
        run(manual_order.Command, symbol, "buy", "1", "--reduce-only", ask=lambda question: symbol)
    assert "not known" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("C-BTC-1-010130", "sell", "1"), "not among the live options"),
        (("C-BTC-1-010130", "sell", "0"), "size must be at least 1"),
        (("C-BTC-1-010130", "sell", "1", "--mode", "live"), "Live trading is switched off"),
    ],
)
def test_nonsense_is_refused_before_anybody_is_asked(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(manual_order.Command, *arguments, ask=never)


def test_a_price_off_the_tick_is_refused(simulator: Simulator) -> None:
    symbol = near_call(simulator.url)["symbol"]
    with pytest.raises(CommandError, match="positive multiple of"):
        run(manual_order.Command, symbol, "sell", "1", "--limit", "100.001", ask=never)


# --- watch_quotes and record_market ----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["dry_run", "testnet"])
def test_quotes_are_shown_with_their_age(simulator: Simulator, mode: str) -> None:
    symbol = near_call(simulator.url)["symbol"]
    out = run(watch_quotes.Command, symbol, "--seconds", "1.5", "--mode", mode)
    assert re.search(r"^symbol +bid size +bid +ask +ask size +mark +delta +age s$", out, re.MULTILINE)
    assert re.search(rf"^{symbol} +\d+ +[\d.]+ +[\d.]+ +\d+ +[\d.]+ +\+0\.\d+ +[\d.]+$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        (("C-BTC-1-010130",), "Not among the live options: C-BTC-1-010130"),
        (("C-BTC-1-010130", "C-ETH-1-010130"), "option symbols of one underlying"),
        (("BTCUSD",), "option symbols of one underlying"),
    ],
)
def test_unknown_symbols_are_named(symbols: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(watch_quotes.Command, *symbols, "--seconds", "1")


def test_chains_are_recorded_and_read_back(tmp_path: Path) -> None:
    out = tmp_path / "recordings" / "btc.jsonl.gz"
    given = ("--underlying", "BTC", "--out", str(out), "--every", "0.2", "--seconds", "0.7")
    assert re.search(rf"^\d looks in {out}, 0 failed$", run(record_market.Command, *given), re.MULTILINE)
    first = lines(out)
    chains = [loads(Chain, line) for line in first]
    assert chains
    assert all(chain.underlying == "BTC" and len(chain.rows) > 50 and chain.spot for chain in chains)
    run(record_market.Command, *given)
    assert len(lines(out)) > len(first)


def test_a_recording_of_nothing_is_an_error(tmp_path: Path, pointed: Settings) -> None:
    pointed.DELTA_BASE_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="No connection to the exchange"):
        run(record_market.Command, "--out", str(tmp_path / "a.jsonl.gz"), "--seconds", "1")
    with pytest.raises(CommandError, match=r"must end in \.jsonl\.gz"):
        run(record_market.Command, "--out", str(tmp_path / "a.json"))
