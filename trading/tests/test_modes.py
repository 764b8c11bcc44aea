"""Where a session may trade: what each mode needs, how it is refused, and what becomes of a session without a venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEvent
from deltastrangle.exceptions import Conflict, InvalidInput, PermissionRefused
from trading.engine.ports import ModeUnavailable, Venue
from trading.models import DecisionRecord, EngineCommand, StrategySession, TradingConfiguration
from trading.opening import NotConfirmed, open_session
from trading.selectors.runtime import current_runtime
from trading.services.configurations import clone_configuration, confirm_live, update_configuration
from trading.services.control import request_control
from trading.services.preflight import record_preflight
from trading.strategy.types import Phase
from trading.tests import factories_control as make
from trading.tests.rig import Rig
from trading.venue_factory import Venues
from trading.venues.delta.dry_run import DryRunVenue
from trading.venues.delta.venue import DeltaVenue

KEYS = {"testnet": ("DELTA_TESTNET_API_KEY", "DELTA_TESTNET_API_SECRET"), "live": ("DELTA_API_KEY", "DELTA_API_SECRET")}
SIMULATOR = {
    "DELTA_TESTNET_URL": "http://127.0.0.1:9400",
    "DELTA_TESTNET_PUBLIC_WS_URL": "ws://127.0.0.1:9400/public",
    "DELTA_TESTNET_PRIVATE_WS_URL": "ws://127.0.0.1:9400/private",
}


@pytest.fixture
def ready(settings: Settings) -> Settings:
    """An installation on which every mode may trade."""
    settings.STRANGLE_LAYOUT = "split"
    settings.DELTA_LIVE_TRADING = True
    for names in KEYS.values():
        for name in names:
            setattr(settings, name, f"value of {name}")
    return settings


def preflight(*, passed: bool = True) -> None:
    """A pre-flight of mode live, just run."""
    checks: list[dict[str, object]] = [{"name": "key", "passed": passed, "found": "", "advice": ""}]
    record_preflight(mode="live", environment="india_prod", checks=checks, source="command")


def confirmed(**values: Any) -> TradingConfiguration:
    """A live configuration whose newest revision may trade money."""
    made = make.configuration(mode="live", **values)
    return confirm_live(actor=None, configuration_id=made.pk, typed_name=made.name, source="command")


def start() -> str:
    """The status with which a start is answered."""
    return request_control(actor=None, action="start", source="command").status


# --- the factory -----------------------------------------------------------------------------------


async def test_a_venue_is_built_once_and_closed_in_the_end(ready: Settings) -> None:
    venues = Venues()
    first = venues.venue_for("testnet")
    assert venues.venue_for("testnet") is first
    await venues.close()
    assert venues.venue_for("testnet") is not first
    await venues.close()


async def test_each_mode_has_its_own_addresses(ready: Settings) -> None:
    for name, value in SIMULATOR.items():
        setattr(ready, name, value)
    ready.DELTA_TESTNET_SPEED = 60.0
    venues = Venues()
    dry, testnet, live = (venues.venue_for(mode) for mode in ("dry_run", "testnet", "live"))
    assert isinstance(dry, DryRunVenue)
    assert (dry.config.rest_url, dry.config.api_key) == ("https://api.india.delta.exchange", "")
    assert isinstance(testnet, DeltaVenue)
    assert (testnet.config.environment, testnet.config.clock_speed) == ("india_testnet", 60.0)
    assert testnet.config.rest_url == SIMULATOR["DELTA_TESTNET_URL"]
    assert testnet.config.ws_private_url == SIMULATOR["DELTA_TESTNET_PRIVATE_WS_URL"]
    assert testnet.config.api_secret == "value of DELTA_TESTNET_API_SECRET"
    assert isinstance(live, DeltaVenue)
    assert (live.config.rest_url, live.config.clock_speed) == ("https://api.india.delta.exchange", 1.0)
    assert live.config.api_secret == "value of DELTA_API_SECRET"
    await venues.close()


async def test_testnet_is_in_the_region_of_the_environment(ready: Settings) -> None:
    ready.DELTA_ENVIRONMENT = "global_prod"
    venues = Venues()
    testnet = venues.venue_for("testnet")
    assert isinstance(testnet, DeltaVenue)
    assert testnet.config.rest_url == "https://testnet-api.delta.exchange"
    await venues.close()


@pytest.mark.parametrize(
    ("mode", "changes", "reason"),
    [
        ("testnet", {"STRANGLE_LAYOUT": "embedded"}, "needs the split layout"),
        ("testnet", {"DELTA_TESTNET_API_SECRET": None}, "needs DELTA_TESTNET_API_KEY and DELTA_TESTNET_API_SECRET"),
        ("live", {"STRANGLE_LAYOUT": "embedded"}, "needs the split layout"),
        ("live", {"DELTA_LIVE_TRADING": False}, "switched off"),
        ("live", {"DELTA_API_KEY": None}, "needs DELTA_API_KEY and DELTA_API_SECRET"),
        ("live", {"DELTA_ENVIRONMENT": "india_testnet"}, "needs production; DELTA_ENVIRONMENT is india_testnet"),
        ("moon", {}, "Nobody knows a mode 'moon'"),
    ],
)
def test_a_mode_that_lacks_something_says_what(
    ready: Settings, mode: str, changes: dict[str, object], reason: str
) -> None:
    for name, value in changes.items():
        setattr(ready, name, value)
    with pytest.raises(ModeUnavailable, match=reason):
        Venues().venue_for(mode)


# --- starting --------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["paper", "dry_run"])
def test_paper_and_dry_run_start_in_the_embedded_layout(mode: str) -> None:
    make.configuration(mode=mode)
    assert start() == "starting"


@pytest.mark.django_db
def test_testnet_starts_in_the_split_layout_only(settings: Settings) -> None:
    make.configuration(mode="testnet")
    with pytest.raises(InvalidInput, match="needs the split layout"):
        start()
    settings.STRANGLE_LAYOUT = "split"
    assert start() == "starting"


@pytest.mark.django_db
def test_live_names_everything_that_is_missing_at_once() -> None:
    make.configuration(mode="live")
    with pytest.raises(InvalidInput) as refused:
        start()
    for part in ("split layout", "DELTA_LIVE_TRADING", "not confirmed for live", "No pre-flight was run"):
        assert part in refused.value.detail
    assert StrategySession.objects.count() == 0


@pytest.mark.django_db
def test_live_starts_when_confirmed_and_a_pre_flight_passed(ready: Settings) -> None:
    confirmed()
    preflight()
    assert start() == "starting"
    assert StrategySession.objects.get().mode == "live"


@pytest.mark.django_db
def test_live_does_not_start_on_a_failed_or_an_old_pre_flight(ready: Settings) -> None:
    confirmed()
    preflight()
    preflight(passed=False)
    with pytest.raises(InvalidInput, match=r"newest pre-flight failed \(key\)"):
        start()
    preflight()
    with (
        time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1), tick=False),
        pytest.raises(InvalidInput, match="older than 24 hours"),
    ):
        start()


# --- confirming ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_confirmation_is_for_one_revision(ready: Settings) -> None:
    made = confirmed()
    assert made.confirmed_for_live
    preflight()
    update_configuration(actor=None, configuration_id=made.pk, values={"quantity": 3}, source="command")
    with pytest.raises(InvalidInput, match="Revision 2 of 'Demo' is not confirmed"):
        start()
    assert AuditEvent.objects.filter(action="configuration.confirm_live", outcome="ok").count() == 1


@pytest.mark.django_db
def test_the_next_session_of_an_edited_live_configuration_is_not_opened() -> None:
    made = confirmed()
    update_configuration(actor=None, configuration_id=made.pk, values={"quantity": 3}, source="command")
    made.refresh_from_db()
    with pytest.raises(NotConfirmed):
        open_session(configuration=made, started_by=None)


@pytest.mark.django_db
def test_a_clone_is_not_confirmed() -> None:
    made = confirmed()
    assert not clone_configuration(actor=None, configuration_id=made.pk, source="command").confirmed_for_live


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["", "demo", "Demo 2"])
def test_the_name_has_to_be_typed_exactly(typed: str) -> None:
    made = make.configuration(mode="live")
    with pytest.raises(InvalidInput, match="Type the configuration's name exactly: Demo"):
        confirm_live(actor=None, configuration_id=made.pk, typed_name=typed, source="command")
    made.refresh_from_db()
    assert not made.confirmed_for_live


@pytest.mark.django_db
def test_only_live_configurations_are_confirmed_and_only_by_operators() -> None:
    paper = make.configuration("Paper", active=False)
    with pytest.raises(Conflict, match="this one is 'paper'"):
        confirm_live(actor=None, configuration_id=paper.pk, typed_name="Paper", source="command")
    made = make.configuration(mode="live")
    with pytest.raises(PermissionRefused):
        confirm_live(actor=make.user("viewer"), configuration_id=made.pk, typed_name="Demo")


@pytest.mark.django_db
def test_the_api_confirms(client: Client) -> None:
    made = make.configuration(mode="live")
    client.force_login(make.user("operator"))
    url = f"/api/configurations/{made.pk}/confirm-live"
    refused = client.post(url, {"name": "other"}, content_type="application/json")
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["name"])
    answer = client.post(url, {"name": "Demo"}, content_type="application/json")
    assert (answer.status_code, answer.json()["confirmed_for_live"]) == (200, True)


# --- the engine ------------------------------------------------------------------------------------


class Gate:
    """Gives a rig's venue, unless it is shut."""

    def __init__(self, rig: Rig, *, shut: bool) -> None:
        self.shut = shut
        self._rig = rig

    def venue_for(self, mode: str) -> Venue:
        """The rig's venue for paper; for others only while open."""
        if self.shut and mode != "paper":
            raise ModeUnavailable("The keys are missing.")
        return self._rig.venue


