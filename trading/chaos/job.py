"""A job: runs the seeds it is given, one after the other, and tells how each went.

``python -m trading.chaos.job`` with the environment that ``run`` makes. Orders come as JSON lines, answers go out as
JSON lines; the process ends when nobody orders any more.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trading.chaos.scorecard import Result
    from trading.chaos.zygote import Zygote


@dataclass(frozen=True, slots=True)
class Order:
    """One seed to run. ``keep``: leave the run's files where they are, whatever comes out."""

    seed: int
    kill: bool
    faults: bool
    folder: str
    template: str
    keep: bool = False
    cut: bool = False
    expiry: bool = False


def work() -> None:
    """Take orders until there are none."""
    import django

    django.setup()
    from trading.chaos.zygote import Zygote

    zygote = Zygote()
    for line in sys.stdin:
        result = run_seed(Order(**json.loads(line)), zygote)
        sys.stdout.write(json.dumps(asdict(result)) + "\n")
        sys.stdout.flush()
    zygote.close()


def run_seed(order: Order, zygote: Zygote) -> Result:
    """Run one seed in its own folder and judge it; the folder stays if something is wrong."""
    from trading.chaos.driver import Driver
    from trading.chaos.judge import Kind, judge
    from trading.chaos.plan import plan_of
    from trading.chaos.replays import replayed
    from trading.chaos.scorecard import Result, result_of

    plan = plan_of(order.seed, kill=order.kill, faults=order.faults, cut=order.cut, expiry=order.expiry)
    folder = Path(order.folder) / f"seed-{order.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        evidence = asyncio.run(Driver(plan, folder, zygote, Path(order.template)).run())
        replays = replayed(folder, evidence)
        result = result_of(
            order.seed,
            evidence,
            judge(plan, evidence),
            seconds=time.monotonic() - began,
            planned_kills=len(plan.kills) + len(plan.cuts),
            replays=replays,
        )
    except Exception:
        told = traceback.format_exc()
        (folder / "driver.log").write_text(told)
        result = Result(order.seed, time.monotonic() - began, violations=[(Kind.HARNESS.value, told[-600:])])
    if not (result.failed or order.keep):
        shutil.rmtree(folder)
    return result


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deltastrangle.settings")
    work()
