"""Why did it close, and what was nearest: the trace of the exit rules in the store, on the page and in the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from trading.engine.trace import TURNS_A_MINUTE, TraceKeeper
from trading.models import DecisionTrace, StrategySession
from trading.selectors.traces import nearest_of, stretches_at, why_closed
from trading.strategy.events import RuleResult, Verdict
from trading.strategy.types import ExitReason, Phase
from trading.tests.factories_control import user
from trading.tests.scene import Scene

START = datetime(2026, 9, 4, 4, 0, tzinfo=UTC)


def look(*progress: float, verdict: Verdict = Verdict.HOLD) -> tuple[RuleResult, ...]:
    """Results of the first rules with these progresses; the verdict is the first rule's."""
    rules = tuple(ExitReason)[: len(progress)]
    return tuple(
        RuleResult(rule, verdict if index == 0 else Verdict.HOLD, Decimal(1), Decimal(2), "%", share)
        for index, (rule, share) in enumerate(zip(rules, progress, strict=True))
    )


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def test_looks_with_the_same_verdicts_are_one_stretch_of_a_minute_at_most() -> None:
    keeper = TraceKeeper()
    for number in range(1201):
        keeper.see(at(number / 10), Phase.LIVE, look(0.1, 0.3))
    assert [(s.first_at, s.last_at, s.looks) for s in keeper.take()] == [
        (at(0), at(59.9), 600),
        (at(60), at(119.9), 600),
    ]
    assert keeper.take() == ()


@pytest.mark.parametrize("other", [look(0.1, 0.3, verdict=Verdict.UNKNOWN), look(0.5, 0.3)])
def test_another_verdict_or_another_nearest_rule_begins_a_stretch(other: tuple[RuleResult, ...]) -> None:
    keeper = TraceKeeper()
    keeper.see(at(0), Phase.LIVE, look(0.1, 0.3))
    keeper.see(at(1), Phase.LIVE, other)
    keeper.end()
    first, second = keeper.take()
    assert (first.last_at, second.first_at) == (at(0), at(1))
    assert first.nearest_rule == "max_profit"


def test_a_rule_that_acts_has_a_stretch_of_its_own() -> None:
    keeper = TraceKeeper()
    for second, verdict in enumerate((Verdict.HOLD, Verdict.ACT, Verdict.HOLD)):
        keeper.see(at(second), Phase.LIVE, look(0.1, 0.3, verdict=verdict))
    keeper.end()
    assert [(s.looks, s.nearest_rule, s.nearest_progress) for s in keeper.take()] == [
        (1, "max_profit", 0.3),
        (1, "max_loss", 1.0),
        (1, "max_profit", 0.3),
    ]


def test_each_rule_keeps_its_peak_and_when_that_was() -> None:
    keeper = TraceKeeper()
    for second, share in enumerate((0.2, 0.6, 0.4)):
        keeper.see(at(second), Phase.LIVE, look(0.65, share))
    keeper.end()
    (stretch,) = keeper.take()
    assert stretch.results[1]["progress"] == 0.4
    assert (stretch.results[1]["peak"], stretch.results[1]["peak_at"]) == (0.6, "2026-09-04T04:00:01Z")