@pytest.fixture
def gated() -> Callable[[Rig, bool], Gate]:
    """Puts a gate before a rig's venue."""

    def put(rig: Rig, shut: bool) -> Gate:
        gate = Gate(rig, shut=shut)
        rig.engine._venue_for = gate.venue_for
        return gate

    return put


@pytest.mark.django_db(transaction=True)
async def test_a_session_whose_mode_has_no_venue_ends_and_its_start_fails_with_the_reason(
    gated: Callable[[Rig, bool], Gate],
) -> None:
    rig = Rig()
    gated(rig, True)
    try:
        session = await rig.start(mode="dry_run", repeat="daily")
        await rig.step()
        assert (session.status, session.phase, session.exit_reason) == ("stopped", "closed", "no_entry")
        decision = await DecisionRecord.objects.aget(session=session)
        assert (decision.kind, decision.message) == ("mode_unavailable", "The keys are missing.")
        command = await EngineCommand.objects.aget()
        assert (command.status, command.result["error"]) == ("failed", "The keys are missing.")
        assert await StrategySession.objects.acount() == 1
        assert rig.engine.session is None
    finally:
        await rig.close()


@pytest.mark.django_db(transaction=True)
async def test_a_session_that_holds_something_waits_for_its_venue_and_so_do_its_commands(
    gated: Callable[[Rig, bool], Gate],
) -> None:
    rig = Rig()
    try:
        session = await rig.start(mode="dry_run")
        await rig.until_live()
        await rig.restart()
        await rig.engine.shut_down()
        rig.engine = rig.new_engine("successor")
        gate = gated(rig, True)
        await rig.step()
        asked = await rig.ask("stop")
        await rig.step(60)
        await session.arefresh_from_db()
        command = await EngineCommand.objects.aget(pk=asked.command_id)
        assert (session.status, command.status, rig.engine.session) == ("running", "pending", None)
        shown = await sync_to_async(current_runtime)()
        assert shown["attention"] == "The keys are missing."
        gate.shut = False
        await rig.run(lambda: rig.exchange.positions() == [] and rig.engine.session is None, limit=1000)
        await session.arefresh_from_db()
        assert (session.exit_reason, rig.phase) == ("stopped", Phase.CLOSED)
        assert rig.exchange.positions() == []
    finally:
        await rig.close()


@pytest.mark.django_db(transaction=True)
async def test_a_panic_without_the_keys_says_so_at_once_and_leaves_the_lease(
    gated: Callable[[Rig, bool], Gate], settings: Settings, tmp_path: Path
) -> None:
    settings.STRANGLE_LAYOUT = "split"
    settings.SIMULATED_VENUE_PATH = tmp_path / "venue.sqlite3"
    rig = Rig()
    gated(rig, False)
    try:
        session = await rig.start(mode="testnet")
        await rig.until_live()
        await rig.engine.shut_down()
        with pytest.raises(CommandError, match="Cannot flatten from here: Mode 'testnet' needs DELTA_TESTNET") as ended:
            await asyncio.to_thread(call_command, "panic", stdout=StringIO(), stderr=StringIO())
        assert ended.value.returncode == 3
        await session.arefresh_from_db()
        assert session.status == "running"
        assert (await EngineCommand.objects.aget(action="panic")).status == "pending"
        assert await rig.store.claim_lease("the worker", 3.0) is not None
    finally:
        await rig.close()
