"""Setting the clock: what a lost attempt or a wait took is not taken for the way to the exchange."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from trading.venues.delta.link import Link
from trading.venues.delta.tests.support import Exchange, ManualTime, config, good


class Answers:
    """``/v2/settings`` with the right time, each answer after so many seconds; None is an attempt that is lost."""

    def __init__(self, *seconds: float | None) -> None:
        self.time = ManualTime()
        self.exchange = Exchange()
        self.exchange.on("GET /v2/settings", *(self._after(wait) for wait in seconds))
        self.link = Link(config(), http=self.exchange.transport, wall=self.time.wall, waits=self.time.waits)

    @property
    def asked(self) -> int:
        """How often the exchange was asked."""
        return len(self.exchange.asked("GET /v2/settings"))

    def _after(self, seconds: float | None) -> Callable[[httpx.Request], httpx.Response | Exception]:
        def answer(request: httpx.Request) -> httpx.Response | Exception:
            if seconds is None:
                self.time.advance(5.0)
                return httpx.ReadTimeout("no answer", request=request)
            self.time.advance(seconds - 0.05)
            told = good({"server_time": int(self.time.wall() * 1e6)})
            self.time.advance(0.05)
            return told

        return answer


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_lost_attempts_do_not_set_it_wrong(lost: int) -> None:
    answers = Answers(*[None] * lost, 0.1)
    await answers.link.set_clock()
    assert answers.link.clock.synced
    assert answers.link.clock.skew_ms == pytest.approx(0, abs=1)
    assert answers.asked == lost + (2 if lost else 1)


async def test_a_clock_that_is_set_is_kept_when_all_answers_are_slow(caplog: pytest.LogCaptureFixture) -> None:
    answers = Answers(0.1, 4.0)
    await answers.link.set_clock()
    await answers.link.set_clock()
    assert answers.link.clock.skew_ms == pytest.approx(0, abs=1)
    assert [getattr(record, "event", "") for record in caplog.records] == ["delta_clock_kept"]
    assert answers.asked == 3


async def test_a_slow_answer_sets_a_clock_that_was_never_set_and_a_better_one_corrects_it() -> None:
    answers = Answers(6.0, 4.0, 5.0, 5.0, 3.0, 2.0, 0.2)
    skews = []
    for _ in range(4):
        await answers.link.set_clock()
        skews.append(round(answers.link.clock.skew_ms))
    assert skews == [1950, 1950, 950, 50]
