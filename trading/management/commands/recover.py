"""``manage.py recover --from-venue``: a fresh database gets its sessions back from the venue's own record."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from django.core.management.base import CommandError, CommandParser

from deltastrangle.exceptions import ApplicationError
from trading import lease
from trading.engine.ports import Venue
from trading.management.base import refused
from trading.management.delta_tool import DeltaTool, said
from trading.management.recovery import Plan, Truth, plan_of, read_truth, told
from trading.models import Mode, TradingConfiguration
from trading.params import params_from_values
from trading.services.recovery import check_restorable, restore_sessions
from trading.strategy.types import StrategyParams
from trading.venue_factory import account_config, paper_venue
from trading.venues.delta.venue import DeltaVenue

LEASE_SECONDS = 600


class Command(DeltaTool):
    """Reads first, asks, then writes. Needs the worker stopped, and for testnet and live its keys."""

    help = "Rebuild sessions, orders, fills and legs from the venue's record of our client order ids."

    def add_arguments(self, parser: CommandParser) -> None:
        """From where, which account, by which configuration, how far back."""
        parser.add_argument("--from-venue", action="store_true", required=True, help="The source; there is one so far.")
        parser.add_argument("--mode", choices=Mode.values, help="Which account (default: the configuration's mode).")
        parser.add_argument("--configuration", help="Name of the one they ran by (default: the active one).")
        parser.add_argument("--days", type=float, default=14, help="How far back to read (default %(default)s).")
        parser.add_argument("--yes", action="store_true", help="Write without asking.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, tell, ask, write."""
        configuration = _configuration(options["configuration"])
        mode = options["mode"] or configuration.mode
        if not options["days"] > 0:
            raise CommandError("--days must be more than 0", returncode=2)
        owner = f"recover:{socket.gethostname()}:{os.getpid()}"
        token = _claim(owner)
        try:
            self._recover(configuration, mode, owner, token, options)
        except ApplicationError as error:
            raise refused(error) from error
        finally:
            lease.release(owner)

    def _recover(
        self, configuration: TradingConfiguration, mode: str, owner: str, token: int, options: dict[str, Any]
    ) -> None:
        check_restorable(())
        revision = configuration.revisions.order_by("-number").first()
        if revision is None:
            raise CommandError(f"Configuration '{configuration.name}' has no saved revision; save it once more.")
        params = params_from_values(revision.values)
        with said():
            truth = asyncio.run(_read(mode, params, options["days"]))
        plan = plan_of(truth, params)
        self.stdout.write("\n".join(told(truth, plan)))
        check_restorable(one.trail for one in plan.sessions)
        if not plan.sessions:
            return
        if not options["yes"] and not _sure(plan, configuration):
            raise CommandError("Nothing was written.")
        if lease.claim(owner, LEASE_SECONDS) != token:
            raise CommandError("A worker ran meanwhile: stop it and begin again. Nothing was written.")
        self._write(configuration, mode, plan, truth, token)

    def _write(self, configuration: TradingConfiguration, mode: str, plan: Plan, truth: Truth, token: int) -> None:
        written = restore_sessions(
            actor=None, configuration=configuration, mode=mode, sessions=plan.sessions, token=token, at=truth.at
        )
        self.stdout.write(f"{len(written)} sessions are in the ledger again.")
        if plan.opened is not None:
            self.stdout.write(
                f"{plan.opened.strategy_id} is open ({plan.opened.phase.value}): start the worker, which takes it up, "
                "guards and closes it."
            )


def _configuration(name: str | None) -> TradingConfiguration:
    found = (
        TradingConfiguration.objects.filter(name=name) if name else TradingConfiguration.objects.filter(is_active=True)
    )
    configuration = found.first()
    if configuration is None:
        what = f"no configuration '{name}'" if name else "no active configuration; name one with --configuration"
        raise CommandError(f"There is {what}. Create the one the sessions ran by first.")
    return configuration


def _claim(owner: str) -> int:
    token = lease.claim(owner, LEASE_SECONDS)
    if token is None:
        raise CommandError(f"The engine lease is held by {lease.holder()}: stop the worker first.")
    return token


def _sure(plan: Plan, configuration: TradingConfiguration) -> bool:
    count = len(plan.sessions)
    question = f"Write {count} session{'s' if count != 1 else ''} run by '{configuration.name}' into the ledger? [y/N] "
    return input(question).strip().lower() in ("y", "yes")


async def _read(mode: str, params: StrategyParams, days: float) -> Truth:
    venue: Venue
    if mode in ("testnet", "live"):
        delta = DeltaVenue(account_config(mode))
        await delta.link.set_clock()
        venue = delta
    elif mode == "paper":
        venue = paper_venue()
        await venue.connect()
    else:
        raise ValueError(f"Mode '{mode}' keeps its account in the worker's memory; there is nothing to recover from.")
    try:
        return await read_truth(venue, params, days=days)
    finally:
        await venue.close()
