"""What the Live page says when the exchange answers badly: each state by name, with what to do, over the real wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from trading.models import DecisionRecord, OrderLedger
from trading.panels.alerts import alerts
from trading.panels.records import Records
from trading.selectors.runtime import current_runtime
from trading.strategy.types import Phase
from trading.tests.wire_rig import WireRig
from trading.venues.acceptance.wire import KEY, SECRET

pytestmark = pytest.mark.django_db(transaction=True)
CALM: dict[str, Any] = {"max_loss_pct": "1000", "max_profit_pct": "100"}
DISAGREE = "disagree"


@pytest.fixture
async def rig() -> AsyncIterator[WireRig]:
    made = WireRig()
    yield made
    await made.close()


async def page(rig: WireRig) -> str:
    """The alert strip of the Live page as it is now."""
    rig.engine._due.clear()
    await rig.step()
    runtime = await sync_to_async(current_runtime)()
    return " | ".join(alert.text for alert in alerts(runtime, Records()))


async def says(rig: WireRig, *words: str) -> str:
    """Step until the page says all of it; AssertionError with its last words when it never does."""
    shown = ""
    for _ in range(90):
        shown = await page(rig)
        if all(word in shown for word in words):
            return shown
    raise AssertionError(f"{words} not in: {shown}")


BAD_INPUT = (
    ("ip_refused", "Ip not whitelisted", "client_ip 127.0.0.1", "whitelist at the exchange"),
    (
        "not_success:path=/v2/positions,code=invalid_api_key",
        "Invalid api key",
        "Check the environment setting and the key",
    ),
    ("not_success:path=/v2/positions,code=unauthorized_api_access", "Unauthorized api access", "Trading permission"),
    ("maintenance", "under maintenance", "resumes by itself"),
    ("server_error:path=/v2/positions", "with a page instead of an answer", "Reads are repeated"),
    ("truncated:path=/v2/positions", "not JSON", "The answer was cut off"),
    ("not_success:path=/v2/positions,code=brand_new", "Brand new", "a reason this client does not know"),
)


@pytest.mark.parametrize(("fault", "words"), [(fault, words) for fault, *words in BAD_INPUT])
async def test_a_live_session_names_what_the_exchange_says_and_what_to_do(
    rig: WireRig, fault: str, words: list[str]
) -> None:
    await rig.start(**CALM)
    await rig.until_live()
    rig.wire.fault(fault)
    shown = await says(rig, *words)
    assert DISAGREE not in shown
    assert KEY not in shown
    assert SECRET not in shown
    rig.wire.server.faults.lift()
    await rig.run(lambda: not rig.wire.venue.health().detail, limit=90)
    assert rig.phase is Phase.LIVE


async def test_a_start_with_a_key_of_another_host_says_so_instead_of_waiting_in_silence(rig: WireRig) -> None:
    rig.wire.fault(
        "not_success:path=/v2/orders,code=invalid_api_key; not_success:path=/v2/positions,code=invalid_api_key"
    )
    await rig.start(**CALM)
    shown = await says(rig, "No connection to the venue", "Invalid api key", "India and global", "No entry yet")
    assert ".." not in shown


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("insufficient_margin", "Add funds or lower the quantity"),
        ("unauthorized_api_access", "Trading permission"),
        ("derivatives_trading_blocked", "put right at the exchange"),
        ("risk_limits_breached", "risk limit of the exchange"),
        ("brand_new", "a reason this client does not know"),
    ],
)
async def test_an_entry_refused_for_good_is_sent_once_and_the_decisions_say_why(
    rig: WireRig, code: str, words: str
) -> None:
    rig.wire.fault(f"reject:side=sell,code={code}")
    session = await rig.start(**CALM)
    await rig.run(lambda: rig.engine.session is None, limit=90)
    given_up = await DecisionRecord.objects.aget(session=session, kind="entry_abandoned")
    assert code.replace("_", " ").capitalize() in given_up.message
    assert words in given_up.message
    assert await OrderLedger.objects.filter(session=session).acount() == 2
    told = [row.message async for row in DecisionRecord.objects.filter(session=session, kind="order_unknown")]
    assert not any("no answer from the venue" in message for message in told)
