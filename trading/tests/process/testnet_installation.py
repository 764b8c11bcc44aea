"""Two more configurations for an installation, both of mode ``testnet``: one that ends soon, one that an operator ends.

``python -m trading.tests.process.testnet_installation`` with the platform's environment set.
"""

from __future__ import annotations

import os
from typing import Final

import django

HOLD_MINUTES: Final = {"Testnet brief": 3, "Testnet": 120}


def install() -> None:
    """Save them; the active configuration stays what it is."""
    from trading.tests.factories_control import configuration
    from trading.tests.process.installation import PATIENT

    for name, minutes in HOLD_MINUTES.items():
        configuration(name, active=False, mode="testnet", max_hold_minutes=minutes, **PATIENT)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deltastrangle.settings")
    django.setup()
    install()
