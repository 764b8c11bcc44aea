"""The runtime picture and the heartbeat, from the rows that the worker and the services write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from trading.models import PnlPoint, RuntimeSnapshot, StrategySession
from trading.selectors.runtime import current_runtime, heartbeat, venue_now
from trading.selectors.runtime_shape import idle_runtime, with_every_field
from trading.services.control import set_trading_mode
from trading.tests import factories_control as make
from trading.tests import snapshots

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, 17, 41, tzinfo=UTC)


def dead_engine(**payload: object) -> None:
    """A snapshot that nobody has renewed for a minute."""
    make.alive_engine(**payload)
    RuntimeSnapshot.objects.update(updated_at=timezone.now() - timedelta(seconds=60))


def test_an_installation_that_never_ran_is_idle_with_every_field() -> None:
    runtime = current_runtime()
    assert runtime["status"] == "idle"
    assert {*idle_runtime(), "worker", "trading_mode"} <= {*runtime}
    assert runtime["totals"] == {
        "realized": 0.0,
        "unrealized": 0.0,
        "total_pnl": 0.0,
        "notional": 0.0,
        "total_pnl_pct": 0.0,
        "fees": 0.0,
    }
    assert runtime["worker"] == {"owner": "", "standby": False, "alive": False, "heartbeat_age_seconds": None}


def test_a_living_workers_snapshot_is_shown_with_its_gaps_filled() -> None:
    session = make.session()
    make.alive_engine(
        session_id=session.pk, status="live", phase="live", totals={"total_pnl": 3.5}, worker={"uptime_seconds": 60}
    )
    runtime = current_runtime()
    assert (runtime["status"], runtime["totals"]["total_pnl"], runtime["totals"]["fees"]) == ("live", 3.5, 0.0)
    assert runtime["worker"]["alive"] is True
    assert runtime["worker"]["uptime_seconds"] == 60
    assert runtime["spot"]["last"] is None


def test_the_picture_of_a_running_session_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make.alive_engine(session_id=make.session().pk, status="live")
    with django_assert_num_queries(1):
        assert current_runtime()["status"] == "live"


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(("age", "alive"), [(4.9, True), (5.0, False)])
def test_a_worker_counts_as_dead_after_five_silent_seconds(age: float, alive: bool) -> None:
    make.alive_engine()
    RuntimeSnapshot.objects.update(updated_at=NOW - timedelta(seconds=age))
    worker = current_runtime()["worker"]
    assert worker["alive"] is alive
    assert worker["heartbeat_age_seconds"] == pytest.approx(age)


def test_a_session_without_a_worker_is_never_shown_as_idle() -> None:
    session = make.session(make.configuration(quantity=25))
    runtime = current_runtime()
    assert (runtime["status"], runtime["phase"], runtime["mode"]) == ("waiting", "waiting", "paper")
    assert (runtime["strategy_id"], runtime["session_id"]) == (session.strategy_id, session.pk)
    config = runtime["config"]
    assert (config["id"], config["name"], config["revision"]) == (session.configuration_id, "Demo", 1)
    assert (config["quantity"], config["contract_size"], config["delta_range"]) == (25, 0.001, [0.1, 0.2])


def test_a_new_session_replaces_the_last_one_in_the_picture_at_once() -> None:
    make.alive_engine(session_id=999, status="cooldown", phase="closed", venue={"name": "simulated"})
    session = make.session()
    runtime = current_runtime()
    assert (runtime["session_id"], runtime["status"]) == (session.pk, "waiting")
    assert runtime["venue"] == {"name": "simulated"}


def test_what_a_dead_worker_last_said_of_an_open_session_stays_visible() -> None:
    session = make.session()
    dead_engine(session_id=session.pk, status="live", phase="live", positions=[{"symbol": "C"}])
    runtime = current_runtime()
    assert (runtime["status"], [leg["symbol"] for leg in runtime["positions"]]) == ("live", ["C"])
    assert runtime["worker"]["alive"] is False


def test_a_dead_workers_picture_of_a_session_that_is_over_is_not_shown() -> None:
    session = make.session()
    dead_engine(session_id=session.pk, status="live", phase="live", positions=[{"symbol": "C"}])
    make.close(session)
    runtime = current_runtime()
    assert (runtime["status"], runtime["session_id"], runtime["positions"]) == ("idle", None, [])


def test_a_session_without_a_snapshot_shows_what_it_last_stored_of_itself() -> None:
    session = make.session()
    session.phase = "live"
    session.pnl_summary = {"total_pnl": -2.0, "trailing_level_pct": 10.0}
    session.save()
    sold = make.leg(session, "call", exit_price=None, open_quantity=100, analytics={"mark_price": 260.0})
    runtime = current_runtime()
    assert (runtime["status"], runtime["active"]) == ("live", True)
    (leg,) = runtime["positions"]
    assert (leg["symbol"], leg["status"], leg["entry_price"], leg["mark_price"]) == (sold.symbol, "open", 240.0, 260.0)
    assert runtime["totals"]["total_pnl"] == -2.0
    assert (runtime["limits"]["effective_loss_pct"], runtime["trailing"]["level"]) == (-10.0, 0.1)


def test_the_trading_mode_is_the_one_in_force_not_the_snapshots() -> None:
    make.alive_engine(trading_mode="active")
    set_trading_mode(actor=None, source="command", mode="stop_entries", reason="news")
    runtime = current_runtime()
    assert (runtime["trading_mode"], runtime["trading_mode_reason"]) == ("stop_entries", "news")


def test_the_heartbeat_of_a_session_has_its_configuration_and_newest_points() -> None:
    session = make.session()
    make.configuration("Newer", active=False)
    make.alive_engine(venue={"name": "simulated"})
    for minute in range(7):
        PnlPoint.objects.create(
            session=session,
            at=make.ENTERED + timedelta(minutes=minute),
            net=Decimal(minute),
            gross=0,
            net_pct=0,
        )
    beat = heartbeat()
    assert (beat["status"], beat["strategy_id"]) == ("running", session.strategy_id)
    assert [point["pnl"] for point in beat["pnl_history"]] == [2, 3, 4, 5, 6]
    assert beat["active_configuration_id"] == session.configuration_id
    assert (beat["worker_alive"], beat["venue"]) == (True, "simulated")


def test_the_heartbeat_is_idle_with_a_worker_and_stopped_without() -> None:
    assert heartbeat()["status"] == "stopped"
    make.alive_engine()
    assert heartbeat()["status"] == "idle"


def test_an_open_session_is_running_even_without_a_worker() -> None:
    make.session()
    beat = heartbeat()
    assert (beat["status"], beat["worker_alive"]) == ("running", False)


@time_machine.travel(NOW, tick=False)
def test_the_venues_clock_is_carried_on_at_its_speed() -> None:
    make.alive_engine(venue={"clock": "2026-11-23T04:00:00Z", "speed": 60})
    RuntimeSnapshot.objects.update(updated_at=NOW - timedelta(seconds=2))
    assert venue_now() == datetime(2026, 11, 23, 4, 2, tzinfo=UTC)


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("venue", [None, {}, {"clock": "soon"}, {"clock": "2026-11-23T04:00:00"}])
def test_without_a_venues_clock_the_walls_serves(venue: object) -> None:
    make.alive_engine(venue=venue)
    assert venue_now() == NOW


def test_the_runtime_takes_few_queries(django_assert_max_num_queries: object) -> None:
    make.session()
    make.alive_engine()
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        current_runtime()
    assert StrategySession.objects.count() == 1


def test_the_legs_and_the_entry_have_every_field_of_the_reference() -> None:
    picture = snapshots.live()
    picture["entry"] |= {
        "selection_strategy": {"selected_expiry": "2026-09-05"},
        "entry_started_at": "2026-09-04T04:00:00Z",
    }
    picture["positions"][0] |= {"ticker_timestamp": "2026-09-04T04:00:01Z", "quantity": 100}
    whole = with_every_field(picture)
    told = ("last_price", "trailing", "quote_sources", "mark_timestamp")
    assert [whole["positions"][0][name] for name in told] == [None, None, [], "2026-09-04T04:00:01Z"]
    assert whole["entry"]["target_expiry"] == "2026-09-05"
    assert whole["entry"]["ticker_params"]["expiry_date"] == "05-09-2026"
    assert whole["entry"]["ticker_params"]["underlying_asset_symbols"] == "BTC"
    assert whole["entry"]["selection_generated_at"] == "2026-09-04T04:00:00Z"
    (call, _) = whole["entry"]["legs"]
    assert (call["side"], call["success"], call["filled_size"]) == ("sell", True, 100)
    assert (call["symbol"], call["filled_price"]) == (
        picture["positions"][0]["symbol"],
        picture["positions"][0]["entry_price"],
    )


def test_a_session_no_worker_has_seen_yet_still_shows_when_it_enters() -> None:
    session = make.session()
    session.session_metadata = {"schedule": {"scheduled_entry_at": "2026-11-23T04:00:00Z", "planned_exit_at": None}}
    session.save()
    assert current_runtime()["schedule"]["scheduled_entry_at"] == "2026-11-23T04:00:00Z"
