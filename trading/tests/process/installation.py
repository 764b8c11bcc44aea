"""A fresh installation for the process tests: tables, an operator, and configurations whose sessions end soon.

``python -m trading.tests.process.installation`` with the platform's environment set.
"""

from __future__ import annotations

import os
from typing import Any, Final

import django

OPERATOR: Final = "operator@example.com"
PASSWORD: Final = "correct horse battery staple"

# Nothing but the clock ends these, so that a test knows when; and orders get the time that a busy machine takes, which
# at many times real time is minutes of the venue's.
PATIENT: Final[dict[str, Any]] = {
    "max_loss_pct": "1000",
    "max_profit_pct": "100",
    "leg_stop_multiple": None,
    "trailing_sl_enabled": False,
    "trailing_rules": {},
    "order_timeout_seconds": 60,
    "naked_leg_seconds": 300,
    "stale_quote_seconds": 600,
}
HOLD_MINUTES: Final = {"Brief": 5, "Quarter hour": 15, "Two hours": 120}


def install() -> None:
    """Fill an empty database. The active configuration is ``Brief``."""
    from django.core.management import call_command

    from trading.tests.factories_control import configuration, user

    call_command("migrate", verbosity=0)
    made = user("operator", OPERATOR)
    made.set_password(PASSWORD)
    made.save()
    for name, minutes in HOLD_MINUTES.items():
        configuration(name, active=name == "Brief", max_hold_minutes=minutes, **PATIENT)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deltastrangle.settings")
    django.setup()
    install()