def test_a_flickering_market_does_not_make_a_row_a_look() -> None:
    keeper = TraceKeeper()
    for number in range(600):
        flicker = Verdict.UNKNOWN if number % 2 else Verdict.HOLD
        keeper.see(at(number / 10), Phase.LIVE, look(0.1, 0.3, verdict=flicker))
    keeper.see(at(59.95), Phase.LIVE, look(1.0, 0.3, verdict=Verdict.ACT))
    keeper.end()
    stretches = keeper.take()
    assert len(stretches) <= TURNS_A_MINUTE + 2
    assert sum(s.looks for s in stretches) == 601
    assert stretches[-1].nearest_progress == 1.0


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh, watched engine at 09:25 IST."""
    made = Scene()
    yield made
    await made.close()


@pytest.mark.django_db(transaction=True)
async def test_the_deciding_look_is_in_the_transaction_of_the_decision(scene: Scene) -> None:
    seen: list[list[dict[str, Any]]] = []

    async def look_at_the_decision(what: str) -> None:
        if what == "written" and not seen and await StrategySession.objects.exclude(exit_reason="").aexists():
            seen.append((await DecisionTrace.objects.order_by("first_at", "id").alast()).results)  # type: ignore[union-attr]

    scene.point = look_at_the_decision
    session = await scene.play(max_hold_minutes=3)
    assert [rule["rule"] for rule in seen[0] if rule["verdict"] == "act"] == ["time_exit"]
    await scene.store.publish({}, owner="rig")
    rows = [row async for row in DecisionTrace.objects.filter(session=session).order_by("first_at", "id")]
    assert len(rows) >= 3
    assert {row.phase for row in rows} == {"live"}
    for earlier, later in pairwise(rows):
        assert earlier.last_at <= later.first_at


@pytest.fixture
def traded(transactional_db: None) -> StrategySession:
    """A session that lived for six minutes and closed by the clock."""

    async def play() -> StrategySession:
        scene = Scene()
        session = await scene.play(seconds=5, max_hold_minutes=6)
        await scene.close()
        return session

    return asyncio.run(play())


def test_every_minute_of_a_session_has_its_stretch(traded: StrategySession) -> None:
    why = why_closed(traded.pk)
    assert why.rule is not None
    assert (why.reason, why.rule["rule"], why.rule["unit"]) == ("time_exit", "time_exit", "s")
    rows = list(DecisionTrace.objects.filter(session=traded).order_by("first_at", "id"))
    minute = rows[0].first_at
    while minute < rows[-1].last_at:
        found = stretches_at(traded.pk, minute)
        assert found
        assert found[0].first_at < minute + timedelta(minutes=1)
        assert found[-1].last_at >= minute
        minute += timedelta(minutes=1)
    assert stretches_at(traded.pk, rows[-1].last_at + timedelta(hours=1)) == [rows[-1]]
    assert stretches_at(traded.pk, rows[0].first_at - timedelta(hours=1)) == []


def test_the_nearest_approach_of_each_rule_comes_nearest_first(traded: StrategySession) -> None:
    found = nearest_of(traded.pk)
    shares = [rule.progress for rule in found]
    assert found[0].rule == "time_exit"
    assert shares == sorted(shares, reverse=True)
    assert {"max_loss", "max_profit", "stale_data"} <= {rule.rule for rule in found}


def page(pk: int, **query: str) -> str:
    """The session's page as a viewer sees it."""
    client = Client()
    client.force_login(user("viewer", f"viewer{len(query)}@example.org"))
    response = client.get(reverse("session-detail", args=[pk]), query)
    assert response.status_code == 200
    return response.content.decode().replace("\u00a0", " ")


def test_the_page_says_why_it_closed_and_what_was_nearest(traded: StrategySession) -> None:
    text = page(traded.pk)
    assert "Why did it close?" in text
    assert "Exit time reached" in text
    assert "What was nearest?" in text
    assert '<b class="down">acts</b>' in text


def test_a_minute_can_be_picked_with_and_without_javascript(traded: StrategySession) -> None:
    minute = "2026-09-04T09:27"
    text = page(traded.pk, at=minute)
    assert f'value="{minute}"' in text
    client = Client()
    client.force_login(user("viewer"))
    panel = client.get(reverse("session-trace", args=[traded.pk]), {"at": minute}).content.decode()
    assert panel.startswith("<section")
    assert f'value="{minute}"' in panel
    assert "That is no minute" in page(traded.pk, at="soon", x="")
    assert client.get(reverse("session-trace", args=[traded.pk + 1])).status_code == 404


def asked(pk: int, status: int = 200, **query: Any) -> Any:
    """The API's answer."""
    api = APIClient()
    api.force_authenticate(user("viewer", f"api{status}{len(query)}{query.get('page', '')}@example.org"))
    response = api.get(f"/api/trading/sessions/{pk}/decisions/", query)
    assert response.status_code == status, response.content
    return response.json()


def test_the_api_gives_journal_and_trace_of_a_minute_and_of_a_span(traded: StrategySession) -> None:
    everything = asked(traded.pk)
    kinds = [line["kind"] for line in everything["journal"]["items"]]
    assert "exit_decided" in kinds
    last = everything["traces"]["items"][-1]
    assert "act" in [rule["verdict"] for rule in last["results"]]
    minute = asked(traded.pk, at=last["last_at"])
    assert minute["traces"]["total"] == 1
    assert minute["traces"]["items"][0] == last
    first = everything["traces"]["items"][0]
    span = asked(traded.pk, **{"from": first["first_at"], "to": first["first_at"]})
    assert span["traces"]["items"] == [first]
    pages = asked(traded.pk, page=2, page_size=1)
    assert pages["traces"]["items"] == everything["traces"]["items"][1:2]
    assert asked(traded.pk, page=999)["traces"]["items"] == []


def test_the_api_refuses_what_it_cannot_read(traded: StrategySession) -> None:
    assert "not both" in str(asked(traded.pk, 422, **{"at": "2026-09-04T04:00:00Z", "from": "2026-09-04T04:00:00Z"}))
    backwards = {"from": "2026-09-05T04:00:00Z", "to": "2026-09-04T04:00:00Z", "page": 1}
    assert "must not be after" in str(asked(traded.pk, 422, **backwards))
    asked(traded.pk, 422, at="soon")
    asked(traded.pk + 1, 404)
